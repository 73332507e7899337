package portable

import (
	"fmt"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// A derive gives one column a value where a writer leaves it NULL.
type derive struct {
	grammar
	version string
	trigger string
	table   *table
	column  column
	expr    string
	// follow keeps the value in step with the row for as long as nobody has set it to something else.
	follow bool
	// displaces records the rows whose NULL was replaced, so that rollback can put it back.
	displaces bool
	// mandatory refuses what is NULL all the same.
	mandatory bool
}

// derive adds the step that attaches the triggers, and the fill.
func (b *builder) derive(d *derive, what string, fill bool) error {
	d.grammar, d.version, d.trigger = b.dialect, b.change.Version, b.trigger()
	if len(d.table.key) == 0 {
		return noKey(d.table)
	}
	if err := b.pure(d.table, d.expr); err != nil {
		return err
	}
	if d.displaces {
		if err := b.recordable(d.table); err != nil {
			return err
		}
	}
	b.plan.Expand = append(b.plan.Expand, b.attach(d.table, d.trigger, what, b.derived(d)))
	if fill {
		b.filled = append(b.filled, d.column.name)
		b.plan.Fills = append(b.plan.Fills, keepStamps(d.fill(), d.table))
	}
	return nil
}

func (d *derive) fill() plan.Fill {
	f := plan.Fill{
		Table: change.TableName{Name: d.table.name}, Key: d.table.keyFor(), EstRows: d.table.rows,
		Set: []plan.Assign{{Column: d.column.name, Expr: d.expr}}, Pending: quote(d.column.name) + " IS NULL AND (" + d.expr + ") IS NOT NULL",
	}
	f.Mismatch = f.Pending
	if d.displaces {
		f.Displaces = d.column.name
	}
	return f
}

// recordable refuses keys that the record of replaced NULLs cannot hold.
func (b *builder) recordable(t *table) error {
	room := int64(0)
	for _, k := range t.key {
		c, _ := t.column(k)
		room += 2*c.octets + 30
	}
	if room > maxRowKey {
		return refusal.New("the key of %q is too long to record which NULLs are replaced", t.name).
			Remedy("leave up out: mend the rows in the application, then set NOT NULL")
	}
	return nil
}

// maxRowKey is how many bytes the key of a displaced value can have.
const maxRowKey = 1500

// rowKey is the key of a record as a list of literals.
func rowKey(g grammar, key []plan.KeyColumn, record string) string {
	s := ""
	for i, k := range key {
		if i > 0 {
			s += " || ', ' || "
		}
		s += g.literal(record+quote(k.Name), k)
	}
	return s
}

// displace writes what a fill or a trigger is about to replace into the record.
func (d *derive) displace(from, where string) string {
	return displace(d.grammar, d.version, d.fill(), from, where)
}

func displace(g grammar, version string, f plan.Fill, from, where string) string {
	return fmt.Sprintf("%s INTO sluice_displaced (version, relation, attribute, row_key, value) SELECT %s, %s, %s, %s, %s%s WHERE %s", g.replace(),
		literal(version), literal(f.Table.Name), literal(f.Displaces), rowKey(g, f.Key, ""), g.characters("("+f.Set[0].Expr+")"), from, where)
}

// detach is the step of contract that ends the triggers.
func (b *builder) detach(d *derive, what string) plan.Step {
	return plan.Step{What: what, Table: d.table.name, Lock: b.instant(), SQL: b.dropTriggers(d.table, d.trigger), Irreversible: "contract is complete"}
}
