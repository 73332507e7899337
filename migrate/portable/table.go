package portable

import (
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
)

// A table is one table as it stands.
type table struct {
	name    string
	rows    int64 // counted, or the database's estimate
	columns []column
	key     []string // the primary key, or else a unique index over NOT NULL columns; empty when there is none
	primary []string
	indexes []index
	// leaning says what refers to a column, or to the table as a whole under "": it would break or go along.
	leaning map[string][]string
	notes   []string // what a reviewer should know about the table
}

// A column of a table.
type column struct {
	name      string
	table     string
	sqlType   string // with character set and collation
	charset   string // that part of it
	base      string // lower case, without length
	defined   string // the default as SQL, or ""
	notNull   bool
	generated bool // computed, or counted up
	counted   bool // counted up, so that a trigger before the insert does not know it
	stamped   bool // set by every update that does not set it
	octets    int64
	comment   string
}

// An index of a table.
type index struct {
	name       string
	columns    []string // "" for an expression
	unique     bool
	plain      bool // columns only, in whole and ascending
	constraint bool // of a constraint: it cannot be dropped by itself
}

// column finds a column by name; both databases compare them without case.
func (t *table) column(name string) (column, bool) {
	for _, c := range t.columns {
		if strings.EqualFold(c.name, name) {
			return c, true
		}
	}
	return column{}, false
}

func (t *table) names() []string {
	var names []string
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	return names
}

// mentioned keeps the columns that expressions could name.
func (t *table) mentioned(exprs ...string) []column {
	var found []column
	for _, c := range t.columns {
		for _, e := range exprs {
			if names(e, c.name) {
				found = append(found, c)
				break
			}
		}
	}
	return found
}

// names tells whether an expression could name a column.
func names(expr, column string) bool {
	for name := range change.Identifiers(expr) {
		if strings.EqualFold(name, column) {
			return true
		}
	}
	return false
}

// keyFor gives the columns a fill walks along.
func (t *table) keyFor() []plan.KeyColumn {
	var key []plan.KeyColumn
	for _, k := range t.key {
		c, _ := t.column(k)
		key = append(key, plan.KeyColumn{Name: c.name, Type: c.base})
	}
	return key
}

// isKey tells whether the row of a condition is the one that a trigger was called for.
func (t *table) isKey(record string) string {
	var parts []string
	for _, k := range t.key {
		parts = append(parts, quote(k)+" = "+record+"."+quote(k))
	}
	return strings.Join(parts, " AND ")
}

// holding lists the indexes that hold a column.
func (t *table) holding(column string) []index {
	var found []index
	for _, x := range t.indexes {
		if slices.ContainsFunc(x.columns, func(c string) bool { return strings.EqualFold(c, column) }) {
			found = append(found, x)
		}
	}
	return found
}

var quote = change.Quote

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quote(n)
	}
	return strings.Join(quoted, ", ")
}

// literal makes a string of a text where a backslash is one.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func and(parts []string) string { return "(" + strings.Join(parts, " AND ") + ")" }
