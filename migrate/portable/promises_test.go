package portable

import (
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

const renameYAML = "operations: [{renameColumn: {table: people, column: name, to: full_name}}]"

// A gate stops its runner before the first statement that holds a text, as a paused process stops, until it is opened.
type gate struct {
	text          string
	once          sync.Once
	reached, open chan struct{}
}

func (w *world) gated(text, run string) (*Engine, *gate) {
	w.t.Helper()
	g := &gate{text: text, reached: make(chan struct{}), open: make(chan struct{})}
	e, err := open(w.ctx, w.dsn, migrate.Options{Run: run, RetryFor: 20 * time.Second}, func(c driver.Connector) driver.Connector { return traced{c, g.at} })
	require.NoError(w.t, err)
	w.t.Cleanup(e.Close)
	return e, g
}

func (g *gate) at(when, sql string) {
	if when == "before" && strings.Contains(sql, g.text) {
		g.once.Do(func() { close(g.reached); <-g.open })
	}
}

func await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		require.Fail(t, "the statement does not come")
	}
}

func TestTwoRunnersOneWorksAndTheOtherSaysWhoHoldsTheLease(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		w := newWorld(t, p, people, migrate.Options{})
		w.use(renameYAML)
		first, g := w.gated(selectRevision, "the-first")
		done := make(chan error, 1)
		go func() { done <- act(w.ctx, first, w.change, "expand") }()
		await(t, g.reached)
		refused(t, act(w.ctx, w.engine, w.change, "expand"), refusal.Undecided, `run "the-first" holds the lease since`)
		close(g.open)
		require.NoError(t, <-done)
	})
}

func TestARunnerThatWakesUpAfterItLostItsLeaseWritesNothing(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		for _, where := range []string{selectRevision, `TRIGGER "~sluice`} {
			w := newWorld(t, p, people, migrate.Options{})
			w.use(renameYAML)
			require.NoError(t, act(w.ctx, w.engine, w.change, "expand"))
			w.rollback(migrate.RollbackRequest{})
			paused, g := w.gated(where, "paused")
			done := make(chan error, 1)
			go func() { done <- act(w.ctx, paused, w.change, "expand") }()
			await(t, g.reached)
			if where != selectRevision && p.name == "sqlite" { // in the middle of a step
				require.Error(t, act(w.ctx, w.open(migrate.Options{RetryFor: time.Millisecond}), w.change, "expand"), "its transaction is open")
				close(g.open)
				require.NoError(t, <-done)
				continue
			}
			w.expireLease()
			require.NoError(t, act(w.ctx, w.engine, w.change, "expand"))
			require.NoError(t, act(w.ctx, w.engine, w.change, "backfill"))
			w.rollback(migrate.RollbackRequest{})
			before := append(w.shapeNow(), w.lines("SELECT concat(version, kind, detail) FROM sluice_event ORDER BY id")...)
			close(g.open)
			require.Error(t, <-done)
			require.Equal(t, before, append(w.shapeNow(), w.lines("SELECT concat(version, kind, detail) FROM sluice_event ORDER BY id")...))
		}
	})
}

func TestContractRefusesInsideTheWindowWithTheTimeLeft(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		w := newWorld(t, p, people, migrate.Options{})
		w.use(renameYAML + "\ncontract: {minAge: 45m, dropAfter: 2h}")
		w.expand()
		refused(t, w.switchError(), refusal.Refused, "not verified")
		w.backfill()
		w.switchReads()
		_, err := w.contract()
		refused(t, err, refusal.Refused, "45 min left")
		w.exec("UPDATE sluice_revision SET switched_at = switched_at - 43 * 60000")
		_, err = w.contract()
		refused(t, err, refusal.Refused, "2 min left")
		w.exec("UPDATE sluice_revision SET switched_at = switched_at - 2 * 60000")
		q := migrate.ContractRequest{Change: w.change, Running: []string{newDigest}}
		_, err = w.engine.Contract(w.ctx, q)
		refused(t, err, refusal.Undecided, "keeps no count of statements")
		q.Waive, q.WaiveReason, q.Running = waiver.Waive, waiver.WaiveReason, []string{oldDigest, newDigest}
		_, err = w.engine.Contract(w.ctx, q)
		refused(t, err, refusal.Refused, oldDigest+" runs")
		w.mustContract(migrate.Tombstoned)
		_, err = w.contract()
		refused(t, err, refusal.Refused, "120 min left")
		st, err := w.engine.Status(w.ctx, w.dir)
		require.NoError(t, err)
		require.Contains(t, st.Text(), "left of 2h0m0s since the tombstone")
	})
}

func (w *world) switchError() error {
	_, err := w.engine.Switch(w.ctx, migrate.SwitchRequest{Change: w.change, Application: newDigest})
	return err
}

func refused(t *testing.T, err error, kind refusal.Kind, words string) {
	t.Helper()
	var r *refusal.Error
	require.ErrorAs(t, err, &r)
	require.Contains(t, r.What, words)
	require.Equal(t, kind, r.Kind, r.What)
	require.NotEmpty(t, r.Do, "a refusal has a remedy: %s", r.What)
}

func TestRollbackCountsFirstWhatTheOldShapeCannotHold(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		w := newWorld(t, p, people, migrate.Options{})
		w.use(`operations: [{changeType: {table: people, column: name, to: short, type: varchar(60), up: "substr(name, 1, 3)", down: "short"}}]`)
		w.expand()
		w.backfill()
		w.exec("UPDATE people SET short = 'written by new' WHERE id <= 7")
		_, err := w.engine.Rollback(w.ctx, migrate.RollbackRequest{Change: w.change, AcceptLoss: 6})
		refused(t, err, refusal.Refused, "7 rows of people whose new columns hold what the old ones cannot")
		w.rollback(migrate.RollbackRequest{AcceptLoss: 7})
		require.EqualValues(t, 7, w.number("SELECT count(*) FROM people WHERE name = 'written by new'"))
	})
}

func TestReplacedNullsComeBackOnRollback(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		w := newWorld(t, p, customers, migrate.Options{})
		w.use(`operations: [{setNotNull: {table: customers, column: email, up: "concat('none', name)"}}]`)
		nulls := w.number("SELECT count(*) FROM customers WHERE email IS NULL")
		w.expand()
		w.exec("INSERT INTO customers (name) VALUES ('late'), ('later')")
		w.exec("UPDATE customers SET email = NULL WHERE id = 1")
		w.backfill()
		require.Zero(t, w.number("SELECT count(*) FROM customers WHERE email IS NULL"))
		w.exec("UPDATE customers SET email = 'since known' WHERE id = 3")
		w.rollback(migrate.RollbackRequest{})
		require.Equal(t, nulls+3-1, w.number("SELECT count(*) FROM customers WHERE email IS NULL"))
	})
}

func TestVerifyRepairsWhatWasWrittenPastTheTriggers(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		w := newWorld(t, p, people, migrate.Options{})
		w.use(renameYAML)
		w.expand()
		w.backfill()
		for _, drop := range w.engine.dropTriggers(&table{name: "people"}, "~sluice_1_00") {
			_, err := w.engine.db.ExecContext(w.ctx, drop)
			require.NoError(t, err)
		}
		w.exec("UPDATE people SET name = 'past the triggers' WHERE id % 100 = 0")
		w.backfill()
		require.EqualValues(t, 6, w.number("SELECT count(*) FROM people WHERE full_name = 'past the triggers'"))
		require.Zero(t, w.number("SELECT count(*) FROM people WHERE full_name <> name"))
	})
}

func TestNamesWithQuotesAndUnicode(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		for _, n := range []struct{ table, column, to, key string }{
			{`ta"b.le's`, `co"l 'q'`, `Neu Größe`, "Key"}, {"order", "user", "table", "end"}, {"顧客", "名前", "氏名", "番号"},
		} {
			w := newWorld(t, p, nil, migrate.Options{})
			q := w.quoted
			w.all([]string{
				"CREATE TABLE " + q(n.table) + " (" + q(n.key) + " varchar(20) NOT NULL PRIMARY KEY, " + q(n.column) + " varchar(20) NOT NULL)",
				rows(q(n.table), 300, "('k%d', 'v%d')"),
			})
			table, column, to := strconv.Quote(quote(n.table)), strconv.Quote(n.column), strconv.Quote(n.to)
			w.use("operations: [{renameColumn: {table: " + table + ", column: " + column + ", to: " + to + "}}]")
			w.expand()
			w.exec("INSERT INTO " + q(n.table) + " (" + q(n.key) + ", " + q(n.column) + ") VALUES ('old', 'o')")
			w.exec("INSERT INTO " + q(n.table) + " (" + q(n.key) + ", " + q(n.to) + ") VALUES ('new', 'n')")
			w.backfill()
			require.Zero(t, w.number("SELECT count(*) FROM "+q(n.table)+" WHERE "+q(n.column)+" <> "+q(n.to)))
			w.switchReads()
			w.mustContract(migrate.Tombstoned)
			w.mustContract(migrate.Completed)
			require.EqualValues(t, 302, w.number("SELECT count("+q(n.to)+") FROM "+q(n.table)))
		}
	})
}

func TestACanceledRunStopsAndReleasesItsLease(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		w := newWorld(t, p, people, migrate.Options{})
		w.use(renameYAML)
		w.expand()
		ctx, cancel := context.WithCancel(w.ctx)
		e := w.open(migrate.Options{BatchTime: time.Millisecond, Progress: func(migrate.Progress) { cancel() }})
		require.True(t, errors.Is(act(ctx, e, w.change, "backfill"), context.Canceled))
		w.backfill()
	})
}
