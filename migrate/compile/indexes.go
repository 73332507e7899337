package compile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/catalog"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

func (b *builder) createIndex(op *change.CreateIndex) error {
	t, at, err := b.table(op.Table)
	if err != nil {
		return err
	}
	for _, c := range append(slices.Clone(op.Columns), op.Include...) {
		if _, err := b.column(t, c); err != nil {
			return err
		}
	}
	if err := b.concurrentIndex(t, op.Name); err != nil {
		return err
	}
	method, on := op.Method, quoteAll(op.Columns)
	if method == "" {
		method = "btree"
	}
	if op.Expr != "" {
		on = "(" + op.Expr + ")"
	}
	def := fmt.Sprintf("USING %s (%s)", method, on)
	if len(op.Include) > 0 {
		def += " INCLUDE (" + quoteAll(op.Include) + ")"
	}
	if op.Where != "" {
		def += " WHERE " + op.Where
	}
	if op.Unique {
		if op.Expr != "" {
			b.hazard("SL304", "duplicates of the expression "+op.Expr+" are found only when the index is built, at contract", "look for them beforehand")
		} else {
			b.checkDuplicates(t, at, op.Name, op.Columns, op.Where)
		}
		b.plan.Tombstone = append(b.plan.Tombstone, b.indexStep(t, at, op.Name, "UNIQUE ", def))
		return nil
	}
	phase := &b.plan.Expand
	for _, c := range mentioned(columnNames(t), op.Expr, op.Where) {
		if slices.Contains(b.filled, t.Name.Plain()+"."+c) {
			phase = &b.plan.Settle // cheaper to build once than to maintain through the backfill
		}
	}
	for _, c := range op.Columns {
		if slices.Contains(b.filled, t.Name.Plain()+"."+c) {
			phase = &b.plan.Settle
		}
	}
	*phase = append(*phase, b.indexStep(t, at, op.Name, "", def))
	return nil
}

// indexStep builds an index outside of a transaction; while validating on empty stand-ins it needs no such care.
func (b *builder) indexStep(t *catalog.Table, at change.TableName, name, unique, def string) plan.Step {
	concurrently, step := "CONCURRENTLY ", plan.Step{Outside: true}
	if b.scratch != nil {
		concurrently, step = "", plan.Step{}
	}
	qualified := change.TableName{Schema: at.Schema, Name: name}.String()
	step.What, step.Table, step.Lock, step.Scans = "build index "+name, t.Name.Plain(), plan.ShareUpdateExclusive, true
	step.SQL = []string{fmt.Sprintf("CREATE %sINDEX %s%s ON %s %s", unique, concurrently, quote(name), at, def)}
	step.Undo = []string{fmt.Sprintf("DROP INDEX %sIF EXISTS %s", concurrently, qualified)}
	step.Concurrent = qualified
	return step
}

// concurrentIndex refuses a name that is taken, and tables whose indexes cannot be built beside writers.
func (b *builder) concurrentIndex(t *catalog.Table, name string) error {
	if t.Partitioned {
		return refusal.New("table %q is partitioned, and the database cannot build an index on it without blocking writers", t.Name.Plain()).
			Remedy("build it on each partition concurrently, then on the table with ON ONLY and ATTACH PARTITION, with raw SQL")
	}
	var kind string
	err := b.q.QueryRow(b.ctx, `SELECT c.relkind::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = $2`, t.Name.Schema, name).Scan(&kind)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for %q: %w", name, err)
	}
	return refusal.New("the name %q is taken in schema %q", name, t.Name.Schema).Remedy("choose another name, or drop an INVALID leftover with DROP INDEX CONCURRENTLY")
}

func (b *builder) dropIndex(op *change.DropIndex) error {
	n, err := change.ParseTable(op.Name, b.change.Schema)
	if err != nil {
		return err
	}
	var owner change.TableName
	var primary bool
	err = b.q.QueryRow(b.ctx, `SELECT tn.nspname, t.relname, i.indisprimary OR i.indisreplident OR EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = i.indexrelid)
		FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace
		JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
		WHERE n.nspname = $1 AND x.relname = $2`, n.Schema, n.Name).Scan(&owner.Schema, &owner.Name, &primary)
	if errors.Is(err, pgx.ErrNoRows) {
		return refusal.Misconfigure("there is no index %q", n.Plain()).Remedy("give its name, with the schema where it is not %s", b.change.Schema)
	}
	if err != nil {
		return fmt.Errorf("reading index %q: %w", n.Plain(), err)
	}
	if primary {
		return refusal.New("index %q belongs to a constraint or a replica identity", n.Plain()).Remedy("drop the constraint with raw SQL in the contract script")
	}
	t, _, err := b.table(quote(owner.Schema) + "." + quote(owner.Name))
	if err != nil {
		return err
	}
	if t.Partitioned {
		return refusal.New("index %q is on a partitioned table; dropping it blocks readers and writers", n.Plain()).Remedy("use raw SQL, in a quiet hour")
	}
	step := plan.Step{
		What: "drop index " + n.Name, Table: t.Name.Plain(), Lock: plan.ShareUpdateExclusive, Outside: b.scratch == nil, Scans: true,
		SQL: []string{"DROP INDEX CONCURRENTLY IF EXISTS " + n.String()}, Irreversible: "the index is gone; create it again",
	}
	if b.scratch != nil { // the stand-in's copy bears another name
		return nil
	}
	b.plan.Drop = append(b.plan.Drop, step)
	return nil
}

// mirrorIndexes builds for a column's successor the indexes that the column has. A unique one waits for contract when the
// new type may make equal what was different.
func (b *builder) mirrorIndexes(t *catalog.Table, at change.TableName, c catalog.Column, to string, faithful bool) error {
	for _, x := range t.Indexes {
		if !slices.Contains(x.Columns, c.Number) {
			continue
		}
		if !x.Plain || t.Partitioned || (!faithful && x.Method != "btree") {
			b.refuse("SL301", fmt.Sprintf("index %q goes with column %q: %s", x.Name, c.Name, x.Def),
				"add createIndex for the new column, then allow SL301 with the reason")
			continue
		}
		var on, include []string
		for i, n := range x.Columns {
			name := t.ByNumber(n)
			if n == c.Number {
				name = to
			}
			if i < x.KeyColumns {
				on = append(on, name)
			} else {
				include = append(include, name)
			}
		}
		def := fmt.Sprintf("USING %s (%s)", x.Method, quoteAll(on))
		if len(include) > 0 {
			def += " INCLUDE (" + quoteAll(include) + ")"
		}
		name, unique := fit(x.Name+"_"+to), ""
		if x.Unique {
			unique = "UNIQUE "
		}
		step := b.indexStep(t, at, name, unique, def)
		if x.Unique && !faithful {
			b.checkDuplicates(t, at, name, on, "")
			b.plan.Tombstone = append([]plan.Step{step}, b.plan.Tombstone...)
		} else {
			b.plan.Settle = append(b.plan.Settle, step)
		}
		b.plan.Drop = append(b.plan.Drop, inherit(t, at, x, name))
	}
	return nil
}

// inherit gives the successor the name of the index that went with the column, and its constraint.
func inherit(t *catalog.Table, at change.TableName, x catalog.Index, successor string) plan.Step {
	s := plan.Step{
		What: "give " + successor + " the name " + x.Name, Table: t.Name.Plain(), Lock: plan.ShareUpdateExclusive, Irreversible: "contract is complete",
		SQL: []string{fmt.Sprintf("ALTER INDEX %s RENAME TO %s", change.TableName{Schema: at.Schema, Name: successor}, quote(x.Name))},
	}
	if x.Constraint != "" {
		s.What, s.Lock = "make "+successor+" the constraint "+x.Constraint, plan.AccessExclusive
		s.SQL = []string{fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s UNIQUE USING INDEX %s", at, quote(x.Constraint), quote(successor))}
	}
	return s
}

// indexesLeft names the indexes that go with a column that has no single successor.
func (b *builder) indexesLeft(t *catalog.Table, c catalog.Column) {
	var left []string
	for _, x := range t.Indexes {
		if slices.Contains(x.Columns, c.Number) {
			left = append(left, x.Name)
		}
	}
	if len(left) > 0 {
		b.hazard("SL301", fmt.Sprintf("with column %q go the indexes %s", c.Name, strings.Join(left, ", ")), "add createIndex where the new columns need one")
	}
}
