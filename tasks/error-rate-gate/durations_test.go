package main

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/stretchr/testify/require"
)

// slow gives a pod durations, drawn exponentially with a mean in seconds, in a histogram of Prometheus' own client library: classic with
// bounds, or native with the growth factor of its buckets.
func slow(p *pod, mean float64, bounds []float64, factor float64) *pod {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "http_request_duration_seconds", Buckets: bounds, NativeHistogramBucketFactor: factor})
	random := rand.New(rand.NewPCG(11, uint64(mean*1e6)))
	p.extra = func(w *world, p *pod) {
		for range int(p.perSecond * scrapeEvery.Seconds()) {
			h.Observe(random.ExpFloat64() * mean)
		}
		var m dto.Metric
		require.NoError(w.t, h.Write(&m))
		if factor > 0 {
			w.server.AddNative(w.now, native(m.Histogram), append([]string{"__name__", "http_request_duration_seconds"}, p.labels...)...)
			return
		}
		add := func(le string, count uint64) {
			w.server.Add(w.now, float64(count), append([]string{"__name__", "http_request_duration_seconds_bucket", "le", le}, p.labels...)...)
		}
		for _, b := range m.Histogram.Bucket {
			add(strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64), b.GetCumulativeCount())
		}
		add("+Inf", m.Histogram.GetSampleCount())
	}
	return p
}

// native turns the exposition form into that of the storage, as a scrape does.
func native(d *dto.Histogram) *histogram.Histogram {
	h := &histogram.Histogram{
		Count: d.GetSampleCount(), Sum: d.GetSampleSum(), Schema: d.GetSchema(), ZeroThreshold: d.GetZeroThreshold(), ZeroCount: d.GetZeroCount(),
		PositiveBuckets: d.PositiveDelta,
	}
	for _, s := range d.PositiveSpan {
		h.PositiveSpans = append(h.PositiveSpans, histogram.Span{Offset: s.GetOffset(), Length: s.GetLength()})
	}
	return h
}

const slowObjective = `
objectives:
  - {name: slow, preset: http, canary: 'track="canary"', slowerThan: 500ms, threshold: 1%}
`

var wide = []float64{0.1, 0.25, 0.5, 1, 2.5}

func TestTheShareOfSlowRequestsIsCountedAtABucketBound(t *testing.T) {
	for name, factor := range map[string]float64{"classic": 0, "native": 1.1} {
		t.Run(name, func(t *testing.T) {
			// Of exponential durations with a mean of 80 ms, 0.19 % take longer than 500 ms; with 150 ms 3.6 %.
			out := newWorld(t, slow(canary(40, 0), 0.08, wide, factor)).run("--source="+objectivesFile(t, slowObjective), "--objectives=o.yaml")
			out.says(t, 0)
			out = newWorld(t, slow(canary(40, 0), 0.15, wide, factor)).run("--source="+objectivesFile(t, slowObjective), "--objectives=o.yaml")
			out.says(t, 1, "slower than 500ms")
		})
	}
}

const quantileObjective = `
objectives:
  - {name: p99, preset: http, canary: 'track="canary"', baseline: 'track="stable"', quantile: 99%, increase: 5%}
`

func TestAQuantileIsComparedByCountsOfFineBuckets(t *testing.T) {
	for _, c := range []struct {
		canary, stable float64
		code           int
		says           string
	}{
		{0.130, 0.100, 1, "slower than the baseline"},
		{0.080, 0.100, 0, ""},
	} {
		w := newWorld(t, slow(canary(200, 0), c.canary, nil, 1.045), slow(newPod("stable", 200, 0), c.stable+1e-5, nil, 1.045))
		out := w.run("--source="+objectivesFile(t, quantileObjective), "--objectives=o.yaml", "--window=20m")
		out.says(t, c.code, c.says)
	}
}

func TestAMoveWithinOneBucketIsNotPassedOver(t *testing.T) {
	w := newWorld(t, slow(canary(400, 0), 0.1, wide, 0), slow(newPod("stable", 400, 0), 0.10001, wide, 0))
	out := w.run("--source="+objectivesFile(t, quantileObjective), "--objectives=o.yaml")
	out.says(t, 2, "such a move is invisible", "0.5 and 1")
}

func TestAQuantileInTheTopBucketSaturates(t *testing.T) {
	w := newWorld(t, slow(canary(400, 0), 2, wide, 0), slow(newPod("stable", 400, 0), 2.00001, wide, 0))
	out := w.run("--source="+objectivesFile(t, quantileObjective), "--objectives=o.yaml")
	out.says(t, 2, "lies over the last bucket")
}

func TestABoundThatIsNoBucketIsRefusedWithTheNearest(t *testing.T) {
	w := newWorld(t, slow(canary(40, 0), 0.1, wide, 0))
	out := w.run("--source="+objectivesFile(t, `
objectives:
  - {name: slow, preset: http, canary: 'track="canary"', slowerThan: 300ms, threshold: 1%}
`), "--objectives=o.yaml")
	out.says(t, 2, "the bound 0.3 is no bucket", "the nearest are 0.25 and 0.5")
}

func TestABaselineWithoutRequestsIsInsufficient(t *testing.T) {
	w := newWorld(t, slow(canary(40, 0), 0.1, nil, 1.1), slow(newPod("stable", 0, 0), 0.1, nil, 1.1))
	out := w.run("--source="+objectivesFile(t, quantileObjective), "--objectives=o.yaml", "--window=1m")
	out.says(t, 3, "the baseline counted 0 requests, too few to know")
}
