package portable

import (
	"fmt"
	"slices"
	"strings"

	atlas "ariga.io/atlas/sql/migrate"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/lint"
	"github.com/sluice-ci/sluice/migrate/plan"
)

// rawSQL takes scripts as they stand: a statement a step.
func (b *builder) rawSQL(op *change.SQL) error {
	for _, name := range op.Tables {
		if _, err := b.table(name); err != nil {
			return err
		}
	}
	if len(op.Tables) == 0 {
		b.extra = append(b.extra, "*")
	}
	b.hazard("SL100", "raw SQL: only what it destroys is looked for, nothing keeps old and new columns in step, and nothing verifies the data", "use the declared operations where there is one")
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
	if len(expand) > 0 && len(undo) == 0 {
		expand[0].Irreversible = "the change gives no undo script"
	}
	if len(expand) > 0 {
		for _, s := range undo {
			expand[0].Undo = append(expand[0].Undo, s.SQL...)
		}
	}
	for i := range contract {
		contract[i].Irreversible = "raw SQL of the contract script has run"
	}
	b.plan.Expand, b.plan.Drop = append(b.plan.Expand, expand...), append(b.plan.Drop, contract...)
	return nil
}

// everywhere are the lint rules that hold for every database: what is destroyed outside of contract, and transactions.
var everywhere = []string{"SL101", "SL102", "SL103", "SL211"}

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
		step := plan.Step{What: fmt.Sprintf("%s, statement %d", file, i+1), SQL: []string{text}, Lock: b.online(), Scans: true}
		for _, h := range lint.Statement(text, phase) {
			if slices.Contains(everywhere, h.Rule) {
				h.Allowed = b.change.Allowed(h.Rule)
				h.Refused = h.Refused && h.Allowed == ""
				step.Hazards = append(step.Hazards, h)
			}
		}
		steps = append(steps, step)
	}
	return steps, nil
}
