package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/promapi"
)

// lookback is how far before the end of the warm-up series are looked for, so that one which is older is not taken for new. Prometheus
// itself calls a series stale after as long.
const lookback = 5 * time.Minute

// overlap is asked for again at each look, for samples that came late. What was counted is not counted again.
const overlap = time.Minute

// api is what the gate needs of Prometheus.
type api interface {
	Samples(ctx context.Context, selector string, span time.Duration, at time.Time) ([]promapi.Series, error)
}

// timer is the server's clock, and waits by it.
type timer interface {
	Now() time.Time
	Wait(ctx context.Context, until time.Time) error
}

// watcher looks every interval until the gate is done.
type watcher struct {
	api      api
	timer    timer
	interval time.Duration
	delay    time.Duration // from a moment until it is asked for: scrapes that began before it must have ended
	gate     *gate
	narrate  func(format string, args ...any)
	newest   map[string]int64 // ms of the newest sample of each query and series that was handed on
}

// watch gives all looks. It ends early only if ctx does; the looks until then are good.
func (w *watcher) watch(ctx context.Context) (looks []look, err error) {
	queries := w.gate.queries()
	start, end := time.UnixMilli(w.gate.settings.Start), time.UnixMilli(w.gate.settings.End)
	for at := start; ; at = w.next(at, end) {
		if err := w.timer.Wait(ctx, at.Add(w.delay)); err != nil {
			return looks, err
		}
		l := w.look(ctx, queries, at)
		if ctx.Err() != nil {
			return looks, ctx.Err()
		}
		looks = append(looks, l)
		w.gate.feed(l)
		w.tell(l)
		if w.gate.done() {
			return looks, nil
		}
	}
}

// next is the moment of the next look: the deadline is never skipped, and one that failed is tried again after it.
func (w *watcher) next(at, end time.Time) time.Time {
	next := at.Add(w.interval)
	if at.Before(end) && next.After(end) {
		return end
	}
	return next
}

// look asks all queries for one moment. They fail together, so that no objective sees a part of a moment.
func (w *watcher) look(ctx context.Context, queries []string, at time.Time) look {
	l := look{At: at.UnixMilli(), Answers: map[string][]promapi.Series{}}
	since := time.UnixMilli(w.gate.lastGood).Add(-overlap)
	if w.gate.lastGood == w.gate.settings.Start {
		since = time.UnixMilli(w.gate.lastGood).Add(-lookback)
	}
	for _, query := range queries {
		series, err := w.api.Samples(ctx, query, at.Sub(since), at)
		if err != nil {
			l.Answers, l.Failure = nil, asFailure(err)
			return l
		}
		l.Answers[query] = series
	}
	w.onlyNew(l)
	return l
}

// onlyNew drops the samples that an earlier look had, so that the report holds each once.
func (w *watcher) onlyNew(l look) {
	if w.newest == nil {
		w.newest = map[string]int64{}
	}
	for query, series := range l.Answers {
		for i := range series {
			s, id := &series[i], query+"\x00"+series[i].ID()
			newest, known := w.newest[id]
			s.Samples = slices.DeleteFunc(s.Samples, func(x promapi.Sample) bool { return known && x.Time <= newest })
			s.Native = slices.DeleteFunc(s.Native, func(x promapi.NativeSample) bool { return known && x.Time <= newest })
			if n := len(s.Samples); n > 0 {
				w.newest[id] = max(w.newest[id], s.Samples[n-1].Time)
			}
			if n := len(s.Native); n > 0 {
				w.newest[id] = max(w.newest[id], s.Native[n-1].Time)
			}
		}
	}
}

func asFailure(err error) *failure {
	var e *promapi.Error
	if errors.As(err, &e) {
		return &failure{e.Kind, e.Error()}
	}
	return &failure{promapi.Unavailable, err.Error()}
}

// queries of all objectives, each once, totals before parts.
func (g *gate) queries() (all []string) {
	for _, j := range g.judges {
		for _, r := range []*reader{j.canary, j.baseline} {
			if r == nil {
				continue
			}
			for _, q := range r.queries() {
				if !slices.Contains(all, q) {
					all = append(all, q)
				}
			}
		}
	}
	return all
}

// tell narrates a look in one line an objective.
func (w *watcher) tell(l look) {
	if l.Failure != nil {
		w.narrate("%s  no answer: %s", clock(l.At), l.Failure.Message)
		return
	}
	for _, j := range w.gate.judges {
		w.narrate("%s  %-16s %s%s", clock(l.At), j.rule.Name, j.found(), j.outlook(w.gate.settings))
	}
}

// outlook says when a stream without errors would pass at the traffic seen so far, if that is after the deadline.
func (j *judge) outlook(s settings) string {
	elapsed := j.last() - s.Start
	if j.rate == nil || s.Method != sequentially || j.counts.Total == 0 || elapsed < 30_000 {
		return ""
	}
	perSecond := float64(j.counts.Total) * 1000 / float64(elapsed)
	needed := float64(j.rate.FewestToPass()) / perSecond
	if needed*1000 <= float64(s.End-s.Start) {
		return ""
	}
	return fmt.Sprintf("; at %.3g requests a second it cannot pass before %s, and the window is %s", perSecond,
		time.Duration(needed)*time.Second, time.Duration(s.End-s.Start)*time.Millisecond)
}

func (j *judge) last() int64 {
	if len(j.points) == 0 {
		return 0
	}
	return j.points[len(j.points)-1].At
}
