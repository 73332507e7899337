package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/sluice-ci/sluice/internal/promapi"
)

// increments turns the raw samples of counters into what was counted since the look before, a series at a time. A sample is
// used once, by its own timestamp, so that windows never overlap, and whatever is scraped late or missed while Prometheus was down counts in the next look.
type increments struct {
	start   int64               // ms: what was counted before is no evidence
	last    map[string]last     // by series
	targets map[string]int64    // ms of the first sample of each scraped target
	resets  int                 // times that a counter fell
	native  map[string]nativeAt // by series
}

type last struct {
	ms    int64
	value float64
}

func newIncrements(start int64) *increments {
	return &increments{start: start, last: map[string]last{}, targets: map[string]int64{}, native: map[string]nativeAt{}}
}

// increment is what one series counted.
type increment struct {
	labels map[string]string
	count  int64
}

// targetLabels tell one scraped process from another, where they are present.
var targetLabels = []string{"job", "instance", "namespace", "pod", "container", "cluster"}

func target(labels map[string]string) string {
	var b strings.Builder
	for _, name := range targetLabels {
		b.WriteString(labels[name])
		b.WriteByte(0)
	}
	return b.String()
}

// meet notes when each target was first seen. It comes before add, for all the answers of a look.
func (n *increments) meet(series []promapi.Series) {
	for _, s := range series {
		id, first := target(s.Labels), int64(math.MaxInt64)
		if len(s.Samples) > 0 {
			first = s.Samples[0].Time
		}
		if len(s.Native) > 0 {
			first = min(first, s.Native[0].Time)
		}
		if known, ok := n.targets[id]; !ok || first < known {
			n.targets[id] = first
		}
	}
}

// add gives what each series of one answer counted since the last look. A value that no counter has is an error.
func (n *increments) add(series []promapi.Series) ([]increment, error) {
	var all []increment
	for _, s := range series {
		id, total := s.ID(), 0.0
		before, known := n.last[id]
		for _, sample := range s.Samples {
			if err := countable(s, sample.Value); err != nil {
				return nil, err
			}
			if known && sample.Time <= before.ms {
				continue
			}
			if !known {
				before, known = n.first(s.Labels, sample.Time)
			}
			if known && sample.Time > n.start {
				total += n.rise(before.value, sample.Value)
			}
			before, known = last{sample.Time, sample.Value}, true
		}
		if known {
			n.last[id] = before
		}
		if total > math.MaxInt64/4 {
			return nil, fmt.Errorf("the counter %s rose by %g, which is no number of requests", name(s.Labels), total)
		}
		all = append(all, increment{s.Labels, int64(total)})
	}
	return all, nil
}

// first tells from where a series counts that was not there before. In a target that was scraped before, it began at zero: client libraries
// make a series with the first event. In a new target its first sample is where counting starts, since a process may be older than its first scrape.
func (n *increments) first(labels map[string]string, ms int64) (last, bool) {
	if n.targets[target(labels)] < ms {
		return last{ms: n.targets[target(labels)]}, true
	}
	return last{}, false
}

// rise is what a counter counted between two samples. A fall is a restart, after which it began at zero.
func (n *increments) rise(from, to float64) float64 {
	if to < from {
		n.resets++
		return to
	}
	return to - from
}

// countable refuses what no raw counter of requests holds.
func countable(s promapi.Series, v float64) error {
	what := ""
	switch {
	case math.IsNaN(v):
		what = "is NaN"
	case math.IsInf(v, 0):
		what = "is infinite"
	case v < 0:
		what = "is negative"
	case v != math.Floor(v):
		what = "has a fraction, as rates have and counts have not"
	case v >= 1<<53:
		what = "is beyond what a float counts exactly"
	default:
		return nil
	}
	return fmt.Errorf("%s = %g %s: it is no raw counter", name(s.Labels), v, what)
}

// name writes a series as PromQL does.
func name(labels map[string]string) string {
	s := promapi.Series{Labels: map[string]string{}}
	for k, v := range labels {
		if k != "__name__" {
			s.Labels[k] = v
		}
	}
	return labels["__name__"] + "{" + strings.TrimSuffix(s.ID(), ",") + "}"
}

// replicas refuses series that two replicas of Prometheus scraped from one target: each request would count twice.
func replicas(series []promapi.Series) error {
	for _, label := range []string{"prometheus_replica", "replica", "__replica__"} {
		seen := map[string]string{}
		for _, s := range series {
			value, ok := s.Labels[label]
			if !ok {
				continue
			}
			rest := promapi.Series{Labels: map[string]string{}}
			for k, v := range s.Labels {
				if k != label {
					rest.Labels[k] = v
				}
			}
			id := rest.ID()
			if other, twice := seen[id]; twice && other != value {
				return fmt.Errorf("%s was scraped by the replicas %s and %s, so each request counts twice: ask an API that deduplicates, or add the matcher %s=%q",
					name(rest.Labels), other, value, label, value)
			}
			seen[id] = value
		}
	}
	return nil
}
