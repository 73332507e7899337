package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryPresetCountsAndTimes(t *testing.T) {
	for name := range presets {
		o := objective{Name: name, Preset: name, Canary: `track="canary"`, Threshold: fraction{"1%"}}
		r, err := o.compile()
		require.NoError(t, err)
		require.True(t, r.Canary.nested(), "one answer holds errors and total")
		require.Len(t, r.Canary.queries(), 1)
		o.SlowerThan.Duration = 1e9
		r, err = o.compile()
		require.NoError(t, err)
		require.Contains(t, r.Canary.Histogram, `track="canary"`)
	}
}

func TestThePresetOfIstioCountsMilliseconds(t *testing.T) {
	r, err := objective{Name: "slow", Preset: "istio", Threshold: fraction{"1%"}, SlowerThan: duration{300e6}}.compile()
	require.NoError(t, err)
	require.Equal(t, 0.001, r.Canary.Unit)
	require.Equal(t, `istio_request_duration_milliseconds{reporter="destination"}`, r.Canary.Histogram)
}

func FuzzObjectives(f *testing.F) {
	f.Add("objectives:\n  - {name: a, preset: http, threshold: 1%, acceptable: 0.1%}")
	f.Add("objectives:\n  - {name: a, preset: http, canary: 'a=\"b\"', baseline: 'a=\"c\"', quantile: 99%, increase: 5%}")
	f.Add("objectives:\n  - {name: a, total: t, good: 't{x=\"y\"}', canary: 'a=\"b\"', baseline: 'a=\"c\"', refusedRatio: 2, floor: 0.000000001%}")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := readObjectives([]byte(text))
		if err != nil {
			return
		}
		for _, o := range all {
			r, err := o.compile()
			if err != nil {
				continue
			}
			g, err := newGate(settings{Rules: []rule{r}, Method: sequentially, FalseAbort: fraction{"5%"}, FalsePass: fraction{"5%"}, Burst: 1})
			if err != nil {
				continue
			}
			require.NotEmpty(t, g.queries())
			require.NotEqual(t, 0, len(r.String()))
			g.feed(look{At: 1})
			require.NotEqual(t, "pass", string(g.decision().Verdict), "an empty look passes nothing")
		}
	})
}

func FuzzFraction(f *testing.F) {
	f.Add("0.5%")
	f.Fuzz(func(t *testing.T, text string) {
		var v fraction
		if v.Set(text) != nil || !v.isSet() {
			return
		}
		require.Greater(t, v.float(), 0.0)
		require.Less(t, v.float(), 1.0)
		half := v.half()
		require.Equal(t, 0, half.rat().Add(half.rat(), half.rat()).Cmp(v.rat()), "half is exact")
	})
}
