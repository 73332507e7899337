package portable

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

var (
	mariaTexts    = []string{"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json", "character varying", "character"}
	mariaBytes    = []string{"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
	mariaIntegers = []string{"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "bool", "boolean"}
	mariaDecimals = []string{"decimal", "numeric", "dec", "fixed"}
)

func (mariaDialect) instant() plan.Lock { return plan.Metadata }
func (mariaDialect) online() plan.Lock  { return plan.Online }

// same compares texts byte by byte: a column's collation may hold different ones for equal, and ignores blanks at the end.
func (mariaDialect) same(a, b string, c column) string {
	if slices.Contains(mariaTexts, c.base) {
		return fmt.Sprintf("(CONVERT(%s USING utf8mb4) COLLATE utf8mb4_nopad_bin <=> CONVERT(%s USING utf8mb4))", a, b)
	}
	return "((" + a + ") <=> (" + b + "))"
}

var inBrackets = regexp.MustCompile(`\([0-9, ]+\)`)

// cast gives what a column would hold: rounded as an assignment rounds, which a cast to an integer type does not.
func (mariaDialect) cast(expr string, c column) string {
	size := inBrackets.FindString(c.sqlType)
	to := ""
	switch {
	case slices.Contains(mariaIntegers, c.base):
		to = "DECIMAL(20, 0)"
	case slices.Contains(mariaDecimals, c.base):
		to = "DECIMAL" + size
	case c.base == "double" || c.base == "real":
		to = "DOUBLE"
	case c.base == "float", c.base == "date":
		to = c.base
	case c.base == "datetime" || c.base == "timestamp":
		to = "DATETIME" + size
	case c.base == "time":
		to = "TIME" + size
	default:
		return "(" + expr + ")"
	}
	return "CAST((" + expr + ") AS " + to + ")"
}

func (mariaDialect) literal(ref string, k plan.KeyColumn) string {
	switch {
	case slices.Contains(mariaTexts, k.Type):
		return "concat('_utf8mb4 X''', hex(CONVERT(" + ref + " USING utf8mb4)), '''')"
	case slices.Contains(mariaBytes, k.Type):
		return "concat('X''', hex(" + ref + "), '''')"
	case slices.Contains(mariaIntegers, k.Type), slices.Contains(mariaDecimals, k.Type):
		return "CAST(" + ref + " AS CHAR)"
	}
	return "concat('''', " + ref + ", '''')"
}

func (mariaDialect) characters(expr string) string { return "CAST(" + expr + " AS CHAR)" }
func (mariaDialect) replace() string               { return "REPLACE" }
func (mariaDialect) comment(text string) string    { return " COMMENT " + literal(text) }
func (mariaDialect) triggersFollow() bool          { return false }
func (mariaDialect) relaxesFirst() bool            { return false }
func (mariaDialect) viewForTable() bool            { return true }
func (mariaDialect) partialIndexes() bool          { return false }

func (mariaDialect) alone(table string, statements []string) []string {
	return append(append([]string{"LOCK TABLES " + quote(table) + " WRITE"}, statements...), "UNLOCK TABLES")
}

// The algorithms that a statement may use: an alteration that would need another is refused by the server, not carried out.
const (
	instantly = ", ALGORITHM=INSTANT"
	inPlace   = ", ALGORITHM=INPLACE, LOCK=NONE"
)

// alterTable writes one ALTER TABLE of several parts, which the server carries out whole or not at all.
func alterTable[T any](table string, all []T, part func(T) string, how string) []string {
	return []string{"ALTER TABLE " + quote(table) + " " + strings.Join(each(all, part), ", ") + how}
}

func (mariaDialect) addColumns(table string, defs []string) []string {
	return alterTable(table, defs, func(def string) string { return "ADD COLUMN " + def }, instantly)
}

func (mariaDialect) dropColumns(table string, columns []string) []string {
	return alterTable(table, columns, func(c string) string { return "DROP COLUMN " + quote(c) }, instantly)
}

func (mariaDialect) renameColumns(table string, pairs [][2]string) []string {
	return alterTable(table, pairs, func(p [2]string) string { return "RENAME COLUMN " + quote(p[0]) + " TO " + quote(p[1]) }, instantly)
}

func (mariaDialect) setNull(table string, c column, allowed bool) []string {
	c.notNull = !allowed
	return []string{"ALTER TABLE " + quote(table) + " MODIFY COLUMN " + mariaDefinition(c) + inPlace}
}

// mariaDefinition repeats what a column is, as MODIFY wants it.
func mariaDefinition(c column) string {
	def := quote(c.name) + " " + c.sqlType
	if c.notNull {
		def += " NOT NULL"
	} else {
		def += " NULL"
	}
	if c.defined != "" {
		def += " DEFAULT " + c.defined
	}
	if c.stamped {
		def += " ON UPDATE " + c.defined
	}
	if c.comment != "" {
		def += " COMMENT " + literal(c.comment)
	}
	return def
}

func (mariaDialect) setDefault(table string, c column, expr string) []string {
	how := "SET DEFAULT " + parenthesized(expr)
	switch {
	case expr == "" && c.notNull:
		how = "DROP DEFAULT"
	case expr == "":
		how = "SET DEFAULT NULL" // without any, a writer would have to give a value
	}
	return []string{"ALTER TABLE " + quote(table) + " ALTER COLUMN " + quote(c.name) + " " + how + instantly}
}

func (mariaDialect) widen(_ *table, c column, sqlType string) (string, error) {
	if strings.EqualFold(c.sqlType, sqlType+c.charset) { // as a rollback leaves it
		return "", nil
	}
	wide := c
	wide.sqlType = sqlType + c.charset
	return "ALTER TABLE " + quote(c.table) + " MODIFY COLUMN " + mariaDefinition(wide) + instantly, nil
}

func (mariaDialect) createIndex(table, name, on, _ string, unique bool) string {
	kind := "INDEX"
	if unique {
		kind = "UNIQUE INDEX"
	}
	return fmt.Sprintf("ALTER TABLE %s ADD %s %s (%s)%s", quote(table), kind, quote(name), on, inPlace)
}

func (mariaDialect) dropIndex(table, name string) string {
	return "ALTER TABLE " + quote(table) + " DROP INDEX IF EXISTS " + quote(name) + inPlace
}

func (mariaDialect) renameTables(pairs [][2]string) []string {
	return []string{"RENAME TABLE " + strings.Join(each(pairs, func(p [2]string) string { return quote(p[0]) + " TO " + quote(p[1]) }), ", ")}
}

// noUnsafeKey refuses keys that the server orders in another way than it compares their literals.
func noUnsafeKey(t *table) error {
	for _, k := range t.key {
		c, _ := t.column(k)
		if slices.Contains([]string{"enum", "set", "float", "double", "bit"}, c.base) {
			return refusal.New("the key of %q holds %q of the type %s, along which no backfill can stop and go on", t.name, k, c.base).
				Remedy("add a unique index over NOT NULL columns of other types")
		}
	}
	return nil
}
