package portable

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

func TestAPlanRefusesWhatItCannotDoSafelyAndNamesTheRemedy(t *testing.T) {
	setup := append([]string{
		"CREATE TABLE orders (id integer PRIMARY KEY, customer integer, label varchar(20), CONSTRAINT labelled CHECK (label <> ''), FOREIGN KEY (customer) REFERENCES parents (id))",
		"CREATE TABLE nokey (a integer, b varchar(9))",
		"CREATE VIEW seen AS SELECT a, b FROM nokey",
		"CREATE TABLE late (id SERIAL, v varchar(9))",
	}, customers...)
	setup = append([]string{"CREATE TABLE parents (id integer PRIMARY KEY, name varchar(20))"}, setup...)
	cases := []struct{ only, yaml, what, do string }{
		{"", "{addCheck: {table: customers, name: c, check: n > 0}}", "would copy or rebuild the table", "gh-ost or spirit"},
		{"", "{addForeignKey: {table: customers, name: f, columns: [age], references: orders, to: [id]}}", "would copy or rebuild the table", "raw SQL"},
		{"", "{addEnumValue: {enum: mood, value: good}}", "no enum types", "changeType"},
		{"", "{moveColumn: {table: customers, column: age, into: orders, by: [customer], as: years}}", "two tables", "addColumn there"},
		{"", "{renameColumn: {table: customers, column: id, to: key}}", "", ""},
		{"", "{renameColumn: {table: nokey, column: a, to: c}}", "", ""},
		{"", "{renameColumn: {table: parents, column: id, to: key}}", "primary key", "createTable"},
		{"", "{renameColumn: {table: orders, column: customer, to: c}}", "refers to parents", "earlier change"},
		{"", "{renameColumn: {table: orders, column: label, to: c}}", "label", ""},
		{"", "{dropTable: {table: parents}}", "a foreign key of orders refers to it", "earlier change"},
		{"", "{addColumn: {table: customers, column: c, type: integer, up: random() + rand()}}", "another value each time", "default"},
		{"", "{addColumn: {table: customers, column: c, type: varchar(9), up: (select 1)}}", "holds a query", "the row alone"},
		{"", "{addColumn: {table: other.customers, column: c, type: integer}}", "names a schema", "DSN"},
		{"", "{addColumn: {table: nowhere, column: c, type: integer}}", `no table "nowhere"`, ""},
		{"", "{addColumn: {table: customers, column: c, type: integer, default: nonsense()}}", "rehearsed", "statement is"},
		{"", "{addColumn: {table: customers, column: Name, type: integer}}", "already has a column", "another name"},
		{"", "{createTable: {table: customers, columns: [{name: id, type: integer}], primaryKey: [id]}}", "is taken", "another name"},
		{"", "{dropColumn: {table: customers, column: name}}", "NOT NULL without default", "down"},
		{"sqlite", "{setDefault: {table: customers, column: email, default: \"'x'\"}}", "only with a new column", "rebuild"},
		{"sqlite", "{renameTable: {table: customers, to: clients}}", "no view that can be written to", "keep the name"},
		{"sqlite", "{renameColumn: {table: customers, column: \"n\", to: m}}", "", "allow SL303"},
		{"sqlite", "{changeType: {table: customers, column: age, type: varchar(20)}}", "nothing to widen", "delete the operation"},
		{"sqlite", "{addColumn: {table: customers, column: c, type: text, default: random()}}", "rehearsed", "statement is"},
		{"mariadb", "{changeType: {table: customers, column: age, type: text}}", "would copy the table", "gh-ost or spirit"},
		{"mariadb", "{addColumn: {table: customers, column: c, type: varchar(40), default: uuid()}}", "would copy the table", "gh-ost or spirit"},
		{"mariadb", "{createIndex: {table: customers, name: x, columns: [age], where: age IS NOT NULL}}", "neither partial indexes", "addColumn"},
		{"mariadb", "{setNotNull: {table: late, column: v, up: \"concat('v', id)\"}}", "counts up", "other columns"},
	}
	eachProduct(t, func(t *testing.T, p product) {
		w := newWorld(t, p, setup, migrate.Options{})
		for _, c := range cases {
			if c.only != "" && c.only != p.name {
				continue
			}
			w.use("operations: [" + c.yaml + "]")
			plan, err := w.engine.Plan(w.ctx, w.change)
			if err == nil {
				err = migrate.Refusals(plan)
			}
			var r *refusal.Error
			require.ErrorAs(t, err, &r, c.yaml)
			require.Contains(t, err.Error(), c.what, c.yaml)
			require.Contains(t, r.Do, c.do, c.yaml)
			require.NotEmpty(t, r.Do, c.yaml)
		}
		there, err := w.engine.installed(w.ctx)
		require.NoError(t, err)
		require.False(t, there, "a plan writes nothing")
	})
}

func TestOpenRefusesWhatItCannotWorkOnWithoutTellingTheDSN(t *testing.T) {
	for dsn, what := range map[string]string{
		"sqlite:/nowhere/geheim.db": "there is no database file", "sqlite:/tmp": "there is no database file", "oracle://u:geheim@h/d": "not supported",
		"mariadb://u:geheim@127.0.0.1:1/d": "connecting to the database", "mariadb://u:geheim@h": "cannot be read", "mysql://u:geheim@h:3306/d?tls=maybe": "tls=maybe is not known",
	} {
		_, err := Open(context.Background(), dsn, migrate.Options{})
		var r *refusal.Error
		require.ErrorAs(t, err, &r, dsn)
		require.Contains(t, r.What, what)
		require.NotEmpty(t, r.Do)
		require.NotContains(t, r.What+r.Do, ":geheim@")
	}
	w := newWorld(t, liteProduct, nil, migrate.Options{})
	_, err := Open(w.ctx, w.dsn, migrate.Options{Role: "owner"})
	refused(t, err, refusal.Misconfigured, "no roles")
}

func TestRawSQLRunsAStatementAtATime(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		w := newWorld(t, p, customers, migrate.Options{})
		c, err := change.Parse("1_raw", []byte("operations: [{sql: {tables: [customers], expand: up.sql, undo: down.sql, contract: end.sql}}]\ncontract: {minAge: 1ms, dropAfter: 1ms}"), map[string]string{
			"up.sql":   "CREATE INDEX raw_name ON customers (name);\nUPDATE customers SET age = '1' WHERE id = 1;",
			"down.sql": "CREATE INDEX raw_age ON customers (age, id);", "end.sql": "DELETE FROM customers WHERE id = 2;",
		})
		require.NoError(t, err)
		w.change, w.dir = c, &change.Directory{Changes: []*change.Change{c}}
		w.expand()
		require.EqualValues(t, 1, w.number("SELECT count(*) FROM customers WHERE id = 1 AND age = '1'"))
		w.backfill()
		w.switchReads()
		w.mustContract(migrate.Tombstoned)
		w.mustContract(migrate.Completed)
		require.Zero(t, w.number("SELECT count(*) FROM customers WHERE id = 2"))
	})
}
