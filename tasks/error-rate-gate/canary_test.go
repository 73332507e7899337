package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/sequential"
)

func TestAGoodCanaryPassesBeforeTheDeadline(t *testing.T) {
	w := newWorld(t, canary(40, 0.0005))
	out := w.run(flags()...)
	out.says(t, 0)
	require.Equal(t, "pass", out.results["verdict"])
	require.Less(t, w.now.Sub(w.began), 5*time.Minute, "an early pass")
	require.Regexp(t, `^sha256:[0-9a-f]{64}$`, out.results["PREDICATE_DIGEST"])
}

func TestABadCanaryIsHaltedEarly(t *testing.T) {
	w := newWorld(t, canary(40, 0.05))
	out := w.run(flags()...)
	out.says(t, 1, "of requests failed", "more than the acceptable 0.25%", "roll back")
	require.Equal(t, "fail", out.results["verdict"])
	require.Less(t, w.now.Sub(w.began), 2*time.Minute, "an early abort")
}

func TestASilentCanaryDoesNotPass(t *testing.T) {
	quiet := canary(0, 0)
	quiet.counts = map[string]float64{"200": 1}
	out := newWorld(t, quiet).run(flags()...)
	out.says(t, 3, "the canary served no requests", "send it traffic")
	require.Equal(t, "insufficient", out.results["verdict"])
	require.Equal(t, "none", out.results["rate"])
}

func TestACanaryThatIsNotThereDoesNotPass(t *testing.T) {
	out := newWorld(t).run(flags()...)
	out.says(t, 3, `no series of the canary matched http_requests_total{track="canary"}`, "silence is no success")
}

func TestACanaryThatDiesDoesNotPass(t *testing.T) {
	p := canary(10, 0)
	w := newWorld(t, p)
	w.events = append(w.events, func(w *world, since time.Duration) {
		if since > 100*time.Second && !p.down {
			p.down = true
			for _, code := range []string{"200"} {
				w.server.Stale(w.now, append([]string{"__name__", "http_requests_total", "code", code}, p.labels...)...)
			}
		}
	})
	out := w.run(flags()...)
	out.says(t, 3, "takes 1194 requests even without an error")
	require.Equal(t, "insufficient", out.results["verdict"])
}

func TestATotalOutageFailsThoughNoGoodSeriesExists(t *testing.T) {
	for _, part := range []string{`--errors=http_requests_total{code=~"5.."}`, `--good=http_requests_total{code!~"5.."}`} {
		w := newWorld(t, canary(5, 1))
		out := w.run("--total=http_requests_total", part, `--canary=track="canary"`)
		out.says(t, 1, "100 % of requests failed")
	}
}

func TestCountsAreExactAcrossGapsAndRestartsOfPrometheus(t *testing.T) {
	for name, serviceRestarts := range map[string]bool{"the service stays": false, "the service restarts meanwhile, and its counters begin at zero": true} {
		t.Run(name, func(t *testing.T) {
			p := canary(40, 0.0037) // between acceptable and refused, so that the gate looks for long
			w := newWorld(t, p)
			var before, scraped, unseen, after sequential.Counts
			w.events = append(w.events, func(w *world, since time.Duration) {
				switch {
				case since == 65*time.Second: // the first tick after the warm-up: what was served until then does not count
					before = p.served
				case since == 90*time.Second: // Prometheus goes away, and hangs up on whoever asks
					w.server.Handle(func(http.Handler) http.Handler {
						return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
					})
					p.unscraped = true
					scraped = p.served
				case since == 130*time.Second && serviceRestarts:
					p.counts = map[string]float64{}
					unseen = sequential.Counts{Errors: p.served.Errors - scraped.Errors, Total: p.served.Total - scraped.Total}
				case since == 170*time.Second: // 80 s down, twice what other controllers bear
					w.server.Restart()
					w.server.Handle(nil)
					p.unscraped = false
				}
				if !since2(since) {
					after = p.served
				}
			})
			out := w.run(flags("--window=3m", "--false-abort=0.001%", "--false-pass=0.001%")...)
			out.says(t, 3)
			f := out.report.Decision.Objectives[0]
			require.Equal(t, after.Total-before.Total-unseen.Total, f.Total)
			require.Equal(t, after.Errors-before.Errors-unseen.Errors, f.Errors)
			require.Equal(t, serviceRestarts, f.Resets > 0)
			failed := 0
			for _, l := range out.report.Looks {
				if l.Failure != nil {
					failed++
				}
			}
			require.Greater(t, failed, 5)
		})
	}
}

// since2 tells whether a tick lies after the window of three minutes that follows a warm-up of one.
func since2(since time.Duration) bool { return since > 245*time.Second }

func TestACounterResetLosesNothingThatWasScraped(t *testing.T) {
	p := canary(40, 0.0037)
	w := newWorld(t, p)
	resets := 0
	w.events = append(w.events, func(w *world, since time.Duration) {
		if since%(30*time.Second) == 0 && since > 60*time.Second {
			p.counts = map[string]float64{} // the process starts anew, within a scrape interval
			resets++
		}
	})
	out := w.run(flags("--window=3m", "--false-abort=0.001%", "--false-pass=0.001%")...)
	out.says(t, 3)
	f := out.report.Decision.Objectives[0]
	require.InDelta(t, 180*40, f.Total, 40*5)
	require.Greater(t, f.Resets, 4)
}

func TestPrometheusDownIsNotABadCanary(t *testing.T) {
	w := newWorld(t, canary(40, 0))
	w.server.Handle(func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	})
	out := w.run(flags()...)
	out.says(t, 3, "did not answer from", "this says nothing about the canary")
	require.Equal(t, "unavailable", out.results["verdict"])
}

func TestABadCanaryStaysBadWhilePrometheusIsDownForAnotherObjective(t *testing.T) {
	// One look finds the canary bad and the other objective open: the verdict is fail, at once.
	w := newWorld(t, canary(40, 0.2), newPod("stable", 40, 0))
	out := w.run(flags(`--baseline=track="stable"`)...)
	out.says(t, 1)
}

func TestPartialAnswersAreNotCounted(t *testing.T) {
	w := newWorld(t, canary(40, 0))
	w.server.Handle(func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["no store for the last hour"]}`))
		})
	})
	out := w.run(flags()...)
	out.says(t, 3, "no store for the last hour")
	require.Equal(t, "unavailable", out.results["verdict"])
}

func TestTheBaselineSharesTheBlameOfATroubledHour(t *testing.T) {
	// Both fail at 2 %: the dependency is ill, not the canary. The plain objective still halts it; the comparison would not.
	w := newWorld(t, canary(100, 0.02), newPod("stable", 100, 0.02))
	out := w.run("--source="+objectivesFile(t, `
objectives:
  - {name: against, preset: http, canary: 'track="canary"', baseline: 'track="stable"', refusedRatio: 2}
`), "--objectives=o.yaml")
	out.says(t, 0)
	w = newWorld(t, canary(100, 0.06), newPod("stable", 100, 0.02))
	out = w.run("--source="+objectivesFile(t, `
objectives:
  - {name: against, preset: http, canary: 'track="canary"', baseline: 'track="stable"', refusedRatio: 2}
`), "--objectives=o.yaml")
	out.says(t, 1, "of the baseline", "odds ratio")
}

func TestWithoutAnyErrorTheComparisonPassesByItsFloorOnly(t *testing.T) {
	for _, c := range []struct {
		floor string
		code  int
		says  string
	}{{"", 3, "without a bad request there is nothing to compare"}, {", floor: 0.5%", 0, ""}} {
		w := newWorld(t, canary(40, 0), newPod("stable", 40, 0))
		out := w.run("--source="+objectivesFile(t, `
objectives:
  - {name: against, preset: http, canary: 'track="canary"', baseline: 'track="stable"', refusedRatio: 2`+c.floor+`}
`), "--objectives=o.yaml")
		out.says(t, c.code, c.says)
	}
}

func TestAnUndecidedCanaryNeverPasses(t *testing.T) {
	for policy, code := range map[string]int{"insufficient": 3, "fail": 1} {
		w := newWorld(t, canary(2, 0))
		out := w.run(flags("--window=2m", "--undecided="+policy)...)
		out.says(t, code, "takes 1194 requests even without an error")
	}
}

func TestTheThresholdMethodSaysHowOftenItErrs(t *testing.T) {
	w := newWorld(t, canary(10, 0))
	out := w.run(flags("--window=1m", "--method=threshold")...)
	out.says(t, 0)
	require.Contains(t, out.report.Decision.Reason, "passes one at 0.5% with")
	w = newWorld(t, canary(10, 0.05))
	w.run(flags("--window=1m", "--method=threshold")...).says(t, 1, "not below the threshold 0.5%")
	newWorld(t).run(flags("--window=1m", "--method=threshold")...).says(t, 3, "no series")
}

func TestTheThresholdIsComparedExactly(t *testing.T) {
	half := fraction{"0.5%"}
	require.True(t, half.reached(1, 200))
	require.False(t, half.reached(1, 201))
	require.True(t, half.reached(5_000_000_000_000, 1_000_000_000_000_000))
	require.False(t, half.reached(4_999_999_999_999, 1_000_000_000_000_000))
	require.Equal(t, fraction{"0.25%"}, half.half())
}
