package migrate_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
)

const splitYAML = `operations:
  - splitColumn:
      table: people
      column: name
      into:
        - {name: first_name, type: text, up: "split_part(name, ' ', 1)", notNull: true}
        - {name: last_name, type: text, up: "substr(name, length(split_part(name, ' ', 1)) + 2)"}
      down: first_name || coalesce(' ' || nullif(last_name, ''), '')
  - createIndex: {table: people, name: people_last_name, columns: [last_name]}
contract: {minAge: 1ms, dropAfter: 1ms, archive: true}
`

const people = `CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, n int NOT NULL DEFAULT 0);
	INSERT INTO people SELECT i, 'f' || i || ' l' || i FROM generate_series(1, 1600) i`

const splitWrong = `SELECT count(*) FROM people WHERE (first_name, last_name) IS DISTINCT FROM (split_part(name, ' ', 1), substr(name, length(split_part(name, ' ', 1)) + 2))`

func TestARunnerKilledAtEveryStatementCompletesOnRerun(t *testing.T) {
	onSome(t, pgtest.Newest, func(t *testing.T, s *pgtest.Server) {
		w := newWorld(t, s, people, migrate.Options{})
		killed := filepath.Join(t.TempDir(), "killed")
		old := w.writers(2, oldWrite)
		kills := w.life("1_split", splitYAML, killed, "expand", "backfill")
		fresh := w.writers(1, newWrite)
		require.Zero(t, w.number(splitWrong), "every row is up(old)")
		kills += w.life("1_split", splitYAML, killed, "switch")
		old.stop()
		require.Zero(t, w.number(splitWrong), "every row is up(old)")
		w.use("1_split", splitYAML)
		w.switchAnew()
		kills += w.life("1_split", splitYAML, killed, "contract", "contract")
		fresh.stop()
		require.Greater(t, kills, 150)
		t.Logf("%d kills", kills)
		w.keeps("first_name || ' ' || last_name", old, fresh)
		require.Zero(t, w.number("SELECT count(*) FROM pg_attribute WHERE attrelid = 'people'::regclass AND attname LIKE 'sluice%'"))
		require.EqualValues(t, 1, w.number("SELECT count(*) FROM pg_index WHERE indexrelid = 'people_last_name'::regclass AND indisvalid"))
		require.GreaterOrEqual(t, w.number("SELECT count(*) FROM sluice.archive_1_00 JOIN people USING (id)"), int64(1600), "the old values are archived")
	})
}

func TestARunnerKilledAtEveryStatementRollsBackOnRerun(t *testing.T) {
	onSome(t, pgtest.Oldest, func(t *testing.T, s *pgtest.Server) {
		w := newWorld(t, s, people, migrate.Options{})
		shape := w.shape()
		killed := filepath.Join(t.TempDir(), "killed")
		old := w.writers(2, oldWrite)
		kills := w.life("1_split", splitYAML, killed, "expand", "backfill", "switch", "rollback")
		require.Equal(t, shape, w.shape())
		kills += w.life("1_split", splitYAML, "", "expand", "backfill", "switch")
		old.stop()
		w.use("1_split", splitYAML)
		w.switchAnew()
		kills += w.life("1_split", splitYAML, killed, "contract", "rollback")
		require.Equal(t, shape, w.shape(), "rolled back from the tombstone")
		t.Logf("%d kills", kills)
		w.keeps("name", old)
	})
}

// keeps compares the table with what the writers know to have committed; "" stands for the first value.
func (w *world) keeps(expr string, writers ...*writers) {
	w.t.Helper()
	want := map[int]string{}
	for i := 1; i <= 1600; i++ {
		want[i] = ""
	}
	for _, ws := range writers {
		maps.Copy(want, ws.names)
	}
	rows, err := w.db.Query(w.ctx, "SELECT /* sluice */ id, "+expr+", 'f' || id || ' l' || id FROM people ORDER BY id")
	require.NoError(w.t, err)
	n := 0
	for rows.Next() {
		var id int
		var got, first string
		require.NoError(w.t, rows.Scan(&id, &got, &first))
		if want[id] != "" {
			first = want[id]
		}
		require.Equal(w.t, first, got, "row %d", id)
		n++
	}
	require.NoError(w.t, rows.Err())
	require.Equal(w.t, len(want), n, "rows")
}

// writers are concurrent clients of one application version, each on its own rows, that know what they have committed.
type writers struct {
	t      testing.TB
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	names  map[int]string
	writes int
}

// A write changes or inserts one row to a name of two words.
type write func(ctx context.Context, db *pgx.Conn, id int, insert bool, first, last string) error

func oldWrite(ctx context.Context, db *pgx.Conn, id int, insert bool, first, last string) error {
	sql := "UPDATE people SET name = $2, n = n + 1 WHERE id = $1"
	if insert {
		sql = "INSERT INTO people (id, name) VALUES ($1, $2)"
	}
	_, err := db.Exec(ctx, sql, pgx.QueryExecModeExec, id, first+" "+last)
	return err
}

func newWrite(ctx context.Context, db *pgx.Conn, id int, insert bool, first, last string) error {
	sql := "UPDATE people SET first_name = $2, last_name = $3, n = n + 1 WHERE id = $1"
	if insert {
		sql = "INSERT INTO people (id, first_name, last_name) VALUES ($1, $2, $3)"
	}
	_, err := db.Exec(ctx, sql, pgx.QueryExecModeExec, id, first, last)
	return err
}

var nextWriter = 0

func (w *world) writers(n int, f write) *writers {
	ctx, cancel := context.WithCancel(w.ctx)
	ws := &writers{t: w.t, cancel: cancel, names: map[int]string{}}
	w.t.Cleanup(cancel)
	writerNumber.Lock()
	first := nextWriter
	nextWriter += n
	writerNumber.Unlock()
	for i := range n {
		db, err := pgx.Connect(w.ctx, w.dsn)
		require.NoError(w.t, err)
		ws.done.Add(1)
		go func() {
			defer ws.done.Done()
			defer db.Close(context.Background())
			ws.loop(ctx, db, first+i, f)
		}()
	}
	return ws
}

var writerNumber sync.Mutex

// loop writes until it is stopped. Writers of one kind share no rows, so the last committed write of a row is known.
func (ws *writers) loop(ctx context.Context, db *pgx.Conn, number int, f write) {
	random := rand.New(rand.NewPCG(uint64(number), 1))
	inserted := 0
	for ctx.Err() == nil {
		id, insert := 10+random.IntN(79)*20+number%20, random.IntN(10) == 0
		if insert {
			inserted++
			id = 100000*(number+1) + inserted
		}
		first, last := randomWord(random), randomWord(random)
		if err := f(context.WithoutCancel(ctx), db, id, insert, first, last); err != nil {
			ws.t.Errorf("a writer fails: %v", err)
			return
		}
		ws.mu.Lock()
		ws.names[id] = first + " " + last
		ws.writes++
		ws.mu.Unlock()
		sleepFor(ctx, 2)
	}
}

func (ws *writers) stop() {
	ws.cancel()
	ws.done.Wait()
	require.Positive(ws.t, ws.writes)
}

func randomWord(r *rand.Rand) string {
	b := make([]byte, 1+r.IntN(8))
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return string(b)
}
