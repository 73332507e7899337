package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/promtest"
	"github.com/sluice-ci/sluice/internal/sequential"
)

// scrapeEvery is the interval at which the real storage is filled.
const scrapeEvery = 5 * time.Second

// world is a service that is scraped into a real Prometheus storage, in a time that only passes when the gate waits.
type world struct {
	t      *testing.T
	server *promtest.Server
	now    time.Time
	began  time.Time
	random *rand.Rand
	pods   []*pod
	// each tick, before the scrape
	events []func(w *world, since time.Duration)
}

// pod is one process with its counters.
type pod struct {
	labels    []string // job, instance, track …
	perSecond float64
	errorRate float64
	down      bool // neither serves nor can be scraped
	unscraped bool // serves, but is not scraped
	counts    map[string]float64
	extra     func(w *world, p *pod) // more series
	served    sequential.Counts      // the truth, whether scraped or not
}

func newWorld(t *testing.T, pods ...*pod) *world {
	w := &world{t: t, server: promtest.New(t), now: time.UnixMilli(1_700_000_000_000), random: rand.New(rand.NewPCG(7, 7)), pods: pods}
	w.began = w.now
	return w
}

func canary(perSecond, errorRate float64) *pod { return newPod("canary", perSecond, errorRate) }

func newPod(track string, perSecond, errorRate float64) *pod {
	return &pod{labels: []string{"job", "web", "instance", track + "-0", "track", track}, perSecond: perSecond, errorRate: errorRate}
}

// Now and Wait make the world the gate's clock.
func (w *world) Now() time.Time { return w.now }

func (w *world) Wait(ctx context.Context, until time.Time) error {
	for w.now.Add(scrapeEvery).Compare(until) <= 0 {
		w.now = w.now.Add(scrapeEvery)
		for _, event := range w.events {
			event(w, w.now.Sub(w.began))
		}
		for _, p := range w.pods {
			w.serve(p)
		}
	}
	return ctx.Err()
}

func (w *world) serve(p *pod) {
	if p.down {
		return
	}
	if p.counts == nil {
		p.counts = map[string]float64{}
	}
	n := int64(math.Round(p.perSecond * scrapeEvery.Seconds()))
	bad := draw(w.random, n, p.errorRate)
	p.served.Errors += bad
	p.served.Total += n
	p.counts["200"] += float64(n - bad)
	p.counts["500"] += float64(bad)
	if p.unscraped {
		return
	}
	for code, count := range p.counts {
		if count > 0 { // client libraries make a series with the first event
			w.server.Add(w.now, count, append([]string{"__name__", "http_requests_total", "code", code}, p.labels...)...)
		}
	}
	if p.extra != nil {
		p.extra(w, p)
	}
}

// outcome is what a run of the command left.
type outcome struct {
	code    int
	stderr  string
	stdout  string
	results map[string]string
	report  report
	reports string
}

// run executes the command, whole, against the world.
func (w *world) run(args ...string) outcome {
	o := newOptions()
	o.timer = w
	out := outcome{results: map[string]string{}, reports: w.t.TempDir()}
	args = append([]string{"--prometheus=" + w.server.URL, "--reports=" + out.reports}, args...)
	var stdout, stderr bytes.Buffer
	out.code = command(o).Execute(context.Background(), args, strings.NewReader(""), &stdout, &stderr, func(string) string { return "" })
	out.stdout, out.stderr = stdout.String(), stderr.String()
	for line := range strings.Lines(out.stdout) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out.results[name] = value
		}
	}
	if data, err := os.ReadFile(filepath.Join(out.reports, "error-rate-gate.report.json")); err == nil {
		require.NoError(w.t, json.Unmarshal(data, &out.report))
	}
	return out
}

var usualFlags = []string{"--preset=http", `--canary=track="canary"`}

func flags(more ...string) []string { return append(append([]string{}, usualFlags...), more...) }

// says requires an exit code and words of the message.
func (o outcome) says(t *testing.T, code int, words ...string) {
	t.Helper()
	require.Equalf(t, code, o.code, "%s", o.stderr)
	for _, word := range words {
		require.Contains(t, o.stderr, word)
	}
}

func objectivesFile(t *testing.T, text string) (dir string) {
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "o.yaml"), []byte(text), 0o644))
	return dir
}
