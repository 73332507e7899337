package portable

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// compile makes the plan of one change on the database as it is. It only reads.
func (e *Engine) compile(ctx context.Context, c *change.Change) (*plan.Plan, error) {
	b := &builder{dialect: e.dialect, ctx: ctx, q: e.db, change: c, tables: map[string]*table{}, taken: map[string]int{}}
	b.plan = &plan.Plan{Format: plan.Format, Change: c.ID(), Version: c.Version, Description: c.Description, Window: c.Window(), DropWindow: c.DropWindow()}
	for i, o := range c.Operations {
		b.op = i
		if err := b.operation(o); err != nil {
			return nil, fmt.Errorf("planning %s, operations[%d].%s: %w", c.ID(), i, o.Kind(), err)
		}
	}
	for _, t := range b.tables {
		b.plan.Tables = append(b.plan.Tables, t.name)
	}
	b.plan.Tables = append(b.plan.Tables, b.extra...)
	slices.Sort(b.plan.Tables)
	b.plan.Tables = slices.Compact(b.plan.Tables)
	return b.plan, nil
}

type builder struct {
	dialect
	ctx    context.Context
	q      querier
	change *change.Change
	plan   *plan.Plan
	op     int
	tables map[string]*table
	extra  []string       // tables that are not there yet, or not known
	taken  map[string]int // column to the operation that claims it
	filled []string       // columns that get their values from a fill
}

func (b *builder) operation(o change.Operation) error {
	switch op := o.Body().(type) {
	case *change.AddColumn:
		return b.addColumn(op)
	case *change.DropColumn:
		return b.dropColumn(op)
	case *change.RenameColumn:
		return b.renameColumn(op)
	case *change.ChangeType:
		return b.changeType(op)
	case *change.SplitColumn:
		return b.splitColumn(op)
	case *change.MergeColumns:
		return b.mergeColumns(op)
	case *change.SetNotNull:
		return b.setNotNull(op)
	case *change.DropNotNull:
		return b.dropNotNull(op)
	case *change.SetDefault:
		return b.alterDefault(op.Table, op.Column, op.Default, &b.plan.Expand)
	case *change.DropDefault:
		return b.alterDefault(op.Table, op.Column, "", &b.plan.Tombstone)
	case *change.CreateIndex:
		return b.createIndex(op)
	case *change.AddUnique:
		return b.createIndex(&change.CreateIndex{Table: op.Table, Name: op.Name, Columns: op.Columns, Unique: true})
	case *change.DropIndex:
		return b.dropIndex(op)
	case *change.CreateTable:
		return b.createTable(op)
	case *change.DropTable:
		return b.dropTable(op)
	case *change.RenameTable:
		return b.renameTable(op)
	case *change.SQL:
		return b.rawSQL(op)
	}
	return instead(o)
}

// instead says what to do in place of an operation that these databases cannot do beside writers.
func instead(o change.Operation) error {
	switch o.Body().(type) {
	case *change.AddCheck, *change.AddForeignKey:
		return refusal.New("this database would copy or rebuild the table for it").
			Remedy("use gh-ost or spirit (MariaDB), or raw SQL in a quiet hour; until then have the application enforce it")
	case *change.MoveColumn:
		return refusal.New("triggers of this database cannot keep columns of two tables in step").
			Remedy("make two changes: addColumn there, dropColumn here later, and have the application write both in between")
	case *change.AddEnumValue:
		return refusal.New("this database has no enum types").Remedy("for an enum column of MariaDB use changeType with to, or raw SQL; for SQLite a table of values")
	}
	return refusal.Misconfigure("the operation is unknown").Remedy("use a newer version of the task")
}

// name takes a table's or index's name; there is one schema, the DSN's.
func (b *builder) name(text string) (string, error) {
	n, err := change.ParseTable(text, "public")
	if err != nil {
		return "", err
	}
	if n.Schema != "public" {
		return "", refusal.Misconfigure("%q names a schema, and this database has none", text).Remedy("leave it out: the DSN says which database it is")
	}
	return n.Name, nil
}

// table reads a table once; later operations see the columns that earlier ones add.
func (b *builder) table(text string) (*table, error) {
	name, err := b.name(text)
	if err != nil {
		return nil, err
	}
	if t, ok := b.tables[strings.ToLower(name)]; ok {
		return t, nil
	}
	t, err := b.read(b.ctx, b.q, name)
	if err != nil {
		return nil, err
	}
	for _, n := range t.notes {
		b.hazard("SL501", n, "")
	}
	b.tables[strings.ToLower(name)] = t
	return t, nil
}

func (b *builder) column(t *table, name string) (column, error) {
	c, ok := t.column(name)
	if !ok {
		return c, refusal.Misconfigure("table %q has no column %q", t.name, name).Remedy("its columns are %s", strings.Join(t.names(), ", "))
	}
	return c, nil
}

// tableColumn reads a column that this operation changes, and claims it.
func (b *builder) tableColumn(tableName, name string) (*table, column, error) {
	t, err := b.table(tableName)
	if err != nil {
		return nil, column{}, err
	}
	c, err := b.column(t, name)
	if err != nil {
		return nil, c, err
	}
	return t, c, b.claim(t, c.name)
}

// claim takes a column for this operation, since two that rewrite one column would undo each other.
func (b *builder) claim(t *table, column string) error {
	key := strings.ToLower(t.name + "." + column)
	if by, there := b.taken[key]; there {
		return refusal.New("column %q is already changed by operations[%d]", key, by).Remedy("put the second operation into a change of its own")
	}
	b.taken[key] = b.op
	return nil
}

// added takes a new column into the table, as later operations see it.
func (b *builder) added(t *table, c column) error {
	if _, there := t.column(c.name); there {
		return refusal.New("table %q already has a column %q", t.name, c.name).Remedy("choose another name")
	}
	c.notNull = false
	t.columns = append(t.columns, c)
	return b.claim(t, c.name)
}

// pure refuses an expression that gives another value each time, or that reaches beyond the row.
func (b *builder) pure(t *table, exprs ...string) error {
	for _, e := range exprs {
		for _, c := range t.mentioned(e) {
			if c.counted {
				return refusal.New("the expression %q uses %q, which the database counts up: a trigger before the insert does not know it yet", e, c.name).
					Remedy("compute it from the other columns")
			}
		}
		if f := changing(e); f != "" {
			return refusal.New("the expression %q calls %s, which gives another value each time: it could be neither resumed nor verified", e, f).
				Remedy("compute it from the row; for new rows use a default")
		}
		if names(e, "select") {
			return refusal.New("the expression %q holds a query: in a trigger its names would mean other things than in a table", e).
				Remedy("compute it from the row alone")
		}
	}
	return nil
}

// trigger is the name of this operation's triggers. It begins with a tilde, so that a person sees whose they are.
func (b *builder) trigger() string { return fmt.Sprintf("~sluice_%s_%02d", b.change.Version, b.op) }

// tombstone is the name that a column or table bears between the two steps of contract.
func (b *builder) tombstone(name string) (string, error) {
	dead := "sluice_dropped_" + name
	if len(dead) > change.MaxName {
		return "", refusal.New("the name %q is too long to bear a tombstone's prefix", name).Remedy("rename it first, to at most %d bytes", change.MaxName-len("sluice_dropped_"))
	}
	return dead, nil
}

func (b *builder) hazard(rule, text, remedy string) {
	b.plan.Hazards = append(b.plan.Hazards, plan.Hazard{Rule: rule, Text: text, Remedy: remedy, Allowed: b.change.Allowed(rule)})
}

// refuse notes something that stops the plan unless the change allows it with a reason.
func (b *builder) refuse(rule, text, remedy string) {
	reason := b.change.Allowed(rule)
	b.plan.Hazards = append(b.plan.Hazards, plan.Hazard{Rule: rule, Text: text, Remedy: remedy, Refused: reason == "", Allowed: reason})
}
