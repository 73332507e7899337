package portable

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

func (b *builder) setNotNull(op *change.SetNotNull) error {
	t, c, err := b.tableColumn(op.Table, op.Column)
	if err != nil {
		return err
	}
	if c.notNull {
		return refusal.Misconfigure("column %q of %q is NOT NULL already", c.name, t.name).Remedy("delete the operation")
	}
	b.notNullAtContract(t, side{column: c, setDefault: c.defined})
	if op.Up == "" {
		return nil
	}
	d := &derive{table: t, column: c, expr: op.Up, displaces: true}
	if err := b.derive(d, "replace NULL in "+c.name+" when an old writer brings it; the row is recorded for rollback", true); err != nil {
		return err
	}
	b.plan.Drop = append(b.plan.Drop, b.detach(d, "stop replacing NULL in "+c.name))
	return nil
}

// notNullAtContract counts NULLs before reads are switched, and forbids them when no old writer is left.
func (b *builder) notNullAtContract(t *table, n side) {
	b.plan.Checks = append(b.plan.Checks, plan.Check{
		What:   fmt.Sprintf("NULLs in %s.%s", t.name, n.name),
		Count:  fmt.Sprintf("SELECT count(*) FROM %s WHERE %s IS NULL", quote(t.name), quote(n.name)),
		Remedy: "mend the rows, or have up give a value for them",
	})
	c := n.column
	c.defined = n.setDefault
	b.plan.Tombstone = append(b.plan.Tombstone, plan.Step{
		What: "set " + c.name + " NOT NULL", Table: t.name, Lock: b.online(), Scans: true, SQL: b.setNull(t.name, c, false), Undo: b.setNull(t.name, c, true),
	})
}

func (b *builder) dropNotNull(op *change.DropNotNull) error {
	t, c, err := b.tableColumn(op.Table, op.Column)
	if err != nil {
		return err
	}
	if !c.notNull || slices.Contains(t.primary, c.name) || c.generated {
		return refusal.New("NOT NULL cannot be taken from column %q of %q: it has none, counts up or belongs to the primary key", c.name, t.name).Remedy("delete the operation")
	}
	d := &derive{table: t, column: c, expr: op.Down, mandatory: true}
	if err := b.derive(d, "replace NULL in "+c.name+" while old readers expect a value", false); err != nil {
		return err
	}
	b.relax(t, c)
	b.plan.Drop = append(b.plan.Drop, b.detach(d, "let NULL into "+c.name))
	return nil
}

func (b *builder) alterDefault(tableName, columnName, expr string, phase *[]plan.Step) error {
	t, c, err := b.tableColumn(tableName, columnName)
	if err != nil {
		return err
	}
	if c.generated {
		return refusal.New("column %q of %q is generated; it has no default to change", c.name, t.name).Remedy("use raw SQL")
	}
	set := b.setDefault(t.name, c, expr)
	if set == nil {
		return refusal.New("this database sets a default only with a new column").
			Remedy("have the application write the value; or rebuild the table in one transaction, with raw SQL in a quiet hour")
	}
	*phase = append(*phase, plan.Step{
		What: "change the default of " + c.name + " for rows to come", Table: t.name, Lock: b.instant(), SQL: set, Undo: b.setDefault(t.name, c, c.defined),
	})
	return nil
}

func (b *builder) createIndex(op *change.CreateIndex) error {
	t, err := b.table(op.Table)
	if err != nil {
		return err
	}
	for _, c := range op.Columns {
		if _, err := b.column(t, c); err != nil {
			return err
		}
	}
	if len(op.Include) > 0 || (op.Method != "" && op.Method != "btree") {
		return refusal.New("this database has no included columns and no method but btree").Remedy("leave include and method out; name the columns instead")
	}
	if !b.partialIndexes() && (op.Where != "" || op.Expr != "") {
		return refusal.New("this database has neither partial indexes nor indexes of expressions").Remedy("add a derived column with addColumn and up, and index that")
	}
	if slices.ContainsFunc(t.indexes, func(x index) bool { return strings.EqualFold(x.name, op.Name) }) {
		return refusal.New("the name %q is taken", op.Name).Remedy("choose another name")
	}
	on := quoteAll(op.Columns)
	if op.Expr != "" {
		on = "(" + op.Expr + ")"
	}
	create := b.createIndexStep(t, op.Name, on, op.Where, op.Unique)
	phase := &b.plan.Expand
	switch {
	case op.Unique:
		b.checkDuplicates(t, op.Name, on, op.Where)
		phase = &b.plan.Tombstone
	case slices.ContainsFunc(b.filled, func(c string) bool { return slices.Contains(op.Columns, c) || names(op.Expr+" "+op.Where, c) }):
		phase = &b.plan.Settle // cheaper to build once than to maintain through the backfill
	}
	*phase = append(*phase, create)
	return nil
}

func (b *builder) createIndexStep(t *table, name, on, where string, unique bool) plan.Step {
	return plan.Step{
		What: "build index " + name, Table: t.name, Lock: b.online(), Scans: true,
		SQL: []string{b.dialect.createIndex(t.name, name, on, where, unique)}, Undo: []string{b.dialect.dropIndex(t.name, name)},
	}
}

// checkDuplicates counts what a unique index would refuse.
func (b *builder) checkDuplicates(t *table, name, on, where string) {
	if where == "" {
		where = "1 = 1"
	}
	for i, part := range strings.Split(on, ", ") {
		if i == 0 || !strings.HasPrefix(on, "(") {
			where += " AND " + part + " IS NOT NULL"
		}
	}
	b.plan.Checks = append(b.plan.Checks, plan.Check{
		What:   fmt.Sprintf("duplicates that the unique index %s forbids in %s", name, t.name),
		Count:  fmt.Sprintf("SELECT count(*) FROM (SELECT 1 AS one FROM %s WHERE %s GROUP BY %s HAVING count(*) > 1) AS duplicates", quote(t.name), where, on),
		Remedy: "mend the rows, and have the application write no new ones",
	})
}

func (b *builder) dropIndex(op *change.DropIndex) error {
	name, err := b.name(op.Name)
	if err != nil {
		return err
	}
	owner, err := b.owner(b.ctx, b.q, name)
	if err != nil {
		return err
	}
	if owner == "" {
		return refusal.Misconfigure("there is no index %q, or several tables have one of that name", name).Remedy("use raw SQL in the contract script")
	}
	t, err := b.table(quote(owner))
	if err != nil {
		return err
	}
	for _, x := range t.indexes {
		if strings.EqualFold(x.name, name) && (x.constraint || slices.Equal(x.columns, t.key)) {
			return refusal.New("index %q belongs to a constraint or is the only key", name).Remedy("keep it, or rebuild the table with raw SQL in a quiet hour")
		}
	}
	b.plan.Drop = append(b.plan.Drop, plan.Step{
		What: "drop index " + name, Table: t.name, Lock: b.instant(), SQL: []string{b.dialect.dropIndex(t.name, name)}, Irreversible: "the index is gone; create it again",
	})
	return nil
}

// mirrorIndexes builds for a column's successor the indexes that the column has, under names of their own.
func (b *builder) mirrorIndexes(t *table, from, to string, faithful bool) error {
	for _, x := range t.holding(from) {
		if !x.plain {
			b.refuse("SL301", fmt.Sprintf("index %q goes with column %q", x.name, from), "add createIndex for the new column, then allow SL301 with the reason")
			continue
		}
		var on []string
		for _, c := range x.columns {
			if strings.EqualFold(c, from) {
				c = to
			}
			on = append(on, c)
		}
		name := x.name + "_" + to
		if len(name) > change.MaxName {
			return refusal.New("the name %q is too long for an index", name).Remedy("drop or rename the index %q first", x.name)
		}
		step := b.createIndexStep(t, name, quoteAll(on), "", x.unique)
		if x.unique && !faithful {
			b.checkDuplicates(t, name, quoteAll(on), "")
			b.plan.Tombstone = append([]plan.Step{step}, b.plan.Tombstone...)
			continue
		}
		b.plan.Settle = append(b.plan.Settle, step)
	}
	return nil
}

// indexesLeft names the indexes that go with a column that has no single successor.
func (b *builder) indexesLeft(t *table, column string) {
	var left []string
	for _, x := range t.holding(column) {
		left = append(left, x.name)
	}
	if len(left) > 0 {
		b.hazard("SL301", fmt.Sprintf("with column %q go the indexes %s", column, strings.Join(left, ", ")), "add createIndex where the new columns need one")
	}
}
