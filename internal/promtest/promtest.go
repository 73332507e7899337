// Package promtest serves the Prometheus HTTP API in tests: Prometheus' own handlers over its own query engine and its own storage, in
// this process, filled by the test instead of by scrapes. Nothing of it is an imitation.
package promtest

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	api "github.com/prometheus/prometheus/web/api/v1"
	"github.com/stretchr/testify/require"
)

// Server is a Prometheus without scrapes and without rules.
type Server struct {
	URL string

	t      testing.TB
	dir    string
	mu     sync.Mutex
	db     *tsdb.DB
	router http.Handler
	wrap   func(http.Handler) http.Handler
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{t: t, dir: t.TempDir(), wrap: func(h http.Handler) http.Handler { return h }}
	s.open()
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		handler := s.wrap(s.router)
		s.mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	s.URL = listener.URL
	t.Cleanup(func() {
		listener.Close()
		require.NoError(t, s.db.Close())
	})
	return s
}

// Handle puts something in front of the API: a proxy that asks for credentials, an outage. nil takes it away.
func (s *Server) Handle(wrap func(next http.Handler) http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wrap == nil {
		wrap = func(h http.Handler) http.Handler { return h }
	}
	s.wrap = wrap
}

// Restart closes the storage and opens it again, as a restart of Prometheus does: what was in memory is read back from its log.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NoError(s.t, s.db.Close())
	s.open()
}

// ServeHTTP is the API without a listener.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.router.ServeHTTP(w, r) }

func (s *Server) open() {
	options := tsdb.DefaultOptions()
	options.MinBlockDuration = (24 * time.Hour).Milliseconds()
	options.MaxBlockDuration = options.MinBlockDuration
	options.RetentionDuration = 0
	db, err := tsdb.Open(s.dir, promslog.NewNopLogger(), nil, options, nil)
	require.NoError(s.t, err)
	s.db, s.router = db, handlers(db, s.dir)
}

// handlers are those that the command prometheus mounts, but for what needs scrapes, rules and alerts.
func handlers(db *tsdb.DB, dir string) http.Handler {
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, EnableAtModifier: true, EnableNegativeOffset: true,
	})
	registry := prometheus.NewRegistry()
	a := api.NewAPI(engine, db, nil, nil, storage.ExemplarQueryable(nil),
		nil, nil, nil,
		func() config.Config { return config.DefaultConfig },
		nil, api.GlobalURLOptions{},
		func(f http.HandlerFunc) http.HandlerFunc { return f },
		nil, dir, false, false, 0, promslog.NewNopLogger(), nil, 0, 0, 0, false, nil,
		nil, nil, nil, nil, registry, registry, nil, false, nil, false, false, false, false, 5*time.Minute, false, false, nil, nil,
		api.OpenAPIOptions{}, nil)
	router := route.New()
	a.Register(router.WithPrefix("/api/v1"))
	return router
}

// Add appends one sample. Labels are names and values in turn, __name__ among them.
func (s *Server) Add(at time.Time, v float64, pairs ...string) {
	s.commit(func(app storage.Appender) error {
		_, err := app.Append(0, labels.FromStrings(pairs...), at.UnixMilli(), v)
		return err
	})
}

// AddNative appends one native histogram.
func (s *Server) AddNative(at time.Time, h *histogram.Histogram, pairs ...string) {
	s.commit(func(app storage.Appender) error {
		_, err := app.AppendHistogram(0, labels.FromStrings(pairs...), at.UnixMilli(), h, nil)
		return err
	})
}

// Stale appends the marker that Prometheus writes when a series, or its target, is gone.
func (s *Server) Stale(at time.Time, pairs ...string) {
	s.Add(at, math.Float64frombits(value.StaleNaN), pairs...)
}

func (s *Server) commit(add func(storage.Appender) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.db.Appender(context.Background())
	require.NoError(s.t, add(app))
	require.NoError(s.t, app.Commit())
}
