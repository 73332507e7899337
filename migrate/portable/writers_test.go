package portable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

func TestChangesThatACollationDoesNotSeeAreCarriedOver(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		collation := map[string]string{"sqlite": "COLLATE NOCASE", "mariadb": "COLLATE latin1_swedish_ci"}[p.name]
		w := newWorld(t, p, []string{"CREATE TABLE people (id integer PRIMARY KEY, name varchar(20) " + collation + ")", rows("people", 300, "(%d, 'ada')")}, migrate.Options{})
		w.use(renameYAML)
		w.expand()
		w.backfill()
		w.exec("UPDATE people SET name = 'ADA' WHERE id % 3 = 0")
		w.exec("UPDATE people SET full_name = 'ada ' WHERE id % 3 = 1")
		require.EqualValues(t, 100, w.number("SELECT count(*) FROM people WHERE hex(full_name) = hex('ADA')"))
		require.EqualValues(t, 100, w.number("SELECT count(*) FROM people WHERE hex(name) = hex('ada ')"))
		require.Equal(t, w.number("SELECT count(*) FROM people WHERE name = 'ada'"), w.number("SELECT count(*) FROM people WHERE full_name = 'ada'"), "the collation goes along")
	})
}

func TestTriggersOfTheApplicationAndRecursiveOnesAreSeen(t *testing.T) {
	w := newWorld(t, liteProduct, append(people, "CREATE TRIGGER app AFTER UPDATE ON people WHEN NEW.n = OLD.n BEGIN UPDATE people SET n = n + 1 WHERE id = NEW.id; END"), migrate.Options{})
	w.use(renameYAML)
	w.db.SetMaxOpenConns(1)
	for _, recursive := range []string{"ON", "OFF"} {
		w.exec("PRAGMA recursive_triggers = " + recursive)
		w.expand()
		w.exec("UPDATE people SET name = 'old ' || id WHERE id < 50")
		w.exec("UPDATE people SET full_name = 'new ' || id WHERE id BETWEEN 40 AND 90")
		w.backfill()
		w.exec("UPDATE people SET full_name = full_name || '!', n = 1 WHERE id BETWEEN 60 AND 70")
		w.exec("INSERT INTO people (id, full_name) VALUES (1000, 'x') ON CONFLICT (id) DO UPDATE SET full_name = 'y'")
		require.Zero(t, w.number("SELECT count(*) FROM people WHERE name IS NOT full_name"))
		require.Zero(t, w.number("SELECT coalesce(sum(repaired), 0) FROM sluice_fill"))
		w.rollback(migrate.RollbackRequest{})
	}
	w.exec("CREATE TRIGGER naming AFTER INSERT ON people BEGIN SELECT NEW.name; END")
	_, err := w.engine.Plan(w.ctx, w.change)
	refused(t, err, refusal.Refused, "error in trigger naming")
}

func TestWritersWaitNoLongerThanTheLockTimeoutBehindAnAlterationThatWaits(t *testing.T) {
	w := newWorld(t, mariaProduct, people, migrate.Options{})
	w.use(renameYAML)
	long, err := w.db.BeginTx(w.ctx, nil)
	require.NoError(t, err)
	_, err = long.Exec("UPDATE people SET n = 1 WHERE id = 1")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- act(w.ctx, w.engine, w.change, "expand") }()
	longest := time.Duration(0)
	for began := time.Now(); time.Since(began) < 6*time.Second; time.Sleep(20 * time.Millisecond) {
		write := time.Now()
		w.exec("UPDATE people SET n = n + 1 WHERE id = 2")
		longest = max(longest, time.Since(write))
	}
	require.NoError(t, long.Rollback())
	require.NoError(t, <-done)
	require.Less(t, longest, 2500*time.Millisecond, "the lock timeout is one second there")
	require.Greater(t, longest, 200*time.Millisecond, "the alteration did wait")
}

func TestWritersComeThroughBetweenTheBatchesOfABackfill(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		w := newWorld(t, p, []string{people[0], rows("people (id, name)", 20000, "(%d, 'f%d l%d')")}, migrate.Options{})
		w.use(renameYAML)
		w.expand()
		done := make(chan error, 1)
		go func() { done <- act(w.ctx, w.engine, w.change, "backfill") }()
		longest := time.Duration(0)
		for err := error(nil); ; {
			began := time.Now()
			w.exec("UPDATE people SET n = n + 1 WHERE id = 19999")
			longest = max(longest, time.Since(began))
			select {
			case err = <-done:
				require.NoError(t, err)
				require.Less(t, longest, 2*time.Second)
				return
			default:
			}
		}
	})
}

func TestALongAlterationKeepsItsLease(t *testing.T) {
	w := newWorld(t, liteProduct, []string{people[0], rows("people (id, name)", 30000, "(%d, 'f%d l%d')")}, migrate.Options{})
	for range 3 {
		w.exec("INSERT INTO people (id, name) SELECT id + (SELECT max(id) FROM people), name FROM people")
	}
	e := w.open(migrate.Options{LeaseFor: 100 * time.Millisecond, LockTimeout: 20 * time.Millisecond, StatementTimeout: time.Minute})
	w.use("operations: [{createIndex: {table: people, name: long, expression: \"concat(hex(name), hex(name || id), hex(id || name), upper(hex(name)))\"}}]")
	require.NoError(t, act(w.ctx, e, w.change, "expand"))
}

func TestABackfillLeavesTheColumnsAloneThatEveryUpdateSets(t *testing.T) {
	w := newWorld(t, mariaProduct, []string{"CREATE TABLE people (id integer PRIMARY KEY, name varchar(20), at timestamp NOT NULL DEFAULT current_timestamp ON UPDATE current_timestamp)", rows("people", 300, "(%d, 'n%d', '2020-01-01')")}, migrate.Options{})
	w.use(renameYAML)
	w.expand()
	w.backfill()
	require.EqualValues(t, 300, w.number("SELECT count(*) FROM people WHERE at = '2020-01-01' AND full_name = name"))
}
