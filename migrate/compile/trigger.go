package compile

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/migrate/catalog"
)

// BackfillSetting is the run-time setting that a backfill's transactions carry, so that filling a new column is not
// taken for an application's write to it.
const BackfillSetting = "sluice.backfill"

// A scope evaluates an author's expression inside a trigger function without touching its text: each column that it could name
// becomes a variable of a block labelled as the table, so that the bare name and table.column both
// resolve as they do in a query. The parser of the database decides what is a column and what is a type.
type scope struct {
	table   *catalog.Table
	record  string            // NEW or OLD
	renamed map[string]string // column to its tombstone's name
}

// eval gives a block that assigns expressions to variables of the enclosing one.
func (s scope) eval(indent string, variables, exprs []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s<<%s>>\n", indent, quote(s.table.Name.Name))
	columns := mentioned(columnNames(s.table), exprs...)
	if len(columns) > 0 {
		fmt.Fprintf(&b, "%sDECLARE\n", indent)
	}
	for _, name := range columns {
		c, _ := s.table.Column(name)
		actual := name
		if r, ok := s.renamed[name]; ok {
			actual = r
		}
		fmt.Fprintf(&b, "%s  %s %s := %s.%s;\n", indent, quote(name), c.Type, s.record, quote(actual))
	}
	fmt.Fprintf(&b, "%sBEGIN\n", indent)
	for i, v := range variables {
		fmt.Fprintf(&b, "%s  %s := (%s);\n", indent, v, exprs[i])
	}
	fmt.Fprintf(&b, "%sEND;\n", indent)
	return b.String()
}

// functionSQL wraps a body into CREATE OR REPLACE FUNCTION. The search path is pinned: an expression must mean the same for
// every session of the application, whatever path it has set.
func (b *builder) functionSQL(name, declare, body string, definer bool) string {
	security := ""
	if definer {
		security = " SECURITY DEFINER"
	}
	tag := "$sluice$"
	for strings.Contains(body, tag) {
		tag = "$x" + tag[1:]
	}
	return fmt.Sprintf("CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql%s SET search_path = %s, pg_temp AS %s\nDECLARE\n%sBEGIN\n%s  RETURN NEW;\nEND\n%s",
		name, security, quoteAll(b.plan.SearchPath), tag, declare, body, tag)
}

// triggersSQL attaches the function for inserts and, when the condition holds, for updates.
func (b *builder) triggersSQL(table, insertWhen, updateWhen string) []string {
	when := func(cond string) string {
		if cond == "" {
			return ""
		}
		return " WHEN (" + cond + ")"
	}
	return []string{
		fmt.Sprintf("CREATE TRIGGER %s BEFORE INSERT ON %s FOR EACH ROW%s EXECUTE FUNCTION %s()", b.trigger("insert"), table, when(insertWhen), b.function("")),
		fmt.Sprintf("CREATE TRIGGER %s BEFORE UPDATE ON %s FOR EACH ROW%s EXECUTE FUNCTION %s()", b.trigger("update"), table, when(updateWhen), b.function("")),
	}
}

func (b *builder) dropTriggersSQL(table string) []string {
	return []string{
		fmt.Sprintf("DROP TRIGGER IF EXISTS %s ON %s", b.trigger("insert"), table),
		fmt.Sprintf("DROP TRIGGER IF EXISTS %s ON %s", b.trigger("update"), table),
		fmt.Sprintf("DROP FUNCTION IF EXISTS %s()", b.function("")),
	}
}

// notBackfilling is false only inside the transactions of a backfill.
var notBackfilling = "current_setting('" + BackfillSetting + "', true) IS DISTINCT FROM 'on'"
