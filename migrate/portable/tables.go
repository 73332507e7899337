package portable

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

func (b *builder) createTable(op *change.CreateTable) error {
	name, err := b.free(op.Table)
	if err != nil {
		return err
	}
	var defs []string
	for _, c := range op.Columns {
		def := quote(c.Name) + " " + c.Type
		if c.NotNull || slices.Contains(op.PrimaryKey, c.Name) {
			def += " NOT NULL"
		}
		if c.Default != "" {
			def += " DEFAULT " + parenthesized(c.Default)
		}
		defs = append(defs, def)
	}
	for _, k := range op.PrimaryKey {
		if !slices.ContainsFunc(op.Columns, func(c change.TableColumn) bool { return c.Name == k }) {
			return refusal.Misconfigure("the primary key names column %q, which the table does not have", k).Remedy("add the column")
		}
	}
	defs = append(defs, "PRIMARY KEY ("+quoteAll(op.PrimaryKey)+")")
	b.extra = append(b.extra, name)
	b.plan.Expand = append(b.plan.Expand, plan.Step{
		What: "create table " + name, Table: name, Lock: plan.NoLock,
		SQL: []string{fmt.Sprintf("CREATE TABLE %s (%s)", quote(name), strings.Join(defs, ", "))}, Undo: []string{"DROP TABLE IF EXISTS " + quote(name)},
	})
	count := "SELECT count(*) FROM " + quote(name)
	b.plan.Losses = append(b.plan.Losses, plan.Loss{What: "rows of " + name + ", which goes", Count: count, Tombstoned: count})
	return nil
}

// free refuses a name that a table or view bears.
func (b *builder) free(text string) (string, error) {
	name, err := b.name(text)
	if err != nil {
		return "", err
	}
	_, err = collect(b.ctx, b.q, "SELECT 1 FROM "+quote(name)+" WHERE 1 = 0", nil, scanNothing)
	if err == nil {
		return "", refusal.New("the name %q is taken", name).Remedy("choose another name")
	}
	if !b.absent(err) {
		return "", fmt.Errorf("looking for %q: %w", name, err)
	}
	return name, nil
}

func (b *builder) dropTable(op *change.DropTable) error {
	t, dead, err := b.leaving(op.Table)
	if err != nil {
		return err
	}
	b.plan.Tombstone = append(b.plan.Tombstone, plan.Step{
		What: "rename " + t.name + " away; late readers and writers fail", Table: t.name, Lock: b.instant(),
		SQL: b.renameTables([][2]string{{t.name, dead}}), Undo: b.renameTables([][2]string{{dead, t.name}}),
	})
	b.plan.Drop = append(b.plan.Drop, plan.Step{
		What: "drop table " + t.name, Table: t.name, Lock: b.instant(), SQL: []string{"DROP TABLE IF EXISTS " + quote(dead)}, Irreversible: "the table is gone",
	})
	return nil
}

// leaving gives a table that nothing leans on, and the name of its tombstone.
func (b *builder) leaving(text string) (*table, string, error) {
	t, err := b.table(text)
	if err != nil {
		return nil, "", err
	}
	if err := b.claim(t, "*"); err != nil {
		return nil, "", err
	}
	if l := t.leaning[""]; len(l) > 0 {
		return nil, "", refusal.New("table %q cannot go: %s", t.name, strings.Join(l, "; ")).Remedy("drop what depends on it first, with raw SQL in an earlier change")
	}
	b.plan.Old = append(b.plan.Old, plan.Column{Table: change.TableName{Name: t.name}})
	dead, err := b.tombstone(t.name)
	return t, dead, err
}

// renameTable lets the new name be an updatable view until contract; then both names change in one statement.
func (b *builder) renameTable(op *change.RenameTable) error {
	if !b.viewForTable() {
		return refusal.New("this database has no view that can be written to as its table: a new version would get no default and no id of what it inserts").
			Remedy("keep the name; or rename it with raw SQL in a quiet hour, with a release that knows both names")
	}
	t, dead, err := b.leaving(op.Table)
	if err != nil {
		return err
	}
	to, err := b.free(op.To)
	if err != nil {
		return err
	}
	b.extra = append(b.extra, to)
	b.hazard("SL305", "until contract "+to+" is a view: TRUNCATE, LOCK TABLES and foreign keys do not work on it", "use the old name for those")
	b.plan.Expand = append(b.plan.Expand, plan.Step{
		What: "let " + to + " be an updatable view of " + t.name, Table: t.name, Lock: b.instant(),
		SQL:  []string{fmt.Sprintf("CREATE OR REPLACE VIEW %s AS SELECT %s FROM %s", quote(to), quoteAll(t.names()), quote(t.name))},
		Undo: []string{"DROP VIEW IF EXISTS " + quote(to)},
	})
	b.plan.Tombstone = append(b.plan.Tombstone, plan.Step{
		What: "give the table the name " + to + "; late users of the old name fail", Table: t.name, Lock: b.instant(),
		SQL: b.renameTables([][2]string{{to, dead}, {t.name, to}}), Undo: b.renameTables([][2]string{{to, t.name}, {dead, to}}),
	})
	b.plan.Drop = append(b.plan.Drop, plan.Step{
		What: "drop the view that " + to + " was", Table: to, Lock: plan.NoLock, SQL: []string{"DROP VIEW IF EXISTS " + quote(dead)}, Irreversible: "contract is complete",
	})
	return nil
}
