package portable

import "github.com/sluice-ci/sluice/migrate/plan"

// A grammar is how a database says what a plan needs. Both read identifiers in double quotes and || as concatenation.
type grammar interface {
	instant() plan.Lock // of an alteration that takes no time
	online() plan.Lock  // of one that reads or writes the whole table

	same(a, b string, c column) string           // a and b are the same value, NULL included
	cast(expr string, c column) string           // what the column would hold of an expression
	literal(ref string, k plan.KeyColumn) string // an expression that gives a value as an SQL literal
	characters(expr string) string               // an expression as text
	replace() string                             // begins an INSERT that replaces the row of the same key
	comment(text string) string                  // ends the definition of a column
	addColumns(table string, defs []string) []string
	dropColumns(table string, columns []string) []string
	renameColumns(table string, pairs [][2]string) []string
	setNull(table string, c column, allowed bool) []string
	setDefault(table string, c column, expr string) []string // nil where it cannot be done
	widen(t *table, c column, sqlType string) (string, error)
	createIndex(table, name, on, where string, unique bool) string
	partialIndexes() bool // and indexes of expressions
	dropIndex(table, name string) string
	renameTables(pairs [][2]string) []string

	dual(r *reshape) []string   // triggers that keep both sides in step
	derived(d *derive) []string // triggers that give a value where a writer leaves NULL
	dropTriggers(t *table, name string) []string
	triggersFollow() bool                             // a trigger goes on when a column of it is renamed
	alone(table string, statements []string) []string // nobody writes to the table between the statements
	relaxesFirst() bool                               // a trigger comes too late for NOT NULL
	viewForTable() bool                               // a view can stand in for a table
}
