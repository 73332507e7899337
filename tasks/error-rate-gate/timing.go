package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-ci/sluice/internal/promapi"
	"github.com/sluice-ci/sluice/internal/task"
)

// serverClock is this machine's clock, corrected by what Prometheus says.
type serverClock struct{ ahead time.Duration }

func (c serverClock) Now() time.Time { return time.Now().Add(c.ahead) }

func (c serverClock) Wait(ctx context.Context, until time.Time) error {
	t := time.NewTimer(time.Until(until.Add(-c.ahead)))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// clockOf asks the server for its time, until it answers or the budget is spent. The error of a spent budget has exit code 3.
func clockOf(ctx context.Context, client *promapi.Client, interval, budget time.Duration, narrate func(string, ...any)) (serverClock, error) {
	for began := time.Now(); ; {
		asked := time.Now()
		now, err := client.Now(ctx)
		if err == nil {
			return serverClock{now.Sub(asked.Add(time.Since(asked) / 2))}, nil
		}
		var e *promapi.Error
		switch {
		case ctx.Err() != nil:
			return serverClock{}, ctx.Err()
		case errors.As(err, &e) && e.Kind == promapi.Denied:
			return serverClock{}, task.Misconfigured("the Prometheus API refused: %w", err).WithRemedy("check the workspace credentials and --headers")
		case errors.As(err, &e) && !e.Transient():
			return serverClock{}, task.Misconfigured("the Prometheus API refused: %w", err).WithRemedy("check --prometheus, the workspace ca, and the path of the URL")
		case time.Since(began) >= budget:
			return serverClock{}, task.Undecided("the Prometheus API did not answer within the retry budget %s: %w", budget, err).
				WithRemedy("this says nothing about the canary; run again when Prometheus answers, or raise --retry-budget")
		}
		narrate("no answer yet: %v", err)
		if err := (serverClock{}).Wait(ctx, time.Now().Add(min(interval, budget))); err != nil {
			return serverClock{}, err
		}
	}
}

// load is the file by which load-test tells when its load begins and ends, so that load and gate go by one clock.
type load struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Run   string    `json:"pipelineRun"`
}

// awaitLoad waits until the load of this PipelineRun has begun.
func awaitLoad(ctx context.Context, path, run string, budget time.Duration) (load, error) {
	for began := time.Now(); ; {
		var l load
		data, err := os.ReadFile(path)
		if err == nil {
			if err := json.Unmarshal(data, &l); err != nil {
				return l, task.Misconfigured("reading the clock of the load %q: %w", path, err)
			}
			if l.Run == run && l.End.After(l.Start) {
				return l, nil
			}
		}
		if time.Since(began) >= budget {
			return l, task.Undecided("no load of this run began within %s (%s)", budget, filepath.Base(path)).
				WithRemedy("load-test has to run beside the gate, with the same workspace reports; see its log")
		}
		if err := (serverClock{}).Wait(ctx, time.Now().Add(time.Second)); err != nil {
			return l, err
		}
	}
}

// begin settles the clock, and with it start and end of what is measured, in milliseconds since 1970.
func (o *options) begin(ctx context.Context, client *promapi.Client, narrate func(string, ...any)) (start, end int64, err error) {
	var c serverClock
	if o.timer == nil {
		if c, err = clockOf(ctx, client, o.interval, o.retryBudget, narrate); err != nil {
			return 0, 0, err
		}
		o.timer = c
	}
	if o.clock == "" {
		from := o.timer.Now().Add(o.warmUp)
		return from.UnixMilli(), from.Add(o.window).UnixMilli(), nil
	}
	narrate("waiting for the load to begin")
	l, err := awaitLoad(ctx, filepath.Join(o.evidence.Reports, o.clock), o.evidence.RunName, o.retryBudget)
	if err != nil {
		return 0, 0, err
	}
	from, to := l.Start.Add(c.ahead).Add(o.warmUp), l.End.Add(c.ahead)
	if !to.After(from) {
		return 0, 0, task.Misconfigured("the load lasts %s and the warm-up %s: nothing is left to measure", l.End.Sub(l.Start), o.warmUp).
			WithRemedy("lengthen the load, or shorten --warm-up")
	}
	return from.UnixMilli(), to.UnixMilli(), nil
}
