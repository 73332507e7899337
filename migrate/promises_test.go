package migrate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// says checks kind, text and remedy of a refusal.
func says(t *testing.T, err error, kind refusal.Kind, what, remedy string) {
	t.Helper()
	var r *refusal.Error
	require.ErrorAs(t, err, &r)
	require.Equal(t, kind, r.Kind, "%v", err)
	require.ErrorContains(t, err, what)
	require.Contains(t, r.Do, remedy)
}

func TestContractRefusesInsideTheWindowWithTheTimeLeft(t *testing.T) {
	w := newWorld(t, pgtest.On(t, pgtest.Newest), people, migrate.Options{})
	w.use("1_rename", renameYAML+"\ncontract: {minAge: 30m, dropAfter: 24h}")
	w.expand()
	w.backfill()
	_, err := w.contract()
	says(t, err, refusal.Refused, "reads are not switched", "migrate-switch")
	w.switchReads()
	_, err = w.contract()
	says(t, err, refusal.Refused, "30 min left", "run again after that")
	w.exec("UPDATE sluice.revision SET switched_at = switched_at - interval '29 minutes 30 seconds'")
	_, err = w.contract()
	says(t, err, refusal.Refused, " s left", "migrate-rollback")
	w.exec("UPDATE sluice.revision SET switched_at = switched_at - interval '1 minute'")
	w.mustContract(migrate.Tombstoned)
	_, err = w.contract()
	says(t, err, refusal.Refused, "1440 min left", "run again")
	st, err := w.engine.Status(w.ctx, w.dir)
	require.NoError(t, err)
	require.Contains(t, st.Text(), "1440 min left of 24h0m0s since the tombstone")
}

func TestContractRefusesWhileAnOlderVersionIsAlive(t *testing.T) {
	w := newWorld(t, pgtest.On(t, pgtest.Newest), people, migrate.Options{})
	w.use("1_rename", renameYAML)
	w.expand()
	w.backfill()
	w.switchReads()
	try := func(q migrate.ContractRequest) error {
		q.Change = w.change
		_, err := w.engine.Contract(w.ctx, q)
		return err
	}
	says(t, try(migrate.ContractRequest{}), refusal.Undecided, "nobody says which application versions run", "waive")
	says(t, try(migrate.ContractRequest{Running: []string{newDigest, oldDigest}}), refusal.Refused, oldDigest+" runs", "out of service")
	w.exec("SET application_name = 'shop-1.4'")
	says(t, try(migrate.ContractRequest{Running: []string{newDigest}, OldNames: []string{"shop-1.%"}}), refusal.Refused, `sessions named "shop-1.%"`, "out of service")
	w.exec("SELECT name FROM people WHERE id = 3")
	says(t, try(migrate.ContractRequest{Running: []string{newDigest}}), refusal.Refused, "1× SELECT name FROM people WHERE id = $1", "find that application")
	w.switchAnew()
	w.exec("DROP EXTENSION pg_stat_statements")
	says(t, try(migrate.ContractRequest{Running: []string{newDigest}}), refusal.Undecided, "pg_stat_statements gives no evidence", "waive")
	says(t, try(migrate.ContractRequest{Running: []string{newDigest}, Waive: []string{migrate.EvidenceReaders}}), refusal.Misconfigured, "needs a reason", "say why")
	require.NoError(t, try(migrate.ContractRequest{Running: []string{newDigest}, Waive: []string{migrate.EvidenceReaders}, WaiveReason: "one client, searched by hand"}))
	require.EqualValues(t, 1, w.number("SELECT count(*) FROM sluice.evidence WHERE verdict = 'waived' AND detail->>'reason' LIKE 'one client%'"))
}

func TestContractRefusesWhenARowBreaksTheInvariantAndVerifyRepairsIt(t *testing.T) {
	w := newWorld(t, pgtest.On(t, pgtest.Oldest), people, migrate.Options{})
	w.use("1_rename", renameYAML)
	w.expand()
	w.backfill()
	w.switchReads()
	w.exec("SET session_replication_role = replica; UPDATE people SET name = 'past the trigger' WHERE id = 7; INSERT INTO people (id, name) VALUES (9999, 'past the trigger'); RESET session_replication_role")
	w.switchAnew()
	_, err := w.contract()
	says(t, err, refusal.Refused, "2 rows of public.people", "it repairs them")
	_, err = w.engine.Verify(w.ctx, w.change)
	require.NoError(t, err)
	require.Zero(t, w.number("SELECT count(*) FROM people WHERE name IS DISTINCT FROM full_name"))
	w.mustContract(migrate.Tombstoned)
}

func TestRollbackCountsWhatTheOldShapeCannotHoldBeforeItActs(t *testing.T) {
	w := newWorld(t, pgtest.On(t, pgtest.Newest), "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT i, i FROM generate_series(1, 10) i", migrate.Options{})
	w.use("1_type", "operations: [{changeType: {table: t, column: v, to: w, type: numeric, down: trunc(w)::int}}]")
	w.expand()
	w.backfill()
	w.exec("UPDATE t SET w = w + 0.5 WHERE id <= 3")
	require.Zero(t, w.number("SELECT count(*) FROM t WHERE v <> trunc(w)"))
	_, err := w.engine.Verify(w.ctx, w.change)
	require.NoError(t, err, "a row that the new version wrote is no mismatch")
	w.switchReads()
	w.mustContractAfter()
	_, err = w.engine.Rollback(w.ctx, migrate.RollbackRequest{Change: w.change, AcceptLoss: 2})
	says(t, err, refusal.Refused, "3 rows of public.t whose new columns hold what the old ones cannot", "accept the loss of 3 rows")
	require.EqualValues(t, 10, w.number("SELECT count(w) FROM t"), "nothing was undone")
	lost, err := w.engine.Rollback(w.ctx, migrate.RollbackRequest{Change: w.change, AcceptLoss: 3})
	require.NoError(t, err)
	require.EqualValues(t, 3, lost[0].Rows)
}

// mustContractAfter buries after a fresh switch.
func (w *world) mustContractAfter() {
	w.t.Helper()
	w.switchAnew()
	w.mustContract(migrate.Tombstoned)
}

func TestRollbackPutsReplacedNullsBackUnlessSomebodyWroteSince(t *testing.T) {
	w := newWorld(t, pgtest.On(t, pgtest.Oldest), "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, CASE WHEN i % 2 = 0 THEN 'v' END FROM generate_series(1, 2000) i", migrate.Options{})
	w.use("1_null", "operations: [{setNotNull: {table: t, column: v, up: \"'none'\"}}]")
	w.expand()
	w.backfill()
	w.exec("INSERT INTO t VALUES (3001, NULL), (3002, 'x'); UPDATE t SET v = 'written' WHERE id = 1; UPDATE t SET v = NULL WHERE id = 2")
	require.Zero(t, w.number("SELECT count(*) FROM t WHERE v IS NULL"))
	w.rollback(migrate.RollbackRequest{})
	require.EqualValues(t, 1000-1+1+1, w.number("SELECT count(*) FROM t WHERE v IS NULL"))
	require.EqualValues(t, 1, w.number("SELECT count(*) FROM t WHERE id = 1 AND v = 'written'"))
}

func TestTheDualWriteHoldsBesideTriggersOfTheApplication(t *testing.T) {
	for name, trigger := range map[string]string{
		"one that changes the old column first": `CREATE FUNCTION app() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;
			CREATE TRIGGER zzz BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION app()`,
		"one that writes other rows afterwards": `CREATE FUNCTION app() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.id % 2 = 0 THEN UPDATE people SET name = NEW.name || '+' WHERE id = NEW.id - 1; END IF; RETURN NULL; END $$;
			CREATE TRIGGER aaa AFTER UPDATE ON people FOR EACH ROW EXECUTE FUNCTION app()`,
		"one that stamps the row": `CREATE FUNCTION app() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := NEW.n + 1; RETURN NEW; END $$;
			CREATE TRIGGER mmm BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION app()`,
	} {
		t.Run(name, func(t *testing.T) {
			pgtest.Each(t, func(t *testing.T, s *pgtest.Server) {
				w := newWorld(t, s, people+";"+trigger, migrate.Options{})
				w.use("1_split", splitYAML)
				w.expand()
				w.exec("UPDATE people SET name = 'before backfill' WHERE id < 50; INSERT INTO people (id, name) VALUES (5000, 'in between')")
				w.backfill()
				w.exec("UPDATE people SET name = 'after backfill' WHERE id BETWEEN 20 AND 70; UPDATE people SET last_name = 'new' WHERE id BETWEEN 60 AND 90")
				require.Zero(t, w.number(splitWrong))
				require.Zero(t, w.number("SELECT repaired FROM sluice.fill"), "nothing had to be repaired")
			})
		})
	}
}

func TestNamesWithQuotesUnicodeAnd63BytesInOtherSchemas(t *testing.T) {
	long := strings.Repeat("ä", 30) + "xyz" // 63 bytes
	for _, n := range []struct{ schema, table, column, to, key string }{
		{"app", "people", "name", "full_name", "id"},
		{`we"ird`, `ta"b.le`, `co"l $x$ 'q'`, `Neu Größe`, "Key"},
		{"select", "order", "user", "table", "end"},
		{"日本", "顧客", "名前", "氏名", "番号"},
		{long, long, long, "b" + long[2:], "new"},
	} {
		t.Run(n.table, func(t *testing.T) {
			onSome(t, pgtest.Newest, func(t *testing.T, s *pgtest.Server) {
				q := change.Quote
				table := q(n.schema) + "." + q(n.table)
				w := newWorld(t, s, "CREATE SCHEMA "+q(n.schema)+"; CREATE TABLE "+table+" ("+q(n.key)+" text PRIMARY KEY, "+q(n.column)+" text NOT NULL DEFAULT 'd''x'); CREATE INDEX ON "+table+" ("+q(n.column)+
					"); INSERT INTO "+table+" SELECT 'k' || i, i::text FROM generate_series(1, 1200) i", migrate.Options{})
				w.take(&change.Change{Version: "1", Name: "x", Schema: n.schema, Contract: change.Contract{MinAge: 1, DropAfter: 1}, Operations: []change.Operation{
					{RenameColumn: &change.RenameColumn{PresentColumn: change.PresentColumn{Table: q(n.table), Column: n.column}, To: n.to}}}})
				w.expand()
				w.exec("SET search_path = pg_temp; INSERT INTO " + table + " (" + q(n.key) + ") VALUES ('old')")
				w.exec("INSERT INTO " + table + " (" + q(n.key) + "," + q(n.to) + ") VALUES ('new', 'v')")
				w.backfill()
				require.Zero(t, w.number("SELECT count(*) FROM "+table+" WHERE "+q(n.column)+" IS DISTINCT FROM "+q(n.to)))
				w.switchReads()
				w.mustContractAfter()
				w.mustContract(migrate.Completed)
				require.EqualValues(t, 1202, w.number("SELECT count("+q(n.to)+") FROM "+table))
			})
		})
	}
}

func TestKeysOfEveryKindAreWalkedOverEveryRow(t *testing.T) {
	for name, table := range map[string]string{
		"uuid":           "CREATE TABLE k (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), v text); INSERT INTO k (v) SELECT i FROM generate_series(1, 3000) i",
		"text":           `CREATE TABLE k (id text COLLATE "C" PRIMARY KEY, v text); INSERT INTO k SELECT md5(i::text), i FROM generate_series(1, 3000) i`,
		"composite":      "CREATE TABLE k (a int, b timestamptz, c char(4), v text, PRIMARY KEY (a, b, c)); INSERT INTO k SELECT i % 7, now() + i * interval '1 us', 'x', i FROM generate_series(1, 3000) i",
		"unique index":   "CREATE TABLE k (a numeric(9,3) NOT NULL UNIQUE, v text); INSERT INTO k SELECT i / 3.0, i FROM generate_series(1, 3000) i",
		"float":          "CREATE TABLE k (a float8 PRIMARY KEY, v text); INSERT INTO k SELECT random() * 1e9, i FROM generate_series(1, 3000) i",
		"partitioned":    "CREATE TABLE k (a int, v text, PRIMARY KEY (a)) PARTITION BY RANGE (a); CREATE TABLE k1 PARTITION OF k FOR VALUES FROM (0) TO (1000); CREATE TABLE k2 PARTITION OF k DEFAULT; INSERT INTO k SELECT i, i FROM generate_series(1, 3000) i",
		"an empty table": "CREATE TABLE k (a int PRIMARY KEY, v text)",
		"one row":        "CREATE TABLE k (a int PRIMARY KEY, v text); INSERT INTO k VALUES (1, 'x')",
	} {
		t.Run(name, func(t *testing.T) {
			onSome(t, pgtest.Newest, func(t *testing.T, s *pgtest.Server) {
				w := newWorld(t, s, table, migrate.Options{Workers: 3})
				w.use("1_x", "operations: [{renameColumn: {table: k, column: v, to: w}}]")
				w.expand()
				w.backfill()
				require.Zero(t, w.number("SELECT count(*) FROM k WHERE v IS DISTINCT FROM w"))
				require.Zero(t, w.number("SELECT repaired FROM sluice.fill"))
				require.Equal(t, w.number("SELECT count(*) FROM k"), w.number("SELECT coalesce(sum(filled), 0) FROM sluice.range"), "each row is filled once")
			})
		})
	}
}
