package plan

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// SQL is every statement of the plan in the order in which it runs, with what undoes it as comments. It holds nothing that changes by
// itself between two databases of one shape.
func (p *Plan) SQL() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- %s as migrate-plan renders it; written with --write, not by hand.\n", p.Change)
	renderSteps(&b, "expand", p.Expand)
	for i, f := range p.Fills {
		fmt.Fprintf(&b, "\n-- backfill %d: in ranges of %s\n%s;\n-- verify %d: nothing must break the invariant\n%s;\n", i+1, strings.Join(f.KeyNames(), ", "), f.Update(""), i+1, f.Mismatches("true"))
	}
	renderSteps(&b, "settle", p.Settle)
	for i, c := range p.Checks {
		fmt.Fprintf(&b, "\n-- check %d: no %s\n%s;\n", i+1, c.What, c.Count)
	}
	renderSteps(&b, "tombstone", p.Tombstone)
	renderSteps(&b, "drop", p.Drop)
	return b.String()
}

func renderSteps(b *strings.Builder, phase string, steps []Step) {
	for i, s := range steps {
		fmt.Fprintf(b, "\n-- %s %d: %s; lock %s\n", phase, i+1, s.What, s.Lock)
		for _, sql := range s.SQL {
			fmt.Fprintf(b, "%s;\n", sql)
		}
		for _, sql := range s.Undo {
			fmt.Fprintf(b, "-- undo: %s;\n", strings.ReplaceAll(sql, "\n", "\n--       "))
		}
	}
}

// Reviewed refuses a plan whose SQL is not what lies rendered beside the change, if anything does.
func (p *Plan) Reviewed(c *change.Change) error {
	rendered, there := c.Scripts[change.RenderedFile]
	if !there || rendered == p.SQL() {
		return nil
	}
	was, is := strings.Split(rendered, "\n"), strings.Split(p.SQL(), "\n")
	i := 0
	for i < len(was)-1 && i < len(is)-1 && was[i] == is[i] {
		i++
	}
	return refusal.New("%s of %s is not the SQL of this database: line %d reads %q, and would be %q", change.RenderedFile, p.Change, i+1, was[i], is[i]).
		Remedy("this database, the change or the tool differs from when it was written; look why, then write it anew with migrate-plan --write and review it")
}
