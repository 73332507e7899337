package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/migrate/catalog"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

func (b *builder) createTable(op *change.CreateTable) error {
	n, err := change.ParseTable(op.Table, b.change.Schema)
	if err != nil {
		return err
	}
	if err := b.free(n); err != nil {
		return err
	}
	var defs []string
	for _, c := range op.Columns {
		t, err := b.newColumn(&catalog.Table{}, c.Name, c.Type)
		if err != nil {
			return err
		}
		def := quote(c.Name) + " " + t.Type
		if c.NotNull {
			def += " NOT NULL"
		}
		if c.Default != "" {
			def += " DEFAULT " + c.Default
		}
		defs = append(defs, def)
	}
	for _, k := range op.PrimaryKey {
		if !slices.ContainsFunc(op.Columns, func(c change.TableColumn) bool { return c.Name == k }) {
			return refusal.Misconfigure("the primary key names column %q, which the table does not have", k).Remedy("add the column")
		}
	}
	defs = append(defs, "PRIMARY KEY ("+quoteAll(op.PrimaryKey)+")")
	at := b.place(n)
	b.extra = append(b.extra, n.Plain())
	b.plan.Expand = append(b.plan.Expand, plan.Step{
		What: "create table " + n.Plain(), Table: n.Plain(), Lock: plan.NoLock,
		SQL: []string{fmt.Sprintf("CREATE TABLE %s (%s)", at, strings.Join(defs, ", "))}, Undo: []string{"DROP TABLE IF EXISTS " + at.String()},
	})
	count := "SELECT count(*) FROM " + at.String()
	b.plan.Losses = append(b.plan.Losses, plan.Loss{What: "rows of " + n.Plain() + ", which goes", Count: count, Tombstoned: count})
	return nil
}

// free refuses a name that a relation already bears.
func (b *builder) free(n change.TableName) error {
	if b.scratch != nil {
		return nil
	}
	var there bool
	err := b.q.QueryRow(b.ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = $2)`, n.Schema, n.Name).Scan(&there)
	if err != nil {
		return fmt.Errorf("looking for %q: %w", n.Plain(), err)
	}
	if there {
		return refusal.New("the name %q is taken", n.Plain()).Remedy("choose another name")
	}
	return nil
}

func (b *builder) dropTable(op *change.DropTable) error {
	t, at, err := b.table(op.Table)
	if err != nil {
		return err
	}
	if err := b.alone(t); err != nil {
		return err
	}
	dead := change.TableName{Schema: at.Schema, Name: Tombstone(at.Name)}
	b.plan.Old = append(b.plan.Old, plan.Column{Table: at})
	b.plan.Tombstone = append(b.plan.Tombstone, plan.Step{
		What: "rename " + t.Name.Plain() + " away; late readers and writers fail", Table: t.Name.Plain(), Lock: plan.AccessExclusive,
		SQL:  []string{fmt.Sprintf("ALTER TABLE %s RENAME TO %s", at, quote(dead.Name))},
		Undo: []string{fmt.Sprintf("ALTER TABLE %s RENAME TO %s", dead, quote(at.Name))},
	})
	b.plan.Drop = append(b.plan.Drop, plan.Step{
		What: "drop table " + t.Name.Plain(), Table: t.Name.Plain(), Lock: plan.AccessExclusive,
		SQL: []string{"DROP TABLE IF EXISTS " + dead.String()}, Irreversible: "the table is gone",
	})
	return nil
}

// alone refuses a table that something else leans on.
func (b *builder) alone(t *catalog.Table) error {
	for _, k := range t.Constraints {
		if k.Kind == "r" {
			return refusal.New("foreign key %q of %s refers to table %q", k.Name, k.Referring, t.Name.Plain()).Remedy("drop the referring column or table first, in a change of its own")
		}
	}
	deps, err := t.Dependents(b.ctx, b.q, 0)
	if err != nil {
		return fmt.Errorf("reading what depends on %q: %w", t.Name.Plain(), err)
	}
	if len(deps) > 0 {
		return refusal.New("table %q cannot go: %s", t.Name.Plain(), strings.Join(deps, "; ")).Remedy("drop what depends on it first, with raw SQL in an earlier change")
	}
	return nil
}

// renameTable lets the new name be an updatable view until contract; then the table takes the name over in one transaction.
func (b *builder) renameTable(op *change.RenameTable) error {
	t, at, err := b.table(op.Table)
	if err != nil {
		return err
	}
	to := change.TableName{Schema: t.Name.Schema, Name: op.To}
	if err := b.free(to); err != nil {
		return err
	}
	if err := b.claim(t, "*"); err != nil {
		return err
	}
	var secured bool
	if err := b.q.QueryRow(b.ctx, "SELECT relrowsecurity FROM pg_catalog.pg_class WHERE oid = $1", t.OID).Scan(&secured); err != nil {
		return fmt.Errorf("reading table %q: %w", t.Name.Plain(), err)
	}
	if secured {
		return refusal.New("table %q has row security, which a view would pass by", t.Name.Plain()).Remedy("rename it with raw SQL and a release that knows both names")
	}
	view := b.place(to)
	create := []string{fmt.Sprintf("CREATE VIEW %s AS SELECT %s FROM %s", view, quoteAll(columnNames(t)), at)}
	grants, err := b.grants(t, view)
	if err != nil {
		return err
	}
	create = append(create, grants...)
	drop := []string{"DROP VIEW IF EXISTS " + view.String()}
	b.extra = append(b.extra, to.Plain())
	b.plan.Old = append(b.plan.Old, plan.Column{Table: at})
	b.hazard("SL305", "until contract "+op.To+" is a view: TRUNCATE, LOCK TABLE and foreign keys do not work on it", "use the old name for those")
	b.plan.Expand = append(b.plan.Expand, plan.Step{
		What: "let " + op.To + " be an updatable view of " + t.Name.Plain(), Table: t.Name.Plain(), Lock: plan.AccessShare, SQL: create, Undo: drop,
	})
	b.plan.Tombstone = append(b.plan.Tombstone, plan.Step{
		What: "give the table the name " + op.To + "; late users of the old name fail", Table: t.Name.Plain(), Lock: plan.AccessExclusive,
		SQL:  append(drop[:1:1], fmt.Sprintf("ALTER TABLE %s RENAME TO %s", at, quote(op.To))),
		Undo: append([]string{fmt.Sprintf("ALTER TABLE %s RENAME TO %s", view, quote(at.Name))}, create...),
	})
	return nil
}

// grants repeats the table's privileges on the view.
func (b *builder) grants(t *catalog.Table, view change.TableName) ([]string, error) {
	rows, err := b.q.Query(b.ctx, `SELECT a.privilege_type, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(r.rolname) END
		FROM pg_catalog.pg_class c, LATERAL pg_catalog.aclexplode(c.relacl) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
		WHERE c.oid = $1 AND a.privilege_type IN ('SELECT','INSERT','UPDATE','DELETE') ORDER BY 2, 1`, t.OID)
	if err != nil {
		return nil, fmt.Errorf("reading the privileges of %q: %w", t.Name.Plain(), err)
	}
	defer rows.Close()
	var grants []string
	for rows.Next() {
		var privilege, grantee string
		if err := rows.Scan(&privilege, &grantee); err != nil {
			return nil, err
		}
		grants = append(grants, fmt.Sprintf("GRANT %s ON %s TO %s", privilege, view, grantee))
	}
	return grants, rows.Err()
}

func (b *builder) addEnumValue(op *change.AddEnumValue) error {
	n, err := change.ParseTable(op.Type, b.change.Schema)
	if err != nil {
		return err
	}
	var labels []string
	err = b.q.QueryRow(b.ctx, `SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid
		JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = $1 AND t.typname = $2`, n.Schema, n.Name).Scan(&labels)
	if err != nil {
		return fmt.Errorf("reading enum %q: %w", n.Plain(), err)
	}
	if len(labels) == 0 {
		return refusal.Misconfigure("there is no enum type %q", n.Plain()).Remedy("give its name, with the schema where it is not %s", b.change.Schema)
	}
	if slices.Contains(labels, op.Value) { // as a rollback leaves it
		b.hazard("SL307", "enum "+n.Plain()+" already has the value "+op.Value, "")
		return nil
	}
	if len(op.Value) > change.MaxName {
		return refusal.Misconfigure("the label %q is longer than %d bytes", op.Value, change.MaxName).Remedy("choose a shorter one")
	}
	sql := fmt.Sprintf("ALTER TYPE %s ADD VALUE IF NOT EXISTS %s", n, change.Literal(op.Value))
	if op.After != "" {
		if !slices.Contains(labels, op.After) {
			return refusal.Misconfigure("enum %q has no value %q to follow", n.Plain(), op.After).Remedy("it has %s", strings.Join(labels, ", "))
		}
		sql += " AFTER " + change.Literal(op.After)
	}
	b.hazard("SL306", "old application versions may read the value "+op.Value+", which they do not know", "write it only when no old version is left")
	if b.scratch == nil {
		b.plan.Expand = append(b.plan.Expand, plan.Step{
			What: "add the value " + op.Value + " to " + n.Plain(), Lock: plan.NoLock, SQL: []string{sql},
			Irreversible: "an enum value cannot be taken away; unused it harms nobody", Stays: true,
		})
	}
	return nil
}
