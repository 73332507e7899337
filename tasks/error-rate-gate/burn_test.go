package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/sequential"
)

// budgetOf is an objective with the SLO, as a person declares it.
func budgetOf(t *testing.T, slo string) []string {
	return []string{"--source=" + objectivesFile(t, "objectives:\n  - {name: budget, preset: http, canary: 'track=\"canary\"', slo: "+slo+"}"), "--objectives=o.yaml"}
}

func TestACanaryWithinItsErrorBudgetPassesAtTheDeadlineAndNotBefore(t *testing.T) {
	w := newWorld(t, canary(40, 0.001))
	out := w.run(budgetOf(t, "99.9%")...)
	out.says(t, 0)
	require.GreaterOrEqual(t, w.now.Sub(w.began), 11*time.Minute, "warm-up and window")
	require.Contains(t, out.report.Decision.Reason, "less than 6 times what an SLO of 99.9% allows")
}

func TestABurningCanaryIsHaltedEarly(t *testing.T) {
	w := newWorld(t, canary(40, 0.05))
	out := w.run(budgetOf(t, "99.9%")...)
	out.says(t, 1, "burned the error budget of an SLO of 99.9% more than 7.2 times too fast", "roll back")
	require.Less(t, w.now.Sub(w.began), 2*time.Minute)
}

func TestASpellAfterAGoodBeginningBurnsTheBudget(t *testing.T) {
	spell := func(args []string) outcome {
		w := newWorld(t, canary(40, 0))
		w.events = append(w.events, func(w *world, since time.Duration) {
			w.pods[0].errorRate = 0
			if since > 8*time.Minute && since <= 9*time.Minute {
				w.pods[0].errorRate = 0.04
			}
		})
		return w.run(args...)
	}
	burned := spell(budgetOf(t, "99.9%"))
	burned.says(t, 1, "within 1m40s")
	again, err := decideAgain(burned.report.Settings, burned.report.Looks)
	require.NoError(t, err)
	require.Equal(t, burned.report, again, "a replay decides the same")
	spell(flags("--threshold=0.6%")).says(t, 0) // a threshold has decided before, as it should
}

func TestACanaryTooQuietForItsBudgetDoesNotPass(t *testing.T) {
	newWorld(t, canary(1, 0)).run(budgetOf(t, "99.9%")...).says(t, 3, "to rule out 0.600 % takes")
	newWorld(t).run(budgetOf(t, "99.9%")...).says(t, 3, "no series of the canary")
}

// burnFate watches a simulated canary for ten minutes by an SLO of 99.9 %. Its budget burns so many times too fast; during the ninth
// minute, so many more times.
func burnFate(t *testing.T, r rule, random *rand.Rand, perSecond, times, ninth float64) fate {
	s := settings{Rules: []rule{r}, Method: sequentially, FalseAbort: fraction{"5%"}, FalsePass: fraction{"5%"}, Burst: 1,
		Interval: duration{lookEvery}, End: (10 * time.Minute).Milliseconds()}
	j, err := newJudge(r, &s)
	require.NoError(t, err)
	n := int64(perSecond * lookEvery.Seconds())
	for at := lookEvery; at <= 10*time.Minute; at += lookEvery {
		rate := times * r.budget()
		if at > 8*time.Minute && at <= 9*time.Minute {
			rate = (times + ninth) * r.budget()
		}
		if err := j.takeBurn(at.Milliseconds(), sequential.Counts{Errors: draw(random, n, rate), Total: n}); err != nil {
			t.Fatal(err)
		}
		if j.verdict != sequential.Undecided {
			return fate{j.verdict, at}
		}
	}
	j.burnAtDeadline()
	return fate{j.verdict, 10 * time.Minute}
}

// TestErrorRatesOfBurnRates simulates canaries at several burn rates.
func TestErrorRatesOfBurnRates(t *testing.T) {
	r, err := objective{Name: "budget", Preset: "http", SLO: fraction{"99.9%"}}.compile()
	require.NoError(t, err)
	var b strings.Builder
	b.WriteString("| requests/s | passes at 1 × budget | aborts at 3 × | passes at 6 × | aborts at 50 × in the ninth minute only | median time to abort at 14.4 × | at 50 × |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, perSecond := range []float64{2, 10, 100} {
		random := rand.New(rand.NewPCG(23, uint64(perSecond)))
		fates := func(times, ninth float64) []fate {
			all := make([]fate, *runs)
			for i := range all {
				all[i] = burnFate(t, r, random, perSecond, times, ninth)
			}
			return all
		}
		aborts, passes := share(fates(3, 0), sequential.Fail), share(fates(6, 0), sequential.Pass)
		require.LessOrEqual(t, aborts, 0.05+noise())
		require.LessOrEqual(t, passes, 0.05+noise())
		fmt.Fprintf(&b, "| %g | %.1f %% | %.1f %% | %.1f %% | %.1f %% | %s | %s |\n", perSecond, share(fates(1, 0), sequential.Pass)*100, aborts*100, passes*100,
			share(fates(0.5, 50), sequential.Fail)*100, medianTime(fates(14.4, 0), sequential.Fail), medianTime(fates(50, 0), sequential.Fail))
	}
	published(t, "burn rates", b.String())
}
