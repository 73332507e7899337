package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/migrate/catalog"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// replaceable refuses a column that cannot go without taking something else along.
func (b *builder) replaceable(t *catalog.Table, c catalog.Column) error {
	switch {
	case c.Generated:
		return refusal.New("column %q is generated", c.Name).Remedy("change the expression with raw SQL; a generated column holds no data of its own")
	case c.Identity:
		return refusal.New("column %q is an identity", c.Name).Remedy("move identity to another column first, with raw SQL")
	case slices.Contains(t.Key, c.Name) && t.Key != nil && b.isPrimary(t, c):
		return refusal.New("column %q belongs to the primary key of %q", c.Name, t.Name.Plain()).
			Remedy("add the new key beside it with addColumn and addUnique, and move the primary key with raw SQL")
	}
	for _, k := range t.Constraints {
		if !slices.Contains(k.Columns, c.Number) {
			continue
		}
		switch k.Kind {
		case "r":
			return refusal.New("foreign key %q of %s refers to column %q", k.Name, k.Referring, c.Name).Remedy("change the referring table first")
		case "c", "f", "x":
			b.refuse("SL302", fmt.Sprintf("constraint %q (%s) goes with column %q", k.Name, k.Def, c.Name),
				"add its counterpart on the new column (addCheck, addForeignKey), then allow SL302 with the reason")
		}
	}
	if c.Number <= 0 {
		return refusal.New("column %q is added by this very change", c.Name).Remedy("write the operation as it should end up")
	}
	deps, err := t.Dependents(b.ctx, b.q, c.Number)
	if err != nil {
		return fmt.Errorf("reading what depends on %q: %w", c.Name, err)
	}
	if len(deps) > 0 {
		return refusal.New("column %q cannot go: %s", c.Name, strings.Join(deps, "; ")).Remedy("move what depends on it to the new shape first, with raw SQL in an earlier change")
	}
	return nil
}

func (b *builder) isPrimary(t *catalog.Table, c catalog.Column) bool {
	for _, x := range t.Indexes {
		if x.Primary {
			return slices.Contains(x.Columns[:x.KeyColumns], c.Number)
		}
	}
	return false
}

// setKey gives a fill the columns along which its ranges run.
func (b *builder) setKey(f *plan.Fill, t *catalog.Table) error {
	if len(t.Key) == 0 {
		return refusal.New("table %q has no key to walk along", t.Name.Plain()).
			Remedy("add a primary key, or a unique index over NOT NULL columns; a backfill must be able to stop and go on")
	}
	for _, k := range t.Key {
		if _, taken := b.taken[t.Name.Plain()+"."+k]; taken {
			return refusal.New("the only key of %q holds column %q, which this change replaces", t.Name.Plain(), k).
				Remedy("add a primary key first")
		}
		c, _ := t.Column(k)
		f.Key = append(f.Key, plan.KeyColumn{Name: k, Type: c.Type})
	}
	return nil
}

// tombstoneColumns renames the old columns away in the transaction that also points the reverse write at the new
// name and hands the defaults over; the drop takes them, the triggers and the function.
func (b *builder) tombstoneColumns(r reshape) {
	at := r.at.String()
	renamed := map[string]string{}
	var sql, undo, drop []string
	for _, o := range r.old {
		dead := Tombstone(o.Name)
		renamed[o.Name] = dead
		sql = append(sql, fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", at, quote(o.Name), quote(dead)))
		undo = append(undo, fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", at, quote(dead), quote(o.Name)))
		drop = append(drop, "DROP COLUMN IF EXISTS "+quote(dead))
		b.plan.Old = append(b.plan.Old, plan.Column{Table: r.at, Column: o.Name})
	}
	for _, n := range r.new {
		if n.setDefault != "" {
			sql = append(sql, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", at, quote(n.Name), n.setDefault))
			undo = append(undo, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", at, quote(n.Name)))
		}
	}
	b.plan.Tombstone = append(b.plan.Tombstone, plan.Step{
		What: "rename the old columns away; late readers fail, writes still reach them (" + r.what + ")", Table: r.table.Name.Plain(), Lock: plan.AccessExclusive,
		SQL:  append(sql, r.dualFunction(b, renamed)),
		Undo: append(undo, r.dualFunction(b, nil)),
	})
	b.archive(r.table, r.at, renamed)
	b.plan.Drop = append(b.plan.Drop, plan.Step{
		What: "drop the old columns and the dual write (" + r.what + ")", Table: r.table.Name.Plain(), Lock: plan.AccessExclusive,
		SQL:          append(b.dropTriggersSQL(at)[:2:2], fmt.Sprintf("ALTER TABLE %s %s", at, strings.Join(drop, ", ")), b.dropTriggersSQL(at)[2]),
		Irreversible: "the old columns are gone",
	})
}

// archive copies keys and old values aside before they are dropped, when the change asks for it.
func (b *builder) archive(t *catalog.Table, at interface{ String() string }, renamed map[string]string) {
	if !b.change.Contract.Archive || b.scratch != nil {
		return
	}
	columns := quoteAll(t.Key)
	for _, c := range t.Columns {
		if dead, ok := renamed[c.Name]; ok {
			columns += fmt.Sprintf(", %s AS %s", quote(dead), quote(c.Name))
		}
	}
	name := quote(StateSchema) + "." + quote(fit(fmt.Sprintf("archive_%s_%02d", b.change.Version, b.op)))
	b.plan.Drop = append(b.plan.Drop, plan.Step{
		What: "copy keys and old values into " + name, Table: t.Name.Plain(), Lock: plan.AccessShare, Scans: true,
		SQL: []string{fmt.Sprintf("CREATE TABLE %s AS SELECT %s FROM %s", name, columns, at)},
	})
}
