package migrate_test

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(childJob); job != "" {
		os.Exit(runChild(job))
	}
	flag.Parse()
	os.Exit(pgtest.Run(m))
}

// long asks for the exhaustive runs: every version, a thousand random sequences.
var long = flag.Bool("long", false, "run the long tests in full")

// onSome runs a costly test on one version, or on each in a long run.
func onSome(t *testing.T, version string, f func(t *testing.T, s *pgtest.Server)) {
	if *long {
		pgtest.Each(t, f)
		return
	}
	t.Run("postgres"+version, func(t *testing.T) { f(t, pgtest.On(t, version)) })
}

// newDigest and oldDigest are two versions of an application.
const (
	oldDigest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	newDigest = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

// A world is one database with a directory of changes and an engine.
type world struct {
	t      testing.TB
	ctx    context.Context
	server *pgtest.Server
	dsn    string
	db     *pgx.Conn
	engine *migrate.Engine
	dir    *change.Directory
	change *change.Change
}

func newWorld(t testing.TB, s *pgtest.Server, setup string, o migrate.Options) *world {
	w := &world{t: t, ctx: context.Background(), server: s, dsn: s.Database(t)}
	var err error
	w.db, err = pgx.Connect(w.ctx, w.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { w.db.Close(w.ctx) })
	w.exec(setup)
	w.engine = w.open(o)
	return w
}

func (w *world) open(o migrate.Options) *migrate.Engine {
	w.t.Helper()
	if o.Run == "" {
		o.Run = "run-" + w.t.Name()
	}
	if o.RetryFor == 0 {
		o.RetryFor = 20 * time.Second
	}
	o.Tool = "test"
	e, err := migrate.Open(w.ctx, w.dsn, o)
	require.NoError(w.t, err)
	w.t.Cleanup(e.Close)
	return e
}

// use makes a change with short windows the one that the world works on.
func (w *world) use(folder, yaml string) {
	w.t.Helper()
	if !strings.Contains(yaml, "contract:") {
		yaml += "\ncontract: {minAge: 1ms, dropAfter: 1ms}\n"
	}
	c, err := change.Parse(folder, []byte(yaml), nil)
	require.NoError(w.t, err)
	w.take(c)
}

func (w *world) take(c *change.Change) {
	w.change = c
	w.dir = &change.Directory{Changes: []*change.Change{c}, Sum: "h1:test"}
}

func (w *world) exec(sql string) {
	w.t.Helper()
	_, err := w.db.Exec(w.ctx, sql, pgx.QueryExecModeSimpleProtocol)
	require.NoError(w.t, err, "%s", sql)
}

func (w *world) number(sql string) (n int64) {
	w.t.Helper()
	sql = strings.Replace(sql, "SELECT", "SELECT /* sluice: not an application's */", 1)
	require.NoError(w.t, w.db.QueryRow(w.ctx, sql, pgx.QueryExecModeSimpleProtocol).Scan(&n), "%s", sql)
	return n
}

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

// switchAnew goes back and forth, as after a reader was found: the clock and the count of readers start again.
func (w *world) switchAnew() {
	w.t.Helper()
	_, err := w.engine.Switch(w.ctx, migrate.SwitchRequest{Change: w.change, Application: oldDigest, Back: true})
	require.NoError(w.t, err)
	w.switchReads()
}

func (w *world) contract() (*migrate.Revision, error) {
	time.Sleep(2 * time.Millisecond)
	return w.engine.Contract(w.ctx, migrate.ContractRequest{Change: w.change, Running: []string{newDigest}})
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

// shape describes every table outside of the engine's own schema, to compare before and after.
func (w *world) shape() string {
	w.t.Helper()
	var s string
	err := w.db.QueryRow(w.ctx, `SELECT coalesce(string_agg(d, E'\n' ORDER BY d), '') FROM (
		SELECT format('%s.%s.%s %s %s %s', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
			pg_get_expr(x.adbin, x.adrelid)) AS d
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_attrdef x ON x.adrelid = c.oid AND x.adnum = a.attnum
		WHERE c.relkind IN ('r', 'p', 'v') AND n.nspname NOT IN ('sluice', 'pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%' AND c.relname NOT LIKE 'pg_stat%'
		UNION ALL SELECT format('index %s', pg_get_indexdef(i.indexrelid)) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname NOT IN ('sluice', 'pg_catalog') AND n.nspname NOT LIKE 'pg_toast%'
		UNION ALL SELECT format('constraint %s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE contype <> 'n' AND connamespace IN (SELECT oid FROM pg_namespace WHERE nspname NOT IN ('sluice', 'pg_catalog', 'information_schema'))
		UNION ALL SELECT format('trigger %s on %s', tgname, tgrelid::regclass) FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE '~%'
		) s`).Scan(&s)
	require.NoError(w.t, err)
	return s
}

func must(t testing.TB, err error, parts ...string) {
	t.Helper()
	require.Error(t, err)
	for _, p := range parts {
		require.ErrorContains(t, err, p)
	}
}

func sleepFor(ctx context.Context, ms int) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(ms) * time.Millisecond):
	}
}
