package portable

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
)

const (
	oldDigest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	newDigest = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childJob); text != "" {
		os.Exit(runChild(text))
	}
	code := m.Run()
	stopMaria()
	os.Exit(code)
}

// A product is one of the databases under test.
type product struct {
	name string
	// create makes an empty database and gives its DSN and a pool as an application has it.
	create func(t testing.TB) (string, *sql.DB)
	words  *strings.Replacer // spells what the tests' SQL says differently here
	shape  string            // SQL that describes every table outside of the engine's own, a line a row
	quoted func(name string) string
}

var liteProduct = product{
	name: "sqlite",
	create: func(t testing.TB) (string, *sql.DB) {
		path := filepath.Join(t.TempDir(), "app's 1%.db")
		db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(path, "%", "%25")+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
		require.NoError(t, err)
		t.Cleanup(func() { db.Close() })
		_, err = db.Exec("PRAGMA user_version = 1") // writes the file
		require.NoError(t, err)
		return "sqlite:" + path, db
	},
	words: strings.NewReplacer("SERIAL", "INTEGER PRIMARY KEY"),
	shape: `SELECT concat_ws(' ', m.name, x.name, x.type, x."notnull", x.dflt_value) FROM sqlite_schema m, pragma_table_xinfo(m.name) x WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sluice%' AND m.name NOT LIKE 'sqlite%'
		UNION ALL SELECT concat_ws(' ', type, name, CASE type WHEN 'index' THEN sql END) FROM sqlite_schema WHERE type IN ('index', 'trigger') AND tbl_name NOT LIKE 'sluice%' ORDER BY 1`,
	quoted: quote,
}

// eachProduct runs a test on every product.
func eachProduct(t *testing.T, f func(t *testing.T, p product)) {
	for _, p := range products {
		t.Run(p.name, func(t *testing.T) { t.Parallel(); f(t, p) })
	}
}

// A world is one database with one change, and an application's connection.
type world struct {
	product
	t      testing.TB
	ctx    context.Context
	dsn    string
	db     *sql.DB
	engine *Engine
	change *change.Change
	dir    *change.Directory
}

func newWorld(t testing.TB, p product, setup []string, o migrate.Options) *world {
	t.Helper()
	w := &world{product: p, t: t, ctx: context.Background()}
	w.dsn, w.db = p.create(t)
	w.all(setup)
	w.engine = w.open(o)
	return w
}

func (w *world) open(o migrate.Options) *Engine {
	w.t.Helper()
	if o.Run == "" {
		o.Run = "run-" + w.t.Name()
	}
	if o.RetryFor == 0 {
		o.RetryFor = 20 * time.Second
	}
	e, err := Open(w.ctx, w.dsn, o)
	require.NoError(w.t, err)
	w.t.Cleanup(e.Close)
	return e
}

// use makes a change with short windows the one that the world works on.
func (w *world) use(yaml string) {
	w.t.Helper()
	c, err := parse(w.words.Replace(yaml))
	require.NoError(w.t, err)
	w.change, w.dir = c, &change.Directory{Changes: []*change.Change{c}, Sum: "h1:test"}
}

func parse(yaml string) (*change.Change, error) {
	if !strings.Contains(yaml, "contract:") {
		yaml += "\ncontract: {minAge: 1ms, dropAfter: 1ms}\n"
	}
	return change.Parse("1_change", []byte(yaml), nil)
}

func (w *world) exec(sql string) {
	w.t.Helper()
	_, err := w.db.ExecContext(w.ctx, w.words.Replace(sql))
	require.NoError(w.t, err, "%s", sql)
}

func (w *world) all(statements []string) {
	w.t.Helper()
	for _, sql := range statements {
		w.exec(sql)
	}
}

func (w *world) fails(statements []string) {
	w.t.Helper()
	for _, sql := range statements {
		_, err := w.db.ExecContext(w.ctx, w.words.Replace(sql))
		require.Error(w.t, err, sql)
	}
}

func (w *world) number(query string) (n int64) {
	w.t.Helper()
	require.NoError(w.t, w.db.QueryRowContext(w.ctx, w.words.Replace(query)).Scan(&n), "%s", query)
	return n
}

func (w *world) lines(query string, args ...any) []string {
	w.t.Helper()
	all, err := collect(w.ctx, w.db, query, args, text)
	require.NoError(w.t, err, "%s", query)
	return all
}

func (w *world) shapeNow() []string { w.t.Helper(); return w.lines(w.shape) }

func (w *world) expand() {
	w.t.Helper()
	r, err := w.engine.Expand(w.ctx, migrate.ExpandRequest{Change: w.change, Directory: w.dir, Application: newDigest})
	require.NoError(w.t, err)
	require.Equal(w.t, migrate.Expanded, r.Phase)
}

func (w *world) backfill() {
	w.t.Helper()
	r, err := w.engine.Backfill(w.ctx, w.change)
	require.NoError(w.t, err)
	require.Equal(w.t, migrate.Verified, r.Phase)
}

func (w *world) switchReads() {
	w.t.Helper()
	_, err := w.engine.Switch(w.ctx, migrate.SwitchRequest{Change: w.change, Application: newDigest})
	require.NoError(w.t, err)
}

var waiver = migrate.ContractRequest{Running: []string{newDigest}, Waive: []string{migrate.EvidenceReaders}, WaiveReason: "the test knows its readers"}

func (w *world) contract() (*migrate.Revision, error) {
	time.Sleep(3 * time.Millisecond)
	q := waiver
	q.Change = w.change
	return w.engine.Contract(w.ctx, q)
}

func (w *world) mustContract(to migrate.Phase) {
	w.t.Helper()
	r, err := w.contract()
	require.NoError(w.t, err)
	require.Equal(w.t, to, r.Phase)
}

func (w *world) rollback(q migrate.RollbackRequest) {
	w.t.Helper()
	q.Change = w.change
	_, err := w.engine.Rollback(w.ctx, q)
	require.NoError(w.t, err)
}

// rows writes an INSERT of n rows; each %d of the format is the row's number.
func rows(into string, n int, format string) string {
	var values []string
	for i := 1; i <= n; i++ {
		values = append(values, strings.ReplaceAll(format, "%d", fmt.Sprint(i)))
	}
	return "INSERT INTO " + into + " VALUES " + strings.Join(values, ", ")
}
