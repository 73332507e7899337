package migrate_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// slack is what a commit and a busy machine may add to a lock timeout.
const slack = 700 * time.Millisecond

func TestNoWriterIsBlockedLongerThanTheLockTimeout(t *testing.T) {
	pgtest.Each(t, func(t *testing.T, s *pgtest.Server) {
		w := newWorld(t, s, people, migrate.Options{LockTimeout: 300 * time.Millisecond, RetryFor: time.Minute})
		w.use("1_split", splitYAML)
		long := w.longTransactions(700 * time.Millisecond)
		slowest := w.measure("UPDATE people SET name = name, n = n + 1 WHERE id = $1")
		w.expand()
		w.backfill()
		w.switchReads()
		fresh := w.measure("UPDATE people SET first_name = first_name, n = n + 1 WHERE id = $1")
		require.Less(t, slowest(), 300*time.Millisecond+slack, "an old writer")
		w.switchAnew()
		w.mustContract(migrate.Tombstoned)
		w.mustContract(migrate.Completed)
		require.Less(t, fresh(), 300*time.Millisecond+slack, "a new writer")
		long()
	})
}

// longTransactions keeps one transaction after another open that has read the table, and rests between them.
func (w *world) longTransactions(each time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(w.ctx)
	var done sync.WaitGroup
	db, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(w.t, err)
	done.Go(func() {
		defer db.Close(context.Background())
		for ctx.Err() == nil {
			tx, err := db.Begin(w.ctx)
			if err == nil {
				_, err = tx.Exec(w.ctx, "SELECT count(*) FROM people /* sluice: holds the table's lock */")
			}
			if err != nil {
				w.t.Errorf("a long transaction: %v", err)
				return
			}
			sleepFor(ctx, int(each.Milliseconds()))
			_ = tx.Rollback(w.ctx)
			sleepFor(ctx, 150)
		}
	})
	return func() { cancel(); done.Wait() }
}

// measure writes all the time and gives the longest that a write took.
func (w *world) measure(sql string) (slowest func() time.Duration) {
	ctx, cancel := context.WithCancel(w.ctx)
	var done sync.WaitGroup
	var worst time.Duration
	writes := 0
	db, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(w.t, err)
	done.Go(func() {
		defer db.Close(context.Background())
		for i := 1; ctx.Err() == nil; i++ {
			began := time.Now()
			if _, err := db.Exec(w.ctx, sql, pgx.QueryExecModeExec, 1+i%1600); err != nil {
				w.t.Errorf("a writer: %v", err)
				return
			}
			worst = max(worst, time.Since(began))
			writes++
			sleepFor(ctx, 1)
		}
	})
	return func() time.Duration {
		cancel()
		done.Wait()
		require.Positive(w.t, writes)
		w.t.Logf("%d writes, the slowest took %s", writes, worst)
		return worst
	}
}

func TestALockThatStaysBusyEndsTheRunAndNamesWhoHoldsIt(t *testing.T) {
	s := pgtest.On(t, pgtest.Newest)
	w := newWorld(t, s, people, migrate.Options{LockTimeout: 50 * time.Millisecond, RetryFor: 500 * time.Millisecond})
	w.use("1_rename", renameYAML)
	w.exec("SET application_name = 'the report'")
	release := w.hold("SET LOCAL application_name = 'the report'; SELECT count(*) FROM people")
	_, err := w.engine.Expand(w.ctx, migrate.ExpandRequest{Change: w.change, Directory: w.dir})
	must(t, err, "could not lock public.people within 50ms in")
	var r *refusal.Error
	require.ErrorAs(t, err, &r)
	require.Contains(t, r.Do, "the report")
	release()
	w.expand()
}

func TestAnApplicationTransactionNeverLosesADeadlockToABatch(t *testing.T) {
	s := pgtest.On(t, pgtest.Newest)
	w := newWorld(t, s, people, migrate.Options{Workers: 1})
	w.use("1_rename", renameYAML)
	w.expand()
	tx, err := w.db.Begin(w.ctx)
	require.NoError(t, err)
	_, err = tx.Exec(w.ctx, "UPDATE people SET name = 'held' WHERE id = 400")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := w.engine.Backfill(w.ctx, w.change)
		done <- err
	}()
	time.Sleep(300 * time.Millisecond) // the batch holds the rows below 400 and waits for it
	for id := 399; id > 390; id-- {
		_, err = tx.Exec(w.ctx, "UPDATE people SET name = 'held' WHERE id = $1", id)
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit(w.ctx))
	require.NoError(t, <-done)
	require.Zero(t, w.number("SELECT count(*) FROM people WHERE name IS DISTINCT FROM full_name"))
}
