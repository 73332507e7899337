package lint

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate/plan"
)

func TestEachHazardIsFoundAndItsSafeFormIsNot(t *testing.T) {
	for _, c := range []struct{ rule, bad, good string }{
		{"SL101", "ALTER TABLE t DROP COLUMN c", "ALTER TABLE t ADD COLUMN c int"},
		{"SL102", "DELETE FROM t WHERE id = 1", "INSERT INTO t VALUES (1)"},
		{"SL103", "ALTER TABLE t RENAME COLUMN a TO b", "ALTER TABLE t ADD COLUMN renamed_column int"},
		{"SL103", "ALTER TABLE t RENAME TO u", "COMMENT ON TABLE t IS 'rename to u'"},
		{"SL104", "ALTER TABLE t ALTER COLUMN c TYPE bigint", "ALTER TABLE t ADD COLUMN c bigint"},
		{"SL105", "ALTER TABLE t ALTER c SET NOT NULL", "ALTER TABLE t ALTER c SET DEFAULT 1"},
		{"SL106", "ALTER TABLE t ALTER COLUMN c DROP DEFAULT", "ALTER TABLE t ALTER COLUMN c SET DEFAULT 2"},
		{"SL201", "CREATE INDEX i ON t (c)", "CREATE INDEX CONCURRENTLY i ON t (c)"},
		{"SL201", "create unique\n index i on t (c)", "create unique index concurrently i on t (c)"},
		{"SL203", "ALTER TABLE t ADD CONSTRAINT k CHECK (c > 0)", "ALTER TABLE t ADD CONSTRAINT k CHECK (c > 0) NOT VALID"},
		{"SL203", "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (c) REFERENCES u", "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (c) REFERENCES u NOT VALID"},
		{"SL204", "ALTER TABLE t ADD UNIQUE (c)", "ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i"},
		{"SL205", "VACUUM FULL t", "VACUUM t"},
		{"SL205", "LOCK TABLE t", "SELECT 'lock table t'"},
		{"SL206", "REINDEX TABLE t", "REINDEX TABLE CONCURRENTLY t"},
		{"SL207", "REFRESH MATERIALIZED VIEW m", "REFRESH MATERIALIZED VIEW CONCURRENTLY m"},
		{"SL208", "UPDATE t SET c = 1", "INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET c = 1"},
		{"SL209", "ALTER TABLE t ADD COLUMN c bigserial", "ALTER TABLE t ADD COLUMN serial_number text"},
		{"SL210", "ALTER TABLE t ADD COLUMN c uuid DEFAULT gen_random_uuid()", "ALTER TABLE t ADD COLUMN c timestamptz DEFAULT now()"},
		{"SL211", "BEGIN", "SELECT 'begin'"},
		{"SL212", "ALTER TABLE t SET UNLOGGED", "ALTER TABLE t SET (fillfactor = 70)"},
		{"SL213", "ALTER TABLE t DISABLE TRIGGER ALL", "ALTER TABLE t ENABLE TRIGGER x"},
		{"SL214", "CREATE VIEW v AS SELECT 1; DROP VIEW v CASCADE", "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES u ON DELETE CASCADE NOT VALID"},
		{"SL215", "ALTER TABLE t ADD COLUMN c timestamp", "ALTER TABLE t ADD COLUMN c timestamptz"},
	} {
		t.Run(c.rule+" "+c.bad, func(t *testing.T) {
			require.Contains(t, codes(c.bad, Expand), c.rule)
			require.NotContains(t, codes(c.good, Expand), c.rule)
		})
	}
}

func codes(sql string, phase Phase) (found []string) {
	for _, h := range Statement(sql, phase) {
		found = append(found, h.Rule)
	}
	return found
}

func TestDestructionIsRightInContractOnly(t *testing.T) {
	require.Empty(t, codes("ALTER TABLE t DROP COLUMN c", Contract))
	require.Equal(t, []string{"SL101"}, codes("ALTER TABLE t DROP COLUMN c", Expand))
	require.Empty(t, codes("DROP TABLE t", Undo))
}

func TestAnUnknownStatementCountsAsTheStrongestLock(t *testing.T) {
	for sql, want := range map[string]plan.Lock{
		"CREATE INDEX CONCURRENTLY i ON t (c)":            plan.ShareUpdateExclusive,
		"CREATE INDEX i ON t (c)":                         plan.Share,
		"ALTER TABLE t VALIDATE CONSTRAINT k":             plan.ShareUpdateExclusive,
		"ALTER TABLE t ADD FOREIGN KEY (c) REFERENCES u":  plan.ShareRowExclusive,
		"ALTER TABLE t ADD COLUMN c int":                  plan.AccessExclusive,
		"CREATE TABLE t (c int)":                          plan.NoLock,
		"FROBNICATE t":                                    plan.AccessExclusive,
		"-- CREATE TABLE\nALTER TABLE t ADD COLUMN c int": plan.AccessExclusive,
	} {
		require.Equal(t, want, Lock(sql), sql)
	}
}

func FuzzStatement(f *testing.F) {
	f.Add("ALTER TABLE t DROP COLUMN c -- x")
	f.Add("/* a */ 'it''s' CREATE INDEX")
	f.Fuzz(func(t *testing.T, sql string) {
		Statement(sql, Expand)
		require.NotEmpty(t, Lock(sql))
	})
}
