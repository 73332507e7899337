// Package compile turns a change and the catalog of one PostgreSQL database into a plan.
//
// It promises that nothing in the expand part of a plan takes anything from an old application version, that whatever
// constrains writers is put off until contract, and that each step can be undone or says why not. It refuses
// what it cannot carry through without losing data: columns of a primary key, tables without a key to walk,
// objects that hang on a column and would go with it. It only reads.
package compile

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/catalog"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// StateSchema holds the engine's own tables and the trigger functions.
const StateSchema = "sluice"

// Compile makes the plan of one change on the database behind a transaction, whose search path it empties: what the
// catalog then spells out holds under every path.
func Compile(ctx context.Context, tx pgx.Tx, c *change.Change) (*plan.Plan, error) {
	return compile(ctx, tx, c, nil)
}

func compile(ctx context.Context, q pgx.Tx, c *change.Change, scratch map[string]string) (*plan.Plan, error) {
	b := &builder{ctx: ctx, q: q, change: c, scratch: scratch, tables: map[change.TableName]*catalog.Table{}, taken: map[string]string{}}
	b.plan = &plan.Plan{
		Format: plan.Format, Change: c.ID(), Version: c.Version, Description: c.Description,
		Window: c.Window(), DropWindow: c.DropWindow(), SearchPath: b.searchPath(c.Schema),
	}
	if err := b.setPath(nil); err != nil {
		return nil, err
	}
	for i, o := range c.Operations {
		b.op = i
		if err := b.operation(o); err != nil {
			return nil, fmt.Errorf("planning %s, operations[%d].%s: %w", c.ID(), i, o.Kind(), err)
		}
	}
	for t := range b.tables {
		b.plan.Tables = append(b.plan.Tables, t.Plain())
	}
	b.plan.Tables = append(b.plan.Tables, b.extra...)
	sort.Strings(b.plan.Tables)
	b.plan.Tables = slices.Compact(b.plan.Tables)
	return b.plan, nil
}

type builder struct {
	ctx     context.Context
	q       pgx.Tx
	change  *change.Change
	plan    *plan.Plan
	op      int
	scratch map[string]string // schema to its stand-in, while validating
	tables  map[change.TableName]*catalog.Table
	extra   []string
	created []string
	taken   map[string]string // column to the operation that claims it
	filled  []string          // columns that get their values from a fill
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
	case *change.MoveColumn:
		return b.moveColumn(op)
	case *change.SetNotNull:
		return b.setNotNull(op)
	case *change.DropNotNull:
		return b.dropNotNull(op)
	case *change.SetDefault:
		return b.setDefault(op)
	case *change.DropDefault:
		return b.dropDefault(op)
	case *change.AddCheck:
		return b.addCheck(op)
	case *change.AddUnique:
		return b.addUnique(op)
	case *change.AddForeignKey:
		return b.addForeignKey(op)
	case *change.CreateIndex:
		return b.createIndex(op)
	case *change.DropIndex:
		return b.dropIndex(op)
	case *change.CreateTable:
		return b.createTable(op)
	case *change.DropTable:
		return b.dropTable(op)
	case *change.RenameTable:
		return b.renameTable(op)
	case *change.AddEnumValue:
		return b.addEnumValue(op)
	case *change.Baseline:
		return b.baseline(op)
	case *change.SQL:
		return b.rawSQL(op)
	}
	return refusal.Misconfigure("the operation is unknown").Remedy("use a newer version of the task")
}

// table reads a table once; later operations see the columns that earlier ones add.
func (b *builder) table(name string) (*catalog.Table, change.TableName, error) {
	n, err := change.ParseTable(name, b.change.Schema)
	if err != nil {
		return nil, n, err
	}
	if t, ok := b.tables[n]; ok {
		return t, b.place(n), nil
	}
	t, err := catalog.Read(b.ctx, b.q, n)
	if err != nil {
		return nil, n, err
	}
	b.tables[n] = t
	if t.Subscribed {
		b.hazard("SL401", fmt.Sprintf("rows of %s also arrive by logical replication, which fires no trigger here", n.Plain()),
			"run the change on the publisher first, or pause the subscription until contract")
	}
	return t, b.place(n), nil
}

// place gives the name under which statements address a table: its own, or the stand-in's while validating.
func (b *builder) place(n change.TableName) change.TableName {
	if s, ok := b.scratch[n.Schema]; ok {
		n.Schema = s
	}
	return n
}

func (b *builder) searchPath(schema string) []string {
	path := []string{b.place(change.TableName{Schema: schema}).Schema}
	rest := b.change.SearchPath
	if len(rest) == 0 {
		rest = []string{"public"}
	}
	for _, s := range append([]string{schema}, rest...) {
		if !slices.Contains(path, s) {
			path = append(path, s)
		}
	}
	return path
}

// column gives a column of the table as it stands, or as earlier operations of this change leave it.
func (b *builder) column(t *catalog.Table, name string) (catalog.Column, error) {
	c, ok := t.Column(name)
	if !ok {
		return c, refusal.Misconfigure("table %q has no column %q", t.Name.Plain(), name).
			Remedy("its columns are %s; names are taken as they stand, upper and lower case included", strings.Join(columnNames(t), ", "))
	}
	return c, nil
}

// present gives the table and the column that an operation changes.
func (b *builder) present(of change.PresentColumn) (*catalog.Table, change.TableName, catalog.Column, error) {
	t, at, err := b.table(of.Table)
	if err != nil {
		return nil, at, catalog.Column{}, err
	}
	c, err := b.column(t, of.Column)
	return t, at, c, err
}

// claim takes a column for this operation, since two that rewrite one column would undo each other.
func (b *builder) claim(t *catalog.Table, column string) error {
	key := t.Name.Plain() + "." + column
	if by, there := b.taken[key]; there {
		return refusal.New("column %q is already changed by %s", key, by).Remedy("put the second operation into a change of its own")
	}
	b.taken[key] = fmt.Sprintf("operations[%d]", b.op)
	return nil
}

func (b *builder) absent(t *catalog.Table, column string) error {
	if _, there := t.Column(column); there {
		return refusal.New("table %q already has a column %q", t.Name.Plain(), column).Remedy("choose another name")
	}
	return nil
}

// hazard notes something for the reviewer.
func (b *builder) hazard(rule, text, remedy string) {
	b.plan.Hazards = append(b.plan.Hazards, plan.Hazard{Rule: rule, Text: text, Remedy: remedy, Allowed: b.change.Allowed(rule)})
}

// refuse notes something that stops the plan unless the change allows it with a reason.
func (b *builder) refuse(rule, text, remedy string) {
	reason := b.change.Allowed(rule)
	b.plan.Hazards = append(b.plan.Hazards, plan.Hazard{Rule: rule, Text: text, Remedy: remedy, Refused: reason == "", Allowed: reason})
}

func columnNames(t *catalog.Table) []string {
	var names []string
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	return names
}
