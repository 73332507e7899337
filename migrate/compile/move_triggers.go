package compile

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/migrate/plan"
)

// forth carries what an old version writes over to the other table. It leaves a value alone that is the old one's origin.
func (m move) forth(b *builder) string {
	body := scope{table: m.from, record: "NEW"}.eval("  ", []string{"sluice_up"}, []string{m.new.expr}) +
		fmt.Sprintf("  UPDATE /* sluice */ %s SET %s = sluice_up WHERE %s AND %s AND NOT (%s);\n", m.intoAt, quote(m.new.Name), m.matched,
			distinct(quote(m.new.Name), "sluice_up", m.new.BaseType), same("NEW."+quote(m.old.Name), cast(m.old.expr, m.old.Type), m.old.BaseType))
	return b.functionSQL(b.function(""), fmt.Sprintf("  sluice_up %s;\n", m.new.Type), body, true)
}

// back carries what a new version writes back to the first table, under whichever name the column bears: a statement that has begun when
// the tombstone comes finds the other one.
func (m move) back(b *builder) string {
	old, dead := quote(m.old.Name), quote(Tombstone(m.old.Name))
	body := scope{table: m.into, record: "NEW"}.eval("  ", []string{"sluice_down"}, []string{m.old.expr}) +
		fmt.Sprintf(`  BEGIN
    UPDATE /* sluice */ %[1]s SET %[2]s = sluice_down WHERE %[3]s AND %[4]s AND %[5]s;
  EXCEPTION WHEN undefined_column THEN
    UPDATE /* sluice */ %[1]s SET %[6]s = sluice_down WHERE %[3]s AND %[7]s;
  END;
`, m.fromAt, old, m.match, distinct(old, "sluice_down", m.old.BaseType), distinct("NEW."+quote(m.new.Name), cast(m.new.expr, m.new.Type), m.new.BaseType),
			dead, distinct(dead, "sluice_down", m.old.BaseType))
	return b.functionSQL(b.function("_back"), fmt.Sprintf("  sluice_down %s;\n", m.old.Type), body, true)
}

// fetch gives a row that is added without the value, or that is made to refer elsewhere, the value that waits in the first table, until the
// tombstone.
func (m move) fetch(b *builder) string {
	body := fmt.Sprintf(`  BEGIN
    SELECT /* sluice */ (%s) INTO sluice_up FROM %s WHERE %s FOR SHARE;
    NEW.%s := sluice_up;
  EXCEPTION WHEN undefined_column THEN NULL;
  END;
`, m.new.expr, m.fromAt, m.match, quote(m.new.Name))
	return b.functionSQL(b.function("_fetch"), fmt.Sprintf("  sluice_up %s;\n", m.new.Type), body, true)
}

func (b *builder) installMove(m move) {
	from, into, added := m.fromAt.String(), m.intoAt.String(), quote(m.new.Name)
	definition := added + " " + m.new.Type
	if m.old.Collation != "" && m.old.BaseType == m.new.BaseType {
		definition += " COLLATE " + m.old.Collation
	}
	var written []string
	for _, name := range mentioned(columnNames(m.from), quote(m.old.Name), m.new.expr) {
		c, _ := m.from.Column(name)
		written = append(written, distinct("OLD."+quote(name), "NEW."+quote(name), c.BaseType))
	}
	b.plan.Expand = append(b.plan.Expand, plan.Step{
		What: "add column " + m.new.Name + ", empty", Table: m.into.Name.Plain(), Lock: plan.AccessExclusive,
		SQL:  []string{fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s", into, definition)},
		Undo: []string{fmt.Sprintf("ALTER TABLE %s DROP COLUMN IF EXISTS %s", into, added)},
	}, plan.Step{
		What: "carry what is written to " + m.old.Name + " over to " + m.new.Name, Table: m.from.Name.Plain(), Lock: plan.ShareRowExclusive,
		SQL: []string{m.forth(b), fmt.Sprintf("CREATE TRIGGER %s AFTER UPDATE ON %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION %s()",
			b.trigger("update"), from, strings.Join(written, " OR "), b.function(""))},
		Undo: b.dropTriggersSQL(from)[1:],
	}, plan.Step{
		What: "carry what is written to " + m.new.Name + " back to " + m.old.Name, Table: m.into.Name.Plain(), Lock: plan.ShareRowExclusive,
		SQL: []string{
			m.back(b), m.fetch(b),
			fmt.Sprintf("CREATE TRIGGER %s BEFORE INSERT ON %s FOR EACH ROW WHEN (NEW.%s IS NULL) EXECUTE FUNCTION %s()", b.trigger("fetch"), into, added, b.function("_fetch")),
			fmt.Sprintf("CREATE TRIGGER %s BEFORE UPDATE ON %s FOR EACH ROW WHEN (%s AND %s) EXECUTE FUNCTION %s()", b.trigger("follow"), into, m.moved,
				same("OLD."+added, "NEW."+added, m.new.BaseType), b.function("_fetch")),
			fmt.Sprintf("CREATE TRIGGER %s AFTER INSERT ON %s FOR EACH ROW WHEN (NEW.%s IS NOT NULL) EXECUTE FUNCTION %s()", b.trigger("insert"), into, added, b.function("_back")),
			fmt.Sprintf("CREATE TRIGGER %s AFTER UPDATE ON %s FOR EACH ROW WHEN (%s AND %s) EXECUTE FUNCTION %s()", b.trigger("update"), into, notBackfilling,
				distinct("OLD."+added, "NEW."+added, m.new.BaseType), b.function("_back")),
		},
		Undo: b.dropBackSQL(into),
	})
}

func (b *builder) dropBackSQL(into string) []string {
	var sql []string
	for _, event := range []string{"fetch", "follow", "insert", "update"} {
		sql = append(sql, fmt.Sprintf("DROP TRIGGER IF EXISTS %s ON %s", b.trigger(event), into))
	}
	return append(sql, fmt.Sprintf("DROP FUNCTION IF EXISTS %s()", b.function("_back")), fmt.Sprintf("DROP FUNCTION IF EXISTS %s()", b.function("_fetch")))
}

// buryMove renames the old column away; what new versions write still reaches it, and what reaches it goes nowhere.
func (b *builder) buryMove(m move) {
	from, dead := m.fromAt.String(), Tombstone(m.old.Name)
	b.plan.Old = append(b.plan.Old, plan.Column{Table: m.fromAt, Column: m.old.Name})
	b.plan.Tombstone = append(b.plan.Tombstone, plan.Step{
		What: "rename " + m.old.Name + " away; late readers fail, writes still reach it", Table: m.from.Name.Plain(), Lock: plan.AccessExclusive,
		SQL:  []string{fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", from, quote(m.old.Name), quote(dead)), b.functionSQL(b.function(""), "", "", true)},
		Undo: []string{fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", from, quote(dead), quote(m.old.Name)), m.forth(b)},
	})
	b.archive(m.from, m.fromAt, map[string]string{m.old.Name: dead})
	forth := b.dropTriggersSQL(from)[1:]
	b.plan.Drop = append(b.plan.Drop, plan.Step{
		What: "stop carrying " + m.new.Name + " back", Table: m.into.Name.Plain(), Lock: plan.AccessExclusive,
		SQL: b.dropBackSQL(m.intoAt.String()), Irreversible: "the old column is no longer kept in step",
	}, plan.Step{
		What: "drop column " + m.old.Name, Table: m.from.Name.Plain(), Lock: plan.AccessExclusive,
		SQL: []string{forth[0], fmt.Sprintf("ALTER TABLE %s DROP COLUMN IF EXISTS %s", from, quote(dead)), forth[1]}, Irreversible: "the old column is gone",
	})
}
