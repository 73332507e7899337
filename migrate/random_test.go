package migrate_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
)

var seed = flag.Uint64("seed", 0, "run only the random sequence of this seed")

// A shape is how one application version stores two values of a row: a text of two words in the table r, and a number in r or in r2, which
// has a row for each of r's.
type shape struct {
	words  []string // one column, or two
	number string
	kind   string // type of the number
	table  string // of the number
	extra  bool   // whether the column extra must be given
}

// columns lists what the application writes into a table, as names and values.
func (s shape) columns(table string) (names, values []string) {
	if table == "r" {
		names, values = []string{s.words[0]}, []string{"@a::text || ' ' || @b::text"}
		if len(s.words) == 2 {
			names, values = s.words, []string{"@a::text", "@b::text"}
		}
	}
	if table == s.table {
		names, values = append(names[:len(names):len(names)], s.number), append(values, "@number::text::"+s.kind)
	}
	return names, values
}

func (s shape) update() []string {
	var statements []string
	for _, table := range []string{"r", "r2"} {
		names, values := s.columns(table)
		if len(names) == 0 {
			continue
		}
		statements = append(statements, fmt.Sprintf("UPDATE %s SET n = n + 1, (%s) = ROW(%s) WHERE id = @id", table, strings.Join(names, ", "), strings.Join(values, ", ")))
	}
	return statements
}

func (s shape) insert() []string {
	var statements []string
	for _, table := range []string{"r", "r2"} {
		names, values := s.columns(table)
		if s.extra && table == "r" {
			names, values = append(names, "extra"), append(values, "'given'")
		}
		statements = append(statements, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(append([]string{"id"}, names...), ", "), strings.Join(append([]string{"@id"}, values...), ", ")))
	}
	return statements
}

func (s shape) read() string {
	return "SELECT /* sluice */ r.id, " + strings.Join(s.words, " || ' ' || ") + ", " + s.table + "." + s.number + "::text FROM r JOIN r2 ON r2.id = r.id"
}

// next picks an operation and gives the shape after it.
func (s shape) next(r *rand.Rand, step int) (yaml string, after shape) {
	after = s
	column := fmt.Sprintf("c%d", step)
	switch r.IntN(7) {
	case 0:
		after.number, after.kind = column, []string{"bigint", "numeric", "text", "int"}[r.IntN(4)]
		return fmt.Sprintf("operations: [{changeType: {table: %s, column: %s, to: %s, type: %s}}]", s.table, s.number, column, after.kind), after
	case 1:
		after.number = column
		return fmt.Sprintf("operations: [{renameColumn: {table: %s, column: %s, to: %s}}]", s.table, s.number, column), after
	case 2:
		return fmt.Sprintf("operations: [{addColumn: {table: r, column: %s, type: uuid, default: gen_random_uuid(), notNull: true}}]", column), s
	case 3:
		yaml = fmt.Sprintf("operations: [{createIndex: {table: %s, name: i%d, columns: [%s]}}", s.table, step, s.number)
		if !s.extra {
			yaml, after.extra = yaml+", {setNotNull: {table: r, column: extra, up: \"'e' || id\"}}", true
		}
		return yaml + "]", after
	case 4:
		if s.table == "r" {
			after.table, after.number = "r2", column
			return fmt.Sprintf("operations: [{moveColumn: {table: r, column: %s, into: r2, by: [id], as: %s}}]", s.number, column), after
		}
	}
	if len(s.words) == 1 {
		after.words = []string{column + "a", column + "b"}
		return fmt.Sprintf(`operations: [{splitColumn: {table: r, column: %[1]s, into: [{name: %[2]sa, type: text, up: "split_part(%[1]s, ' ', 1)"}, {name: %[2]sb, type: text, up: "split_part(%[1]s, ' ', 2)"}], down: "%[2]sa || ' ' || %[2]sb"}}]`,
			s.words[0], column), after
	}
	after.words = []string{column}
	return fmt.Sprintf(`operations: [{mergeColumns: {table: r, columns: [{name: %[1]s, down: "split_part(%[3]s, ' ', 1)"}, {name: %[2]s, down: "split_part(%[3]s, ' ', 2)"}], into: {name: %[3]s, type: text, up: "%[1]s || ' ' || %[2]s"}}}]`,
		s.words[0], s.words[1], column), after
}

func TestRandomSequencesLoseNothingWhileApplicationsWrite(t *testing.T) {
	first, n := uint64(1), 50
	if *long {
		n = 1000
	}
	if *seed > 0 {
		first, n = *seed, 1
	}
	versions := []string{pgtest.Oldest, pgtest.Newest, pgtest.Debian}
	for i := range n {
		t.Run(fmt.Sprintf("seed%d", first+uint64(i)), func(t *testing.T) {
			t.Parallel()
			sequence(t, pgtest.On(t, versions[i%3]), first+uint64(i))
		})
	}
}

// sequence carries a table through a few random changes, each finished or rolled back, with runners that die at random statements
// and clients of both application versions that write all the while.
func sequence(t *testing.T, s *pgtest.Server, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	w := newWorld(t, s, `CREATE TABLE r (id int PRIMARY KEY, words text NOT NULL, number int, extra text, n int NOT NULL DEFAULT 0);
		CREATE TABLE r2 (id int PRIMARY KEY REFERENCES r, n int NOT NULL DEFAULT 0);
		INSERT INTO r SELECT i, 'f' || i || ' l' || i, i, CASE WHEN i % 3 = 0 THEN 'x' END FROM generate_series(1, 1200) i; INSERT INTO r2 SELECT id FROM r`, migrate.Options{})
	m := &random{world: w, r: r, want: map[int][2]string{}}
	for i := 1; i <= 1200; i++ {
		m.want[i] = [2]string{fmt.Sprintf("f%d l%d", i, i), fmt.Sprint(i)}
	}
	now := shape{words: []string{"words"}, number: "number", kind: "int", table: "r"}
	for step := 1; step <= 3 && !t.Failed(); step++ {
		yaml, after := now.next(r, step)
		w.use(fmt.Sprintf("%d_step", step), yaml)
		stopOld := m.clients(now, 2)
		m.until("expand")
		m.until("backfill")
		stopNew := m.clients(after, 1)
		if r.IntN(3) == 0 {
			if r.IntN(2) == 0 {
				m.until("switch")
			}
			stopNew()
			m.until("rollback")
			stopOld()
		} else {
			m.until("switch")
			stopOld()
			m.until("retreat")
			m.until("switch")
			m.until("contract")
			if r.IntN(3) == 0 && m.number("SELECT count(*) FROM sluice.revision WHERE phase = 'tombstoned'") == 1 {
				stopNew()
				m.until("rollback")
			} else {
				m.until("contract")
				m.until("contract")
				stopNew()
				now = after
			}
		}
		m.check(now)
	}
}

// random is a world whose runners die and whose clients know what they have written.
type random struct {
	*world
	r      *rand.Rand
	mu     sync.Mutex
	want   map[int][2]string
	client int
}

// until repeats a phase, each time with a runner that may die at a random statement, until one gets through.
func (m *random) until(action string) {
	m.t.Helper()
	for try := 0; ; try++ {
		ctx, cancel := context.WithCancel(m.ctx)
		fuse := &fuse{cancel: cancel}
		fuse.left.Store(int64(1 + m.r.IntN(100)))
		if m.r.IntN(3) == 0 || try > 30 {
			fuse.left.Store(1 << 40)
		}
		e, err := migrate.OpenTraced(ctx, m.dsn, migrate.Options{Run: "random", Workers: 1 + m.r.IntN(3), Tool: "test", RetryFor: time.Minute}, fuse)
		if err == nil {
			err = act(ctx, e, m.change, action, 1<<40)
			e.Close()
		}
		died := ctx.Err() != nil
		cancel()
		if err == nil {
			return
		}
		require.True(m.t, died, "%s: %v", action, err)
		m.expireLease()
	}
}

// A fuse cuts a runner's connections at a statement.
type fuse struct {
	left   atomic.Int64
	cancel context.CancelFunc
}

func (f *fuse) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	if f.left.Add(-1) == 0 {
		f.cancel()
	}
	return ctx
}

func (f *fuse) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// clients write with one application version, each to rows of its own, until they are stopped.
func (m *random) clients(s shape, n int) (stop func()) {
	ctx, cancel := context.WithCancel(m.ctx)
	var done sync.WaitGroup
	for range n {
		m.client++
		number, random := m.client, rand.New(rand.NewPCG(uint64(m.client), m.r.Uint64()))
		db, err := pgx.Connect(m.ctx, m.dsn)
		require.NoError(m.t, err)
		done.Go(func() {
			defer db.Close(context.Background())
			for i := 0; ctx.Err() == nil; i++ {
				id, statements := 1+random.IntN(60)*20+number%20, s.update()
				if random.IntN(8) == 0 {
					id, statements = 10000*number+i, s.insert()
				}
				a, b, c := randomWord(random), randomWord(random), fmt.Sprint(random.IntN(1000))
				err := pgx.BeginFunc(m.ctx, db, func(tx pgx.Tx) error {
					for _, sql := range statements {
						if _, err := tx.Exec(m.ctx, sql, pgx.QueryExecModeExec, pgx.NamedArgs{"id": id, "a": a, "b": b, "number": c}); err != nil {
							return fmt.Errorf("%s: %w", sql, err)
						}
					}
					return nil
				})
				if err != nil {
					m.t.Error(err)
					return
				}
				m.mu.Lock()
				m.want[id] = [2]string{a + " " + b, c}
				m.mu.Unlock()
				sleepFor(ctx, 1+random.IntN(4))
			}
		})
	}
	return func() { cancel(); done.Wait() }
}

// check compares every row with what the clients know.
func (m *random) check(s shape) {
	m.t.Helper()
	rows, err := m.db.Query(m.ctx, s.read())
	require.NoError(m.t, err)
	n := 0
	for rows.Next() {
		var id int
		var got [2]string
		require.NoError(m.t, rows.Scan(&id, &got[0], &got[1]))
		require.Equal(m.t, m.want[id], got, "row %d", id)
		n++
	}
	require.NoError(m.t, rows.Err())
	require.Equal(m.t, len(m.want), n)
	require.Zero(m.t, m.number("SELECT count(*) FROM pg_trigger WHERE tgname LIKE '~sluice%'"))
}
