package migrate_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

func TestAPlanRefusesWhatItCannotCarryThroughAndSaysWhatToDo(t *testing.T) {
	s := pgtest.On(t, pgtest.Newest)
	for _, c := range []struct{ name, setup, yaml, what, remedy string }{
		{"a table that is not there", "SELECT 1", "dropTable: {table: t}", `"public.t": there is no such table`, ""},
		{"a view", "CREATE VIEW t AS SELECT 1 AS c", "dropColumn: {table: t, column: c}", "it is a view, not a table", ""},
		{"a partition", "CREATE TABLE p (a int PRIMARY KEY, c int) PARTITION BY LIST (a); CREATE TABLE t PARTITION OF p DEFAULT", "dropColumn: {table: t, column: c}", "it is a partition", ""},
		{"a column that is not there", "CREATE TABLE t (id int PRIMARY KEY)", "dropColumn: {table: t, column: C}", `has no column "C"`, "its columns are id"},
		{"a table without key", "CREATE TABLE t (c text)", "renameColumn: {table: t, column: c, to: d}", "has no key to walk along", "add a primary key"},
		{"a key over a nullable column", "CREATE TABLE t (a int UNIQUE, c text)", "renameColumn: {table: t, column: c, to: d}", "has no key to walk along", "unique index over NOT NULL columns"},
		{"a column of the primary key", "CREATE TABLE t (c int PRIMARY KEY)", "renameColumn: {table: t, column: c, to: d}", "belongs to the primary key", "raw SQL"},
		{"an identity", "CREATE TABLE t (id int PRIMARY KEY, c int GENERATED ALWAYS AS IDENTITY)", "renameColumn: {table: t, column: c, to: d}", "is an identity", "move identity"},
		{"a generated column", "CREATE TABLE t (id int PRIMARY KEY, c int GENERATED ALWAYS AS (id + 1) STORED)", "renameColumn: {table: t, column: c, to: d}", "is generated", "raw SQL"},
		{"a column that a view shows", "CREATE TABLE t (id int PRIMARY KEY, c text); CREATE VIEW v AS SELECT c FROM t", "renameColumn: {table: t, column: c, to: d}", "cannot go", "move what depends on it"},
		{"a column that others refer to", "CREATE TABLE t (id int PRIMARY KEY, c int UNIQUE); CREATE TABLE u (c int REFERENCES t (c))", "renameColumn: {table: t, column: c, to: d}", `of public.u refers to column "c"`, "referring table first"},
		{"a name that is taken", "CREATE TABLE t (id int PRIMARY KEY, c int, d int)", "renameColumn: {table: t, column: c, to: d}", `already has a column "d"`, "choose another name"},
		{"a volatile expression", "CREATE TABLE t (id int PRIMARY KEY, c text)", "splitColumn: {table: t, column: c, into: [{name: d, type: text, up: random()::text}], down: d}", "calls random", "for new rows use a default"},
		{"an unknown type", "CREATE TABLE t (id int PRIMARY KEY)", "addColumn: {table: t, column: c, type: txt}", `type "txt" is unknown`, "name a type"},
		{"an expression of the wrong type", "CREATE TABLE t (id int PRIMARY KEY, c text); INSERT INTO t VALUES (1, 'x')", "changeType: {table: t, column: c, to: d, type: int}", "the database refuses to", "the statement is"},
		{"an expression over nothing", "CREATE TABLE t (id int PRIMARY KEY, c text)", "splitColumn: {table: t, column: c, into: [{name: d, type: text, up: nobody}], down: d}", `column "nobody" does not exist`, "the statement is"},
		{"NOT NULL without down", "CREATE TABLE t (id int PRIMARY KEY, c text NOT NULL)", "dropColumn: {table: t, column: c}", "NOT NULL without default", "give down"},
		{"NOT NULL twice", "CREATE TABLE t (id int PRIMARY KEY, c text NOT NULL)", "setNotNull: {table: t, column: c}", "is NOT NULL already", "delete the operation"},
		{"a narrowing in place", "CREATE TABLE t (id int PRIMARY KEY, c varchar(20))", "changeType: {table: t, column: c, type: varchar(10)}", "in place would rewrite", "with to"},
		{"an index on a partitioned table", "CREATE TABLE t (a int PRIMARY KEY) PARTITION BY RANGE (a)", "createIndex: {table: t, name: i, columns: [a]}", "is partitioned", "ATTACH PARTITION"},
		{"an index of a constraint", "CREATE TABLE t (a int PRIMARY KEY)", "dropIndex: {name: t_pkey}", "belongs to a constraint", "drop the constraint"},
		{"a table that others refer to", "CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int REFERENCES t)", "dropTable: {table: t}", "of public.u refers to table", "referring column or table first"},
		{"a column that moves to rows that share one", "CREATE TABLE t (id int PRIMARY KEY, c text); CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t)", "moveColumn: {table: t, column: c, into: u, by: [t], as: d}", `t of "public.u" is not unique`, "addUnique"},
		{"a column that moves where nothing refers from", "CREATE TABLE t (id int PRIMARY KEY, c text); CREATE TABLE u (id int PRIMARY KEY)", "moveColumn: {table: t, column: c, into: u, by: [id], as: d}", `no foreign key leads from id of "public.u"`, "addForeignKey"},
		{"a column that moves along a reference that comes late", "CREATE TABLE t (id int PRIMARY KEY, c text); CREATE TABLE u (id int PRIMARY KEY REFERENCES t DEFERRABLE)", "moveColumn: {table: t, column: c, into: u, by: [id], as: d}", "is deferrable", "NOT DEFERRABLE"},
		{"a column that moves and must have a value", "CREATE TABLE t (id int PRIMARY KEY, c text NOT NULL); CREATE TABLE u (id int PRIMARY KEY REFERENCES t)", "moveColumn: {table: t, column: c, into: u, by: [id], as: d}", "adds the row before the one that holds the value", "dropNotNull"},
		{"a column that moves by a value of the other table", "CREATE TABLE t (id int PRIMARY KEY, c text); CREATE TABLE u (id int PRIMARY KEY REFERENCES t, w text)", "moveColumn: {table: t, column: c, into: u, by: [id], as: d, up: c || w}", `column "w" does not exist`, "the statement is"},
		{"a column that moves back by a value of the other table", "CREATE TABLE t (id int PRIMARY KEY, c text, w text); CREATE TABLE u (id int PRIMARY KEY REFERENCES t)", "moveColumn: {table: t, column: c, into: u, by: [id], as: d, down: d || w}", `column "w" does not exist`, "the statement is"},
		{"a column that moves to a table of the same name", "CREATE SCHEMA s; CREATE TABLE t (id int PRIMARY KEY, c text); CREATE TABLE s.t (id int PRIMARY KEY REFERENCES t)", "moveColumn: {table: t, column: c, into: s.t, by: [id], as: d}", `both tables bear the name "t"`, "rename one"},
		{"a table with row security under a new name", "CREATE TABLE t (a int PRIMARY KEY); ALTER TABLE t ENABLE ROW LEVEL SECURITY", "renameTable: {table: t, to: u}", "has row security", "raw SQL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, s, c.setup, migrate.Options{})
			w.use("1_x", "operations: [{"+c.yaml+"}]")
			shape := w.shape()
			_, err := w.engine.Plan(w.ctx, w.change)
			must(t, err, c.what)
			var r *refusal.Error
			if c.remedy != "" {
				require.True(t, errors.As(err, &r), "%v", err)
				require.Contains(t, r.Do, c.remedy)
			}
			require.Equal(t, shape, w.shape())
			require.Zero(t, w.number("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'sluice%'"), "a plan writes nothing")
		})
	}
}

func TestACheckConstraintThatGoesWithAColumnStopsThePlanUnlessAllowed(t *testing.T) {
	w := newWorld(t, pgtest.On(t, pgtest.Newest), "CREATE TABLE t (id int PRIMARY KEY, c int CONSTRAINT positive CHECK (c > 0))", migrate.Options{})
	w.use("1_x", "operations: [{renameColumn: {table: t, column: c, to: d}}]")
	_, err := w.engine.Expand(w.ctx, migrate.ExpandRequest{Change: w.change, Directory: w.dir})
	says(t, err, refusal.Refused, `SL302 constraint "positive"`, "addCheck")
	w.use("1_x", "operations: [{renameColumn: {table: t, column: c, to: d}}, {addCheck: {table: t, name: positive_d, check: d > 0}}]\nallow: [{rule: SL302, reason: positive_d takes its place}]")
	w.expand()
}

func TestAChangeOnATableThatIsUnderWayIsRefused(t *testing.T) {
	w := newWorld(t, pgtest.On(t, pgtest.Newest), people, migrate.Options{})
	w.use("1_x", renameYAML)
	w.expand()
	w.use("2_y", "operations: [{addColumn: {table: people, column: extra, type: text}}]")
	_, err := w.engine.Expand(w.ctx, migrate.ExpandRequest{Change: w.change, Directory: w.dir})
	says(t, err, refusal.Refused, "change 1_x is expanded on public.people", "contract or roll back 1_x first")
	_, err = w.engine.Status(w.ctx, w.dir)
	says(t, err, refusal.Misconfigured, "between shapes with 1_x", "restore its folder")
}

func TestExpandRefusesAnotherPlanThanTheReviewedOne(t *testing.T) {
	w := newWorld(t, pgtest.On(t, pgtest.Newest), people, migrate.Options{})
	w.use("1_x", renameYAML)
	p, err := w.engine.Plan(w.ctx, w.change)
	require.NoError(t, err)
	w.exec("ANALYZE people") // numbers of rows are no part of what was reviewed
	again, err := w.engine.Plan(w.ctx, w.change)
	require.NoError(t, err)
	require.Equal(t, p.Digest(), again.Digest())
	w.exec("CREATE INDEX people_name ON people (name)")
	_, err = w.engine.Expand(w.ctx, migrate.ExpandRequest{Change: w.change, Directory: w.dir, Digest: p.Digest()})
	says(t, err, refusal.Refused, "no longer the one that was reviewed", "plan and review again")
	p, err = w.engine.Plan(w.ctx, w.change)
	require.NoError(t, err)
	_, err = w.engine.Expand(w.ctx, migrate.ExpandRequest{Change: w.change, Directory: w.dir, Digest: p.Digest()})
	require.NoError(t, err)
	_, err = w.engine.Expand(w.ctx, migrate.ExpandRequest{Change: w.change, Directory: w.dir, Digest: "sha256:0"})
	says(t, err, refusal.Refused, "began with plan", "roll back and expand anew")
}

func TestOtherDatabasesAndBadAddressesAreRefusedWithoutShowingThem(t *testing.T) {
	for dsn, want := range map[string]string{
		"mysql://u:geheim@h/db":                                   `databases of the kind "mysql" are not supported`,
		"sqlite://geheim":                                         `"sqlite" are not supported`,
		"postgres://u:geheim@h:port/db":                           "the database DSN cannot be read",
		"postgres://u:geheim@127.0.0.1:1/db?connect_timeout=2":    "connecting to the database",
		"host=127.0.0.1 port=1 password=geheim connect_timeout=2": "connecting to the database",
	} {
		_, err := migrate.Open(t.Context(), dsn, migrate.Options{})
		must(t, err, want)
		require.NotContains(t, err.Error(), "geheim")
		var r *refusal.Error
		require.ErrorAs(t, err, &r)
		require.NotContains(t, r.Do, "geheim")
	}
}
