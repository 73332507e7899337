package compile

import (
	"fmt"
	"regexp"
	"strings"

	atlas "ariga.io/atlas/sql/migrate"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/lint"
	"github.com/sluice-ci/sluice/migrate/plan"
)

// rawSQL takes scripts as they stand: a statement a step. They are linted by what their words say; what they do to the data
// nobody checks, and the plan says so.
func (b *builder) rawSQL(op *change.SQL) error {
	if b.scratch != nil { // qualified names in a script would reach the real tables
		return nil
	}
	for _, name := range op.Tables {
		if _, _, err := b.table(name); err != nil {
			return err
		}
	}
	if len(op.Tables) == 0 {
		b.extra = append(b.extra, "*")
	}
	b.hazard("SL100", "raw SQL: nothing keeps old and new columns in step, and nothing verifies the data", "use the declared operations where there is one")
	expand, err := b.script(op.Expand, lint.Expand)
	if err != nil {
		return err
	}
	undo, err := b.script(op.Undo, lint.Undo)
	if err != nil {
		return err
	}
	contract, err := b.script(op.Contract, lint.Contract)
	if err != nil {
		return err
	}
	if len(expand) > 0 {
		for _, s := range undo {
			expand[0].Undo = append(expand[0].Undo, s.SQL...)
		}
		if len(undo) == 0 {
			expand[0].Irreversible = "the change gives no undo script"
		}
	}
	for i := range contract {
		contract[i].Irreversible = "raw SQL of the contract script has run"
	}
	b.plan.Expand = append(b.plan.Expand, expand...)
	b.plan.Drop = append(b.plan.Drop, contract...)
	return nil
}

var (
	outside      = regexp.MustCompile(`(?is)^\s*(create\s+(unique\s+)?index\s+concurrently|drop\s+index\s+concurrently|reindex|vacuum|alter\s+system)\b`)
	rawIndexName = regexp.MustCompile(`(?is)^\s*create\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)\s+on\s+(?:only\s+)?(?:("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)\.)?`)
)

func (b *builder) script(file string, phase lint.Phase) ([]plan.Step, error) {
	if file == "" {
		return nil, nil
	}
	statements, err := atlas.Stmts(b.change.Scripts[file])
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", file, err)
	}
	var steps []plan.Step
	for i, s := range statements {
		text := strings.TrimSuffix(strings.TrimSpace(s.Text), ";")
		step := plan.Step{What: fmt.Sprintf("%s, statement %d", file, i+1), SQL: []string{text}, Lock: lint.Lock(text), Outside: outside.MatchString(text)}
		step.Scans = step.Outside
		if m := rawIndexName.FindStringSubmatch(text); m != nil {
			schema := quote(b.change.Schema)
			if m[2] != "" {
				schema = m[2]
			}
			step.Concurrent = schema + "." + m[1]
			if !strings.HasPrefix(m[1], `"`) {
				step.Concurrent = schema + "." + strings.ToLower(m[1])
			}
		}
		for _, f := range lint.Statement(text, phase) {
			f.Allowed = b.change.Allowed(f.Rule)
			for _, d := range s.Directive("nolint") {
				if strings.Contains(d, f.Rule) || strings.TrimSpace(d) == "" {
					f.Allowed = "nolint directive in " + file
				}
			}
			f.Refused = f.Refused && f.Allowed == ""
			step.Hazards = append(step.Hazards, f)
		}
		steps = append(steps, step)
	}
	return steps, nil
}
