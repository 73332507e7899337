package portable

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// fresh is a column of a type that an author wrote.
func fresh(name, sqlType string) column {
	base, _, _ := strings.Cut(strings.ToLower(sqlType), "(")
	return column{name: name, sqlType: sqlType, base: strings.TrimSpace(base)}
}

func (b *builder) renameColumn(op *change.RenameColumn) error {
	t, c, err := b.tableColumn(op.Table, op.Column)
	if err != nil {
		return err
	}
	n := c
	n.name, n.defined = op.To, ""
	r := &reshape{
		what: c.name + " to " + op.To, table: t, old: []side{{column: c, expr: quote(op.To)}},
		new: []side{{column: n, expr: quote(c.name), setNotNull: c.notNull, setDefault: c.defined}},
	}
	if err := b.reshape(r); err != nil {
		return err
	}
	return b.mirrorIndexes(t, c.name, op.To, true)
}

func (b *builder) changeType(op *change.ChangeType) error {
	t, c, err := b.tableColumn(op.Table, op.Column)
	if err != nil {
		return err
	}
	if op.To == "" {
		return b.widenInPlace(t, c, op.Type)
	}
	n := fresh(op.To, op.Type)
	up, down := op.Up, op.Down
	if up == "" {
		up = b.cast(quote(c.name), n)
	}
	if down == "" {
		down = b.cast(quote(op.To), c)
	}
	if c.defined != "" {
		b.hazard("SL303", fmt.Sprintf("the default %s of %q stays behind", c.defined, c.name), "add setDefault for "+op.To+" in a change after contract")
	}
	r := &reshape{
		what: fmt.Sprintf("%s to %s %s", c.name, op.To, op.Type), table: t,
		old: []side{{column: c, expr: down}}, new: []side{{column: n, expr: up, setNotNull: c.notNull}},
	}
	if err := b.reshape(r); err != nil {
		return err
	}
	return b.mirrorIndexes(t, c.name, op.To, false)
}

// widenInPlace changes a type where the database rewrites nothing.
func (b *builder) widenInPlace(t *table, c column, sqlType string) error {
	sql, err := b.widen(t, c, sqlType)
	if err != nil || sql == "" {
		return err
	}
	b.plan.Expand = append(b.plan.Expand, plan.Step{
		What: fmt.Sprintf("widen %s to %s; no row is rewritten", c.name, sqlType), Table: t.name, Lock: b.instant(), SQL: []string{sql},
		Irreversible: "narrowing " + c.name + " again would rewrite the table; the wider type harms no old version", Stays: true,
	})
	return nil
}

func (b *builder) splitColumn(op *change.SplitColumn) error {
	t, c, err := b.tableColumn(op.Table, op.Column)
	if err != nil {
		return err
	}
	r := &reshape{what: "split " + c.name, table: t, old: []side{{column: c, expr: op.Down}}}
	for _, n := range op.Into {
		r.new = append(r.new, newSide(n))
	}
	b.indexesLeft(t, c.name)
	return b.reshape(r)
}

func (b *builder) mergeColumns(op *change.MergeColumns) error {
	t, err := b.table(op.Table)
	if err != nil {
		return err
	}
	r := &reshape{what: "merge into " + op.Into.Name, table: t, new: []side{newSide(op.Into)}}
	for _, o := range op.Columns {
		_, c, err := b.tableColumn(op.Table, o.Name)
		if err != nil {
			return err
		}
		b.indexesLeft(t, c.name)
		r.old = append(r.old, side{column: c, expr: o.Down})
	}
	return b.reshape(r)
}

func newSide(n change.NewColumn) side {
	return side{column: fresh(n.Name, n.Type), expr: n.Up, setNotNull: n.NotNull, setDefault: n.Default}
}

// replaceable refuses a column that cannot go without taking something else along.
func (b *builder) replaceable(t *table, c column) error {
	switch {
	case c.generated:
		return refusal.New("column %q is generated or counts up", c.name).Remedy("change it with raw SQL in a quiet hour, or with gh-ost or spirit (MariaDB)")
	case slices.Contains(t.primary, c.name):
		return refusal.New("column %q belongs to the primary key of %q", c.name, t.name).Remedy("keep it; a new key means a new table: createTable, and move the rows in the application")
	case slices.Contains(t.key, c.name):
		return refusal.New("the only key of %q holds column %q, which this change replaces", t.name, c.name).Remedy("add a primary key first")
	case len(t.leaning[c.name]) > 0:
		return refusal.New("column %q cannot go: %s", c.name, strings.Join(t.leaning[c.name], "; ")).
			Remedy("move what depends on it to the new shape first, with raw SQL in an earlier change")
	}
	for _, x := range t.holding(c.name) {
		if x.constraint {
			return refusal.New("column %q is part of a UNIQUE constraint, which this database cannot drop", c.name).
				Remedy("make it a unique index first: rebuild the table in one transaction, with raw SQL in a quiet hour")
		}
	}
	return nil
}

func (b *builder) addColumn(op *change.AddColumn) error {
	t, err := b.table(op.Table)
	if err != nil {
		return err
	}
	c := fresh(op.Column, op.Type)
	c.comment = op.Comment
	def, lost := quote(c.name)+" "+c.sqlType, quote(c.name)+" IS NOT NULL"
	switch {
	case op.Default != "":
		def, lost = def+" DEFAULT "+parenthesized(op.Default), "NOT "+b.same(quote(c.name), b.cast(op.Default, c), c)
		if op.NotNull {
			def += " NOT NULL"
		}
	case op.Up != "":
		lost += " AND NOT " + b.same(quote(c.name), b.cast(op.Up, c), c)
	}
	if op.Comment != "" {
		def += b.comment(op.Comment)
	}
	b.plan.Expand = append(b.plan.Expand, plan.Step{
		What: "add column " + c.name, Table: t.name, Lock: b.instant(), SQL: b.addColumns(t.name, []string{def}), Undo: b.dropColumns(t.name, []string{c.name}),
	})
	count := fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", quote(t.name), lost)
	b.plan.Losses = append(b.plan.Losses, plan.Loss{What: fmt.Sprintf("rows of %s with a value of their own in %s", t.name, c.name), Count: count, Tombstoned: count})
	if err := b.added(t, c); err != nil || op.Up == "" {
		return err
	}
	d := &derive{table: t, column: c, expr: op.Up, follow: true}
	if err := b.derive(d, "give "+c.name+" a value when an old writer leaves it out", true); err != nil {
		return err
	}
	if op.NotNull {
		b.notNullAtContract(t, side{column: c})
		b.plan.Drop = append(b.plan.Drop, b.detach(d, "stop deriving "+c.name))
	}
	return nil
}

// parenthesized leaves a literal as it is: SQLite takes no other default for a new column, and expressions need brackets.
func parenthesized(expr string) string {
	if tokens, err := change.Tokens(expr); err == nil && len(tokens) == 1 {
		return expr
	}
	return "(" + expr + ")"
}

func (b *builder) dropColumn(op *change.DropColumn) error {
	t, c, err := b.tableColumn(op.Table, op.Column)
	if err != nil {
		return err
	}
	if err := b.replaceable(t, c); err != nil {
		return err
	}
	if mandatory(c) && op.Down == "" {
		return refusal.New("column %q is NOT NULL without default: a new application version could not insert before it is gone", c.name).
			Remedy("give down, the value that old readers see in rows that new versions write")
	}
	dead, err := b.tombstone(c.name)
	if err != nil {
		return err
	}
	b.indexesLeft(t, c.name)
	there, back := b.renameColumns(t.name, [][2]string{{c.name, dead}}), b.renameColumns(t.name, [][2]string{{dead, c.name}})
	step := plan.Step{What: "rename " + c.name + " away; late readers fail", Table: t.name, Lock: b.instant(), SQL: there, Undo: back}
	if op.Down != "" {
		d := &derive{table: t, column: c, expr: op.Down, follow: true, mandatory: mandatory(c)}
		if err := b.derive(d, "give old readers a value in "+c.name+" when new writers leave it out", false); err != nil {
			return err
		}
		if mandatory(c) {
			b.relax(t, c)
		}
		if !b.triggersFollow() {
			step.SQL = b.alone(t.name, append(b.dropTriggers(t, d.trigger), there...))
			step.Undo = b.alone(t.name, append(back, b.derived(d)...))
		}
		f := d.fill()
		f.EstRows = 0 // it changes by itself between the review and the run
		b.plan.Backward = append(b.plan.Backward, keepStamps(f, t))
	}
	b.plan.Tombstone = append(b.plan.Tombstone, step)
	buried := [][2]string{{c.name, dead}}
	b.archive(t, buried)
	b.dropBuried(t, b.trigger(), buried, []string{dead}, c.name)
	b.plan.Old = append(b.plan.Old, plan.Column{Table: change.TableName{Name: t.name}, Column: c.name})
	return nil
}
