package sequential

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func newRate(t testing.TB, r rule) *Rate {
	test, err := NewRate(r.acceptable, r.refused, 1, usual)
	require.NoError(t, err)
	return test
}

func TestRateWithoutRequestsStaysUndecided(t *testing.T) {
	test := newRate(t, production)
	for range 1000 {
		v, err := test.Add(0, 0)
		require.NoError(t, err)
		require.Equal(t, Undecided, v)
	}
}

func TestRatePassesAnErrorFreeStreamAtTheFewestRequestsAndNotBefore(t *testing.T) {
	test := newRate(t, production)
	n := test.FewestToPass()
	require.EqualValues(t, 1194, n)
	v, err := test.Add(0, n-1)
	require.NoError(t, err)
	require.Equal(t, Undecided, v)
	v, err = test.Add(0, 1)
	require.NoError(t, err)
	require.Equal(t, Pass, v)
}

func TestRateFailsATotalOutageAtTheFewestRequestsAndNotBefore(t *testing.T) {
	test := newRate(t, production)
	n := test.FewestToFail()
	require.EqualValues(t, 5, n)
	v, _ := test.Add(n-1, n-1)
	require.Equal(t, Undecided, v)
	v, _ = test.Add(1, 1)
	require.Equal(t, Fail, v)
}

func TestFirstDecisionIsFinal(t *testing.T) {
	test := newRate(t, production)
	v, err := test.Add(5, 5)
	require.NoError(t, err)
	require.Equal(t, Fail, v)
	v, err = test.Add(0, 1_000_000)
	require.NoError(t, err)
	require.Equal(t, Fail, v)
}

func TestSplittingABatchDoesNotChangeTheEvidence(t *testing.T) {
	whole, parts := newRate(t, staging), newRate(t, staging)
	_, err := whole.Add(3, 200)
	require.NoError(t, err)
	for _, c := range []Counts{{1, 50}, {0, 100}, {2, 50}} {
		_, err = parts.Add(c.Errors, c.Total)
		require.NoError(t, err)
	}
	a, _, _ := whole.Evidence()
	b, _, _ := parts.Evidence()
	require.InDelta(t, a, b, 1e-12)
}

func TestABurstCostsThatManyTimesTheRequests(t *testing.T) {
	test, err := NewRate(production.acceptable, production.refused, 10, usual)
	require.NoError(t, err)
	require.InDelta(t, 10*1194, float64(test.FewestToPass()), 10)
}

func TestImpossibleCountsAreRefused(t *testing.T) {
	for _, c := range []Counts{{-1, 5}, {6, 5}, {0, -1}, {math.MinInt64, 0}} {
		_, err := newRate(t, production).Add(c.Errors, c.Total)
		require.Errorf(t, err, "%+v", c)
		comparison, err := NewComparison(1, 2, 1, usual)
		require.NoError(t, err)
		_, err = comparison.Add(Table{Canary: c})
		require.Errorf(t, err, "%+v", c)
		_, err = comparison.Add(Table{Baseline: c})
		require.Errorf(t, err, "%+v", c)
	}
}

func TestSettingsOutsideTheirRangesAreRefused(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		acceptable, refused float64
		burst               int
		b                   Bounds
	}{
		{0, 0.005, 1, usual}, {0.005, 0.005, 1, usual}, {0.01, 0.005, 1, usual}, {0.1, 1, 1, usual}, {nan, 0.5, 1, usual}, {0.1, nan, 1, usual},
		{-0.1, 0.5, 1, usual}, {0.1, 0.5, 0, usual}, {0.1, 0.5, -3, usual},
		{0.1, 0.5, 1, Bounds{0, 0.05}}, {0.1, 0.5, 1, Bounds{0.05, 1}}, {0.1, 0.5, 1, Bounds{0.5, 0.5}}, {0.1, 0.5, 1, Bounds{nan, 0.5}}, {0.1, 0.5, 1, Bounds{0.5, nan}},
	} {
		_, err := NewRate(c.acceptable, c.refused, c.burst, c.b)
		require.Errorf(t, err, "%+v", c)
	}
	for _, c := range [][2]float64{{0, 1}, {2, 1}, {nan, 1}, {1, nan}, {1, math.Inf(1)}} {
		_, err := NewComparison(c[0], c[1], 1, usual)
		require.Errorf(t, err, "%v", c)
	}
	_, err := NewComparison(1, 2, 0, usual)
	require.Error(t, err)
}

func TestOperatingAgreesWithSimulation(t *testing.T) {
	const perLook, looks = 50, 60
	batches := make([]int64, looks)
	for i := range batches {
		batches[i] = perLook
	}
	for _, rate := range []float64{0, 0.001, 0.0025, 0.005, 0.02} {
		failed, passed := newRate(t, production).Operating(rate, batches)
		r := rand.New(rand.NewPCG(10, 0))
		s := newSampler(perLook, rate)
		var fails, passes int
		for range *runs {
			test := newRate(t, production)
			for range looks {
				v, _ := test.Add(s.draw(r), perLook)
				if v != Undecided {
					if v == Fail {
						fails++
					} else {
						passes++
					}
					break
				}
			}
		}
		n := float64(*runs)
		require.InDelta(t, failed[looks-1], float64(fails)/n, 4*0.5/math.Sqrt(n))
		require.InDelta(t, passed[looks-1], float64(passes)/n, 4*0.5/math.Sqrt(n))
	}
}

// The exact distribution needs no luck: over a very long run the bounds hold to the last digit.
func TestExactErrorProbabilitiesAreWithinTheBounds(t *testing.T) {
	for _, rule := range []rule{production, staging, strict} {
		for _, perLook := range []int64{1, 20, 1000} {
			batches := make([]int64, 400_000/max(perLook, 50))
			for i := range batches {
				batches[i] = perLook
			}
			failed, _ := newRate(t, rule).Operating(rule.acceptable, batches)
			require.LessOrEqual(t, failed[len(failed)-1], usual.FalseAbort)
			_, passed := newRate(t, rule).Operating(rule.refused, batches)
			require.LessOrEqual(t, passed[len(passed)-1], usual.FalsePass)
		}
	}
}

func TestConfidenceIntervalOfNothingIsEverything(t *testing.T) {
	lower, upper := ConfidenceInterval(0, 0, 1, 0.05)
	require.Equal(t, []float64{0, 1}, []float64{lower, upper})
}

func TestConfidenceIntervalAtTheEdges(t *testing.T) {
	lower, upper := ConfidenceInterval(0, 1000, 1, 0.05)
	require.Zero(t, lower)
	require.InDelta(t, 0.0068, upper, 0.001)
	lower, upper = ConfidenceInterval(1000, 1000, 1, 0.05)
	require.InDelta(t, 0.9932, lower, 0.001)
	require.Equal(t, 1.0, upper)
}

func TestFixedThresholdHasTheErrorRatesOfTheBinomial(t *testing.T) {
	// A healthy service at 0.1 % trips one of ten windows of 30 requests with a probability of 26 %.
	one, _ := FixedThreshold(30, 0.005, 0.001, 0.005)
	require.InDelta(t, 0.26, 1-math.Pow(1-one, 10), 0.005)
	// To show less than 0.5 % at 95 % without an error takes 598 requests.
	_, pass := FixedThreshold(598, 1/598.0, 0.001, 0.005)
	require.LessOrEqual(t, pass, 0.05)
	_, pass = FixedThreshold(597, 1/597.0, 0.001, 0.005)
	require.Greater(t, pass, 0.05)
}

func FuzzRateNeverPassesWithoutEnoughRequests(f *testing.F) {
	f.Add(int64(0), int64(10), int64(3), int64(9))
	f.Fuzz(func(t *testing.T, e1, n1, e2, n2 int64) {
		test := newRate(t, production)
		var total int64
		for _, c := range []Counts{{e1, n1}, {e2, n2}} {
			if c.Total > 1<<40 {
				return
			}
			v, err := test.Add(c.Errors, c.Total)
			if err != nil {
				require.True(t, c.Errors < 0 || c.Errors > c.Total)
				continue
			}
			total += c.Total
			require.False(t, v == Pass && total < test.FewestToPass())
		}
	})
}
