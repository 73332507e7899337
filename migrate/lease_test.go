package migrate_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// A gate stops its runner before the first statement that holds a text, as a paused process stops, until it is opened.
type gate struct {
	text    string
	reached chan struct{}
	open    chan struct{}
	once    atomic.Bool
}

func newGate(text string) *gate {
	return &gate{text: text, reached: make(chan struct{}), open: make(chan struct{})}
}

func (g *gate) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	if strings.Contains(d.SQL, g.text) && g.once.CompareAndSwap(false, true) {
		close(g.reached)
		select {
		case <-g.open:
		case <-time.After(time.Minute):
		}
	}
	return ctx
}

// await waits until the runner has come to the gate.
func (g *gate) await(t *testing.T) {
	t.Helper()
	select {
	case <-g.reached:
	case <-time.After(time.Minute):
		require.Fail(t, "no statement holds "+g.text)
	}
}

func (g *gate) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

const renameYAML = "operations: [{renameColumn: {table: people, column: name, to: full_name}}]"

func TestTwoRunnersOneWorksAndTheOtherSaysWhoHoldsTheLease(t *testing.T) {
	pgtest.Each(t, func(t *testing.T, s *pgtest.Server) {
		w := newWorld(t, s, people, migrate.Options{})
		w.use("1_rename", renameYAML)
		g := newGate(`BEFORE INSERT ON "public"`)
		first, err := migrate.OpenTraced(w.ctx, w.dsn, migrate.Options{Run: "the-first"}, g)
		require.NoError(t, err)
		defer first.Close()
		done := make(chan error, 1)
		go func() {
			_, err := first.Expand(w.ctx, migrate.ExpandRequest{Change: w.change, Directory: w.dir})
			done <- err
		}()
		g.await(t)
		_, err = w.engine.Expand(w.ctx, migrate.ExpandRequest{Change: w.change, Directory: w.dir})
		must(t, err, `run "the-first" holds the lease since 20`)
		var r *refusal.Error
		require.ErrorAs(t, err, &r)
		require.Equal(t, refusal.Undecided, r.Kind)
		close(g.open)
		require.NoError(t, <-done)
		w.expand()
	})
}

func TestAPausedRunnerThatHasLostItsLeaseWritesNothing(t *testing.T) {
	for _, at := range []string{`BEFORE INSERT ON "public"`, "INSERT INTO sluice.journal", `UPDATE /* sluice */ "public"`, "CREATE INDEX CONCURRENTLY", "FOR KEY SHARE"} {
		t.Run(at, func(t *testing.T) {
			onSome(t, pgtest.Newest, func(t *testing.T, s *pgtest.Server) {
				w := newWorld(t, s, people, migrate.Options{})
				w.use("1_split", splitYAML)
				g := newGate(at)
				paused, err := migrate.OpenTraced(w.ctx, w.dsn, migrate.Options{Run: "paused", LeaseFor: time.Hour}, g)
				require.NoError(t, err)
				defer paused.Close()
				done := make(chan error, 1)
				go func() {
					_, err := paused.Expand(w.ctx, migrate.ExpandRequest{Change: w.change, Directory: w.dir})
					if err == nil {
						_, err = paused.Backfill(w.ctx, w.change)
					}
					done <- err
				}()
				g.await(t)
				w.exec("UPDATE sluice.lease SET expires_at = 'epoch'") // as if the time had passed
				w.expandAnyway()
				w.backfill()
				events := w.number("SELECT count(*) FROM sluice.event")
				rows := w.number("SELECT sum(hashtext(t::text)::bigint) FROM people t")
				close(g.open)
				require.Error(t, <-done)
				require.Equal(t, events, w.number("SELECT count(*) FROM sluice.event"), "the history is untouched")
				require.Equal(t, rows, w.number("SELECT sum(hashtext(t::text)::bigint) FROM people t"), "the rows are untouched")
				require.Zero(t, w.number(splitWrong))
			})
		})
	}
}

// expandAnyway expands, or finds the change expanded.
func (w *world) expandAnyway() {
	w.t.Helper()
	_, err := w.engine.Expand(w.ctx, migrate.ExpandRequest{Change: w.change, Directory: w.dir, Application: newDigest})
	require.NoError(w.t, err)
}

func TestARunnerWhoseLeaseIsTakenStopsByItself(t *testing.T) {
	s := pgtest.On(t, pgtest.Newest)
	w := newWorld(t, s, people, migrate.Options{LeaseFor: 400 * time.Millisecond, Workers: 1})
	w.use("1_rename", renameYAML)
	w.expand()
	blocker := w.hold("SELECT * FROM people WHERE id = 800 FOR UPDATE")
	done := make(chan error, 1)
	go func() {
		_, err := w.engine.Backfill(w.ctx, w.change)
		done <- err
	}()
	require.Eventually(t, func() bool { return w.number("SELECT count(*) FROM sluice.range WHERE done") > 0 }, 10*time.Second, 10*time.Millisecond)
	w.exec("UPDATE sluice.lease SET token = token + 1, holder = 'another', expires_at = now() + interval '1 hour'")
	err := <-done
	blocker()
	require.True(t, errors.Is(err, migrate.ErrLeaseLost), "%v", err)
}

// hold runs a statement in a transaction that stays open until the returned function is called.
func (w *world) hold(sql string) func() {
	w.t.Helper()
	db, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(w.t, err)
	tx, err := db.Begin(w.ctx)
	require.NoError(w.t, err)
	_, err = tx.Exec(w.ctx, sql)
	require.NoError(w.t, err)
	return func() {
		require.NoError(w.t, tx.Rollback(w.ctx))
		require.NoError(w.t, db.Close(w.ctx))
	}
}
