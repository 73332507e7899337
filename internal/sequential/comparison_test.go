package sequential

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func newComparison(t testing.TB, acceptable, refused float64) *Comparison {
	c, err := NewComparison(acceptable, refused, 1, usual)
	require.NoError(t, err)
	return c
}

func TestComparisonWithoutErrorsSaysNothing(t *testing.T) {
	c := newComparison(t, 1, 2)
	v, err := c.Add(Table{Counts{0, 1_000_000}, Counts{0, 1_000_000}})
	require.NoError(t, err)
	require.Equal(t, Undecided, v)
	toFail, toPass, _, _ := c.Evidence()
	require.InDelta(t, 0, toFail, 1e-12)
	require.InDelta(t, 0, toPass, 1e-12)
}

func TestComparisonWithoutABaselineSaysNothing(t *testing.T) {
	c := newComparison(t, 1, 2)
	v, err := c.Add(Table{Counts{500, 1000}, Counts{0, 0}})
	require.NoError(t, err)
	require.Equal(t, Undecided, v)
}

// The averaged likelihood ratio must have a mean of exactly 1 under its null hypothesis: summed over all tables of given margins.
func TestEvidenceHasMeanOneUnderTheNullHypothesis(t *testing.T) {
	for _, null := range []float64{0.5, 1, 2} {
		for _, m := range []struct{ canary, baseline, errors int64 }{{10, 40, 5}, {30, 30, 12}, {3, 100, 50}, {100, 3, 50}} {
			probability, mean := 0.0, 0.0
			for k := max(0, m.errors-m.baseline); k <= min(m.errors, m.canary); k++ {
				table := Table{Counts{k, m.canary}, Counts{m.errors - k, m.baseline}}
				p := math.Exp(-tableWeights(table).logSum(math.Log(null)))
				probability += p
				mix := newMixture(null, null*3, 1, 1)
				mix.add(table)
				mean += p * math.Exp(mix.log())
			}
			require.InDelta(t, 1, probability, 1e-9)
			require.InDelta(t, 1, mean, 1e-9)
		}
	}
}

func TestComparisonFailsACanaryMuchWorseThanItsBaseline(t *testing.T) {
	c := newComparison(t, 1, 2)
	v, err := c.Add(Table{Counts{30, 1000}, Counts{10, 4000}})
	require.NoError(t, err)
	require.Equal(t, Fail, v)
}

func TestComparisonPassesACanaryLikeItsBaselineInATroubledHour(t *testing.T) {
	c := newComparison(t, 1, 2)
	v, err := c.Add(Table{Counts{50, 1000}, Counts{200, 4000}})
	require.NoError(t, err)
	require.Equal(t, Pass, v)
}

func TestShiftedComparisonOfAQuantile(t *testing.T) {
	// One percent of the baseline is slower than x; of the canary 1 % is slower than x too and 0.4 % slower than y.
	c := newComparison(t, 1, 1)
	v, err := c.AddShifted(
		Table{Counts{100, 10_000}, Counts{100, 10_000}},
		Table{Counts{40, 10_000}, Counts{100, 10_000}})
	require.NoError(t, err)
	require.Equal(t, Pass, v)
}
