package portable

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
)

// An operation is carried through every phase, forth and back, with the statements of both application versions.
type operation struct {
	name  string
	setup []string
	yaml  string
	// before holds statements of the old application version: valid until the tombstone.
	before []string
	// after holds statements of the new one: valid from the end of the backfill on.
	after []string
	// wrong counts rows that break what must hold while both shapes are there.
	wrong string
	// lost is how many rows a rollback is allowed to lose, since the new version wrote what the old shape cannot hold.
	lost int64
	// gone are statements that fail once the old shape is buried, and refused those that fail while both shapes are there.
	gone, refused []string
	// lasting marks what a rollback leaves behind on purpose.
	lasting bool
	// only names the one product that can do it.
	only string
}

func TestEveryOperationKeepsBothApplicationVersionsWorkingInEveryPhase(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		for _, op := range operations {
			if op.only == "" || op.only == p.name {
				t.Run(op.name, func(t *testing.T) { t.Parallel(); carry(newWorld(t, p, op.setup, migrate.Options{}), op) })
			}
		}
	})
}

// carry goes start, rollback, start, rollback from the tombstone, start, complete.
func carry(w *world, op operation) {
	w.t.Helper()
	w.use(op.yaml)
	original := w.shapeNow()
	holds := func(phase string) {
		w.t.Helper()
		if op.wrong != "" {
			require.Zero(w.t, w.number(op.wrong), phase)
		}
		w.fails(op.refused)
	}
	w.all(op.before)
	w.expand()
	w.all(op.before)
	w.backfill()
	holds("backfilled by old rows")
	w.all(op.before)
	w.all(op.after)
	holds("both write")
	w.switchReads()
	w.all(op.before)
	w.all(op.after)
	holds("switched")
	w.rollback(migrate.RollbackRequest{AcceptLoss: 2 * op.lost})
	if !op.lasting {
		require.Equal(w.t, original, w.shapeNow(), "rollback restores the shape")
	}
	w.all(op.before)

	w.expand()
	w.backfill()
	w.switchReads()
	w.all(op.before)
	w.all(op.after)
	holds("switched again")
	r, err := w.contract()
	require.NoError(w.t, err)
	w.all(op.after)
	if r.Phase == migrate.Completed {
		return
	}
	w.fails(op.gone)
	w.rollback(migrate.RollbackRequest{ToSwitched: true})
	w.all(op.before)
	w.all(op.after)
	holds("tombstone lifted")
	w.mustContract(migrate.Tombstoned)
	w.all(op.after)
	w.mustContract(migrate.Completed)
	w.all(op.after)
	w.fails(op.gone)
	require.False(w.t, slices.ContainsFunc(w.shapeNow(), func(line string) bool { return len(line) > 8 && line[:8] == "trigger " }), "no trigger is left: %q", w.shapeNow())
}

var customers = []string{
	"CREATE TABLE customers (id SERIAL, name varchar(60) NOT NULL, age varchar(10), email varchar(60), n integer NOT NULL DEFAULT 0)",
	"CREATE INDEX customers_age ON customers (age)",
	rows("customers (name, age, email)", 700, "('first%d last%d', %d % 90, CASE WHEN %d % 3 = 0 THEN NULL ELSE 'm%d' END)"),
}

const (
	firstWord = "substr(name, 1, instr(concat(name, ' '), ' ') - 1)"
	restOf    = "substr(customers.name, instr(concat(name, ' '), ' ') + 1)"
	bothWords = "concat(first_name, CASE WHEN coalesce(last_name, '') = '' THEN '' ELSE concat(' ', last_name) END)"
)

var operations = []operation{
	{
		name: "rename a column", setup: customers, yaml: "operations: [{renameColumn: {table: customers, column: name, to: full_name}}]",
		before: []string{"INSERT INTO customers (name) VALUES ('old writer')", "UPDATE customers SET name = concat(name, '!') WHERE id % 70 = 0", "SELECT name FROM customers"},
		after:  []string{"INSERT INTO customers (full_name) VALUES ('new writer')", "UPDATE customers SET full_name = concat(full_name, '?') WHERE id % 50 = 0", "SELECT full_name FROM customers"},
		wrong:  "SELECT count(*) FROM customers WHERE name <> full_name OR name IS NULL OR full_name IS NULL",
		gone:   []string{"SELECT name FROM customers"}, refused: []string{"INSERT INTO customers (n) VALUES (1)", "INSERT INTO customers (name) VALUES (NULL)"},
	},
	{
		name: "rename an indexed column", setup: customers, yaml: "operations: [{renameColumn: {table: customers, column: age, to: years}}]",
		before: []string{"INSERT INTO customers (name, age) VALUES ('x', '5')", "UPDATE customers SET age = NULL WHERE id % 90 = 0"}, after: []string{"INSERT INTO customers (name, years) VALUES ('y', '6')"},
		wrong: "SELECT count(*) FROM customers WHERE coalesce(age, '-') <> coalesce(years, '-')", gone: []string{"SELECT age FROM customers"},
	},
	{
		name: "change a type", setup: customers, yaml: "operations: [{changeType: {table: customers, column: age, to: years, type: integer}}]",
		before: []string{"INSERT INTO customers (name, age) VALUES ('a b', '41')", "UPDATE customers SET age = '42' WHERE id % 110 = 0", "INSERT INTO customers (name) VALUES ('no age')"},
		after:  []string{"INSERT INTO customers (name, years) VALUES ('c d', 43)", "UPDATE customers SET years = years + 1 WHERE id % 130 = 0"},
		wrong:  "SELECT count(*) FROM customers WHERE coalesce(age + 0, -1) <> coalesce(years, -1)", gone: []string{"SELECT age FROM customers"},
	},
	{
		name: "split a column", setup: customers,
		yaml: `operations:
  - splitColumn:
      table: customers
      column: name
      into:
        - {name: first_name, type: varchar(60), up: "` + firstWord + `", notNull: true}
        - {name: last_name, type: varchar(60), up: "` + restOf + `"}
      down: "` + bothWords + `"
  - createIndex: {table: customers, name: customers_last_name, columns: [last_name]}`,
		before: []string{"INSERT INTO customers (name) VALUES ('Old Writer Himself')", "UPDATE customers SET name = 'Changed By Old' WHERE id % 170 = 0"},
		after:  []string{"INSERT INTO customers (first_name, last_name) VALUES ('New', 'Writer')", "INSERT INTO customers (first_name) VALUES ('Plato')", "UPDATE customers SET last_name = 'Changed' WHERE id % 190 = 0"},
		wrong:  "SELECT count(*) FROM customers WHERE name <> " + bothWords + " OR name IS NULL OR first_name IS NULL",
		lost:   100, gone: []string{"SELECT name FROM customers"}, refused: []string{"INSERT INTO customers (n) VALUES (1)", "UPDATE customers SET name = NULL WHERE id = 3"},
	},
	{
		name: "merge columns", setup: []string{"CREATE TABLE p (a integer NOT NULL, b varchar(20) NOT NULL, street varchar(40) NOT NULL, city varchar(40), PRIMARY KEY (a, b))", rows("p", 500, "(%d % 30, '%d', 'street %d', 'city%d')")},
		yaml: `operations:
  - mergeColumns:
      table: p
      columns: [{name: street, down: "substr(address, 1, instr(concat(address, ','), ',') - 1)"}, {name: city, down: "nullif(substr(address, instr(concat(address, ','), ',') + 2), '')"}]
      into: {name: address, type: varchar(90), up: "concat(street, coalesce(concat(', ', city), ''))"}`,
		before: []string{"INSERT INTO p (a, b, street, city) SELECT 1000, count(*), 'old', 'town' FROM p", "UPDATE p SET city = 'moved' WHERE a = 3"},
		after:  []string{"INSERT INTO p (a, b, address) SELECT 1000, count(*), 'new, town' FROM p", "UPDATE p SET address = 'x, y' WHERE a = 4"},
		wrong:  "SELECT count(*) FROM p WHERE address <> concat(street, coalesce(concat(', ', city), '')) OR address IS NULL", gone: []string{"SELECT street FROM p", "SELECT city FROM p"},
	},
	{
		name: "add a column with a default", setup: customers, yaml: "operations: [{addColumn: {table: customers, column: plan, type: varchar(20), default: \"'free'\", notNull: true}}]",
		before: []string{"INSERT INTO customers (name) VALUES ('x')"}, after: []string{"INSERT INTO customers (name, plan) VALUES ('y', 'paid')"},
		wrong: "SELECT count(*) FROM customers WHERE plan IS NULL", lost: 10,
	},
	{
		name: "add a derived column", setup: customers, yaml: "operations: [{addColumn: {table: customers, column: upper_name, type: varchar(60), up: upper(name), notNull: true}}]",
		before: []string{"INSERT INTO customers (name) VALUES ('x')", "UPDATE customers SET name = concat(name, 'z') WHERE id % 70 = 0"},
		after:  []string{"INSERT INTO customers (name, upper_name) VALUES ('y', 'Y')", "UPDATE customers SET name = 'w', upper_name = 'W' WHERE id % 310 = 0"},
		wrong:  "SELECT count(*) FROM customers WHERE upper_name IS NULL OR upper_name <> upper(name)",
	},
	{
		name: "drop a column", setup: []string{"CREATE TABLE t (id integer PRIMARY KEY, keep varchar(20), fax varchar(20) NOT NULL)", rows("t", 400, "(%d, 'k', 'f%d')")},
		yaml:   "operations: [{dropColumn: {table: t, column: fax, down: \"concat('none', keep)\"}}]",
		before: []string{"INSERT INTO t SELECT max(id) + 1, 'o', 'old fax' FROM t", "SELECT fax FROM t"}, after: []string{"INSERT INTO t (id, keep) SELECT max(id) + 1, 'n' FROM t"},
		wrong: "SELECT count(*) FROM t WHERE fax IS NULL OR keep = 'n' AND fax <> 'nonen'", gone: []string{"SELECT fax FROM t"},
	},
	{
		name: "set NOT NULL", setup: customers, yaml: "operations: [{setNotNull: {table: customers, column: email, up: \"concat('none', name)\"}}]",
		before: []string{"INSERT INTO customers (name) VALUES ('no mail')", "UPDATE customers SET email = NULL WHERE id % 230 = 0"}, after: []string{"INSERT INTO customers (name, email) VALUES ('mail', 'm')"},
	},
	{
		name: "drop NOT NULL", setup: []string{"CREATE TABLE t (id integer PRIMARY KEY, note varchar(20) NOT NULL)", rows("t", 100, "(%d, 'n')")},
		yaml:   "operations: [{dropNotNull: {table: t, column: note, down: \"''\"}}]",
		before: []string{"INSERT INTO t SELECT max(id) + 1, 'o' FROM t"}, after: []string{"INSERT INTO t (id, note) SELECT max(id) + 1, NULL FROM t", "INSERT INTO t (id) SELECT max(id) + 1 FROM t"},
	},
	{
		name: "create an index", setup: customers, yaml: "operations: [{createIndex: {table: customers, name: customers_email, columns: [email, id]}}]",
		before: []string{"INSERT INTO customers (name) VALUES ('2')"}, after: []string{"SELECT name FROM customers WHERE email = 'm4'"},
	},
	{
		name: "create a unique index", setup: customers, yaml: "operations: [{createIndex: {table: customers, name: customers_key, columns: [email, id], unique: true}}]",
		before: []string{"INSERT INTO customers (name) VALUES ('2')"}, after: []string{"SELECT name FROM customers WHERE email = 'm4'"},
	},
	{
		name: "drop an index", setup: customers, yaml: "operations: [{dropIndex: {name: customers_age}}]",
		before: []string{"SELECT name FROM customers WHERE age = '4'"}, after: []string{"SELECT name FROM customers WHERE age = '4'"},
	},
	{
		name: "create a table", setup: customers, yaml: "operations: [{createTable: {table: tags, columns: [{name: id, type: bigint}, {name: tag, type: varchar(9), notNull: true, default: \"'t'\"}], primaryKey: [id]}}]",
		before: []string{"SELECT 1"}, after: []string{"INSERT INTO tags (id) SELECT coalesce(max(id), 0) + 1 FROM tags"}, lost: 100,
	},
	{
		name: "drop a table", setup: customers, yaml: "operations: [{dropTable: {table: customers}}]",
		before: []string{"INSERT INTO customers (name) VALUES ('x')"}, after: []string{"SELECT 1"}, gone: []string{"SELECT * FROM customers"},
	},
	{
		name: "rename a table", only: "mariadb", setup: customers, yaml: "operations: [{renameTable: {table: customers, to: clients}}]",
		before: []string{"INSERT INTO customers (name) VALUES ('x')", "SELECT name FROM customers"},
		after:  []string{"INSERT INTO clients (name, age) VALUES ('y', '3')", "UPDATE clients SET name = 'q' WHERE id = 3", "DELETE FROM clients WHERE id = 4"}, gone: []string{"SELECT name FROM customers"},
	},
	{
		name: "set a default", only: "mariadb", setup: customers, yaml: "operations: [{setDefault: {table: customers, column: email, default: \"'x'\"}}]",
		before: []string{"INSERT INTO customers (name) VALUES ('x')"}, after: []string{"INSERT INTO customers (name) VALUES ('x')"},
	},
	{
		name: "drop a default", only: "mariadb", setup: customers, yaml: "operations: [{dropDefault: {table: customers, column: \"n\"}}]",
		before: []string{"INSERT INTO customers (name) VALUES ('x')"}, after: []string{"INSERT INTO customers (name, n) VALUES ('x', 1)"},
	},
	{
		name: "rename a column with a default", only: "mariadb", yaml: "operations: [{renameColumn: {table: t, column: state, to: status}}]",
		setup:  []string{"CREATE TABLE t (id SERIAL, state enum('new', 'old') NOT NULL DEFAULT 'new', at timestamp NOT NULL DEFAULT current_timestamp ON UPDATE current_timestamp)", rows("t (state)", 100, "('old')")},
		before: []string{"INSERT INTO t (state) VALUES ('old'), (DEFAULT)"}, after: []string{"INSERT INTO t (status) VALUES ('old')"},
		wrong: "SELECT count(*) FROM t WHERE state <> status OR status IS NULL", gone: []string{"SELECT state FROM t"},
	},
	{
		name: "widen a type", only: "mariadb", setup: customers, yaml: "operations: [{changeType: {table: customers, column: name, type: varchar(63)}}]", lasting: true,
		before: []string{"INSERT INTO customers (name) VALUES ('x')"}, after: []string{"INSERT INTO customers (name) VALUES ('0123456789012345678901234567890123456789012345678901234567890 2')"},
	},
}
