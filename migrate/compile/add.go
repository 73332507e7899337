package compile

import (
	"fmt"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

func (b *builder) addColumn(op *change.AddColumn) error {
	t, at, err := b.table(op.Table)
	if err != nil {
		return err
	}
	if err := b.absent(t, op.Column); err != nil {
		return err
	}
	c, err := b.newColumn(t, op.Column, op.Type)
	if err != nil {
		return err
	}
	volatile, err := b.volatile(op.Default)
	if err != nil {
		return err
	}
	if err := b.refuseVolatile(op.Up); err != nil {
		return err
	}
	defer func() { t.Columns = append(t.Columns, c) }()
	col, table := quote(op.Column), at.String()
	step := plan.Step{
		What: "add column " + op.Column, Table: t.Name.Plain(), Lock: plan.AccessExclusive,
		SQL:  []string{fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", table, col, c.Type)},
		Undo: []string{fmt.Sprintf("ALTER TABLE %s DROP COLUMN IF EXISTS %s", table, col)},
	}
	loss := col + " IS NOT NULL"
	switch {
	case op.Default != "" && len(volatile) == 0: // stored once in the catalog, no row is written
		step.SQL[0] += " DEFAULT " + op.Default
		if op.NotNull {
			step.SQL[0] += " NOT NULL"
		}
		loss = distinct(col, cast(op.Default, c.Type), c.BaseType)
	case op.Default != "":
		step.SQL = append(step.SQL, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", table, col, op.Default))
	case op.Up != "":
		loss += " AND " + distinct(col, cast(op.Up, c.Type), c.BaseType)
	}
	if op.Comment != "" {
		step.SQL = append(step.SQL, fmt.Sprintf("COMMENT ON COLUMN %s.%s IS %s", table, col, change.Literal(op.Comment)))
	}
	b.plan.Expand = append(b.plan.Expand, step)
	b.plan.Losses = append(b.plan.Losses, plan.Loss{
		What:  fmt.Sprintf("rows of %s with a value of their own in %s", t.Name.Plain(), op.Column),
		Count: fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", table, loss), Tombstoned: fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", table, loss),
	})
	return b.fillAdded(op, derive{table: t, at: at, column: c, expr: op.Up, follow: true}, len(volatile) > 0)
}

// fillAdded brings the values into existing rows where the catalog alone cannot.
func (b *builder) fillAdded(op *change.AddColumn, d derive, volatile bool) error {
	switch {
	case op.Up != "":
		d.table.Columns = append(d.table.Columns, d.column)
		defer func() { d.table.Columns = d.table.Columns[:len(d.table.Columns)-1] }()
		d.install(b, "give "+op.Column+" a value when the writer does not know it")
		if err := d.fill(b); err != nil {
			return err
		}
		if op.NotNull {
			b.notNullAtContract(d.table, d.at, op.Column)
		}
		b.plan.Drop = append(b.plan.Drop, b.dropTriggersStep(d))
	case volatile:
		f := d
		f.expr = op.Default
		if err := f.fill(b); err != nil {
			return err
		}
		last := &b.plan.Fills[len(b.plan.Fills)-1]
		last.Pending, last.Mismatch = quote(op.Column)+" IS NULL", quote(op.Column)+" IS NULL"
		if op.NotNull { // every writer gets the default, so nobody has to wait for contract
			b.plan.Settle = append(b.plan.Settle, b.notNullSteps(d.table, d.at, op.Column)...)
		}
	}
	return nil
}

func (b *builder) dropTriggersStep(d derive) plan.Step {
	return plan.Step{
		What: "stop deriving " + d.column.Name, Table: d.table.Name.Plain(), Lock: plan.AccessExclusive,
		SQL: b.dropTriggersSQL(d.at.String()), Irreversible: "contract is complete",
	}
}

func (b *builder) dropColumn(op *change.DropColumn) error {
	t, at, c, err := b.present(op.PresentColumn)
	if err != nil {
		return err
	}
	if err := b.claim(t, op.Column); err != nil {
		return err
	}
	if err := b.replaceable(t, c); err != nil {
		return err
	}
	if c.NotNull && c.Default == "" && op.Down == "" {
		return refusal.New("column %q is NOT NULL without default: a new application version could not insert before it is gone", op.Column).
			Remedy("give down, the value that old readers see in rows that new versions write")
	}
	if err := b.refuseVolatile(op.Down); err != nil {
		return err
	}
	b.indexesLeft(t, c)
	dead := Tombstone(op.Column)
	d := derive{table: t, at: at, column: c, expr: op.Down, follow: op.Down != ""}
	table := at.String()
	rename := plan.Step{
		What: "rename " + op.Column + " away; late readers fail", Table: t.Name.Plain(), Lock: plan.AccessExclusive,
		SQL:  []string{fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", table, quote(op.Column), quote(dead))},
		Undo: []string{fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", table, quote(dead), quote(op.Column))},
	}
	drop := []string{fmt.Sprintf("ALTER TABLE %s DROP COLUMN IF EXISTS %s", table, quote(dead))}
	if op.Down != "" {
		d.install(b, "give old readers a value in "+op.Column+" when new writers leave it out")
		buried := d
		buried.actual = dead
		rename.SQL, rename.Undo = append(rename.SQL, buried.function(b)), append(rename.Undo, d.function(b))
		t := b.dropTriggersSQL(table)
		drop = append(t[:2:2], drop[0], t[2])
	}
	b.plan.Tombstone = append(b.plan.Tombstone, rename)
	b.archive(t, at, map[string]string{op.Column: dead})
	b.plan.Drop = append(b.plan.Drop, plan.Step{
		What: "drop column " + op.Column, Table: t.Name.Plain(), Lock: plan.AccessExclusive, SQL: drop, Irreversible: "the column is gone",
	})
	b.plan.Old = append(b.plan.Old, plan.Column{Table: at, Column: op.Column})
	return nil
}
