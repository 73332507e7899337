package sequential

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
)

// runs is the number of canaries simulated for each claim: `go test ./internal/sequential -runs=100000` for the long form.
var runs = flag.Int("runs", 2000, "simulated canaries for each statistical claim")

// atMost fails unless a share seen in n runs is compatible with a true one of at most bound: four standard errors are allowed, so that
// a bound which is held is not reported as broken but once in thirty thousand seeds, and the seeds are fixed.
func atMost(t *testing.T, seen int, n int, bound float64, what string) {
	t.Helper()
	share := float64(seen) / float64(n)
	allowed := bound + 4*math.Sqrt(bound*(1-bound)/float64(n))
	require.LessOrEqualf(t, share, allowed, "%s: %d of %d, bound %v", what, seen, n, bound)
}

// sampler draws binomial counts by inverting a distribution that is computed once.
type sampler struct {
	n   int64
	cdf []float64
}

func newSampler(n int64, rate float64) sampler {
	pmf := binomial(n, rate)
	cdf := make([]float64, len(pmf))
	sum := 0.0
	for i, p := range pmf {
		sum += p
		cdf[i] = sum
	}
	return sampler{n: n, cdf: cdf}
}

func (s sampler) draw(r *rand.Rand) int64 {
	u := r.Float64()
	if len(s.cdf) < 32 {
		for i, c := range s.cdf {
			if u < c {
				return int64(i)
			}
		}
	}
	return min(int64(sort.SearchFloat64s(s.cdf, u)), s.n)
}

type rule struct{ acceptable, refused float64 }

func (r rule) String() string {
	return fmt.Sprintf("%g%%-%g%%", r.acceptable*100, r.refused*100)
}

var (
	production = rule{0.0025, 0.005}
	staging    = rule{0.01, 0.02}
	strict     = rule{0.0005, 0.001}
	usual      = Bounds{FalseAbort: 0.05, FalsePass: 0.05}
)

const horizon = 20000 // looks: far beyond where nearly all have decided

// watch looks after every batch until the test decides, and gives the verdict and the number of looks.
func watch(t testing.TB, test *Rate, draw func() (errors, total int64)) (Verdict, int) {
	for look := 1; look <= horizon; look++ {
		v, err := test.Add(draw())
		if err != nil {
			t.Fatal(err)
		}
		if v != Undecided {
			return v, look
		}
	}
	return Undecided, horizon
}

func TestFalseAbortsAndFalsePassesStayWithinTheirBoundsAtEveryLook(t *testing.T) {
	for _, rule := range []rule{production, staging, strict} {
		for _, b := range []Bounds{usual, {0.01, 0.01}, {0.01, 0.1}} {
			for _, perLook := range []int64{10, 50, 500, 5000} {
				name := fmt.Sprintf("%v/alpha=%g,beta=%g/%d a look", rule, b.FalseAbort, b.FalsePass, perLook)
				t.Run(name, func(t *testing.T) {
					r := rand.New(rand.NewPCG(1, uint64(perLook)))
					aborted := countVerdicts(t, r, rule, b, rule.acceptable, perLook, Fail)
					atMost(t, aborted, *runs, b.FalseAbort, "false aborts at the acceptable rate")
					passed := countVerdicts(t, r, rule, b, rule.refused, perLook, Pass)
					atMost(t, passed, *runs, b.FalsePass, "false passes at the refused rate")
					if perLook <= 500 { // in large batches errors are rarer than these runs can see
						require.NotZero(t, aborted, "a simulation in which nothing ever goes wrong shows nothing")
						require.NotZero(t, passed)
					}
				})
			}
		}
	}
}

func countVerdicts(t *testing.T, r *rand.Rand, rule rule, b Bounds, rate float64, perLook int64, want Verdict) int {
	s := newSampler(perLook, rate)
	n := 0
	for range *runs {
		test, err := NewRate(rule.acceptable, rule.refused, 1, b)
		require.NoError(t, err)
		if v, _ := watch(t, test, func() (int64, int64) { return s.draw(r), perLook }); v == want {
			n++
		}
	}
	return n
}

func TestBoundsHoldBeyondTheRatesThatTheyAreStatedFor(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 0))
	for _, rate := range []float64{0.0001, 0.001, 0.002} {
		atMost(t, countVerdicts(t, r, production, usual, rate, 50, Fail), *runs, usual.FalseAbort, fmt.Sprint("false aborts at ", rate))
	}
	for _, rate := range []float64{0.007, 0.01, 0.05, 0.5, 1} {
		atMost(t, countVerdicts(t, r, production, usual, rate, 50, Pass), *runs, usual.FalsePass, fmt.Sprint("false passes at ", rate))
	}
}

func TestBoundsHoldWhenTrafficComesAndGoes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	volumes := []int64{0, 1, 7, 60, 400}
	for _, c := range []struct {
		rate  float64
		wrong Verdict
	}{{production.acceptable, Fail}, {production.refused, Pass}} {
		samplers := make([]sampler, len(volumes))
		for i, n := range volumes {
			samplers[i] = newSampler(n, c.rate)
		}
		wrong := 0
		for range *runs {
			test, err := NewRate(production.acceptable, production.refused, 1, usual)
			require.NoError(t, err)
			v, _ := watch(t, test, func() (int64, int64) {
				s := samplers[r.IntN(len(samplers))]
				return s.draw(r), s.n
			})
			if v == c.wrong {
				wrong++
			}
		}
		atMost(t, wrong, *runs, 0.05, fmt.Sprint(c.wrong, " at ", c.rate))
	}
}

// bursts gives looks of perLook requests out of a stream in which groups of size requests all fail or all succeed. Groups straddle looks.
func bursts(r *rand.Rand, rate float64, size, perLook int64) func() (int64, int64) {
	var left int64
	var bad bool
	return func() (errors, total int64) {
		for total < perLook {
			if left == 0 {
				left, bad = size, r.Float64() < rate
			}
			n := min(left, perLook-total)
			left -= n
			total += n
			if bad {
				errors += n
			}
		}
		return errors, total
	}
}

func TestBoundsHoldUnderBurstsUpToTheStatedLength(t *testing.T) {
	for _, size := range []int64{2, 5, 20} {
		for _, perLook := range []int64{30, 300} {
			t.Run(fmt.Sprintf("bursts of %d, %d a look", size, perLook), func(t *testing.T) {
				n := *runs
				r := rand.New(rand.NewPCG(4, uint64(size)))
				wrong := func(rate float64, want Verdict) (count int) {
					for range n {
						test, err := NewRate(staging.acceptable, staging.refused, int(size), usual)
						require.NoError(t, err)
						if v, _ := watch(t, test, bursts(r, rate, size, perLook)); v == want {
							count++
						}
					}
					return count
				}
				atMost(t, wrong(staging.acceptable, Fail), n, 0.05, "false aborts")
				atMost(t, wrong(staging.refused, Pass), n, 0.05, "false passes")
			})
		}
	}
}

func TestBurstsLongerThanStatedBreakTheBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	aborted, n := 0, *runs
	for range n {
		test, err := NewRate(staging.acceptable, staging.refused, 1, usual)
		require.NoError(t, err)
		if v, _ := watch(t, test, bursts(r, staging.acceptable, 5, 50)); v == Fail {
			aborted++
		}
	}
	require.Greater(t, float64(aborted)/float64(n), 0.10, "if this did not happen, the burst would be superfluous")
}

func TestConfidenceIntervalCoversTheTruthAtEveryLook(t *testing.T) {
	const looks, perLook, miss = 100, 50, 0.05
	for _, rate := range []float64{0.002, 0.05, 0.5} {
		r := rand.New(rand.NewPCG(6, 0))
		s := newSampler(perLook, rate)
		missed, n := 0, *runs/8
		for range n {
			var errors, total int64
			for range looks {
				errors += s.draw(r)
				total += perLook
				if lower, upper := ConfidenceInterval(errors, total, 1, miss); rate < lower || rate > upper {
					missed++
					break
				}
			}
		}
		atMost(t, missed, n, miss, fmt.Sprint("misses at ", rate))
	}
}

func TestComparisonHoldsItsBoundsWhileTheSharedRateMoves(t *testing.T) {
	const acceptable, refused = 1.0, 2.0
	// The rate of both streams swings by a factor of ten; the odds ratio alone stays. The traffic is split one to four.
	rates := []float64{0.002, 0.02, 0.006, 0.012}
	for _, c := range []struct {
		ratio float64
		wrong Verdict
	}{{1, Fail}, {0.5, Fail}, {2, Pass}, {5, Pass}} {
		t.Run(fmt.Sprintf("odds ratio %g", c.ratio), func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(c.ratio*10)))
			var canary, baseline []sampler
			for _, p := range rates {
				odds := c.ratio * p / (1 - p)
				canary = append(canary, newSampler(100, odds/(1+odds)))
				baseline = append(baseline, newSampler(400, p))
			}
			wrong, decided, n := 0, 0, *runs
			for range n {
				test, err := NewComparison(acceptable, refused, 1, usual)
				require.NoError(t, err)
				for look := range 400 {
					i := look % len(rates)
					v, err := test.Add(Table{Counts{canary[i].draw(r), 100}, Counts{baseline[i].draw(r), 400}})
					if err != nil {
						t.Fatal(err)
					}
					if v != Undecided {
						decided++
						if v == c.wrong {
							wrong++
						}
						break
					}
				}
			}
			atMost(t, wrong, n, 0.05, "wrong verdicts")
			require.Greater(t, decided, n*9/10, "a test that does not decide keeps every bound")
		})
	}
}

func TestComparisonOfOrderHoldsItsBoundsAtEquality(t *testing.T) {
	// Both streams have the same share above the bound: against either side, that is the edge of the null hypothesis.
	r := rand.New(rand.NewPCG(8, 0))
	s := newSampler(300, 0.01)
	wrong, n := map[Verdict]int{}, *runs/4
	for range n {
		test, err := NewComparison(1, 1, 1, usual)
		require.NoError(t, err)
		for range 200 {
			v, err := test.Add(Table{Counts{s.draw(r), 300}, Counts{s.draw(r), 300}})
			require.NoError(t, err)
			if v != Undecided {
				wrong[v]++
				break
			}
		}
	}
	atMost(t, wrong[Fail], n, 0.05, "fails")
	atMost(t, wrong[Pass], n, 0.05, "passes")
}

func TestComparisonHoldsItsBoundsUnderBursts(t *testing.T) {
	const size, perLook = 5, 500
	r := rand.New(rand.NewPCG(9, 0))
	for _, c := range []struct {
		canary float64
		wrong  Verdict
	}{{0.01, Fail}, {0.02 / (0.02 + 0.99), Pass}} { // odds ratios 1 and 2 to the baseline's 0.01
		wrong, n := 0, *runs/16
		for range n {
			test, err := NewComparison(1, 2, size, usual)
			require.NoError(t, err)
			canary, baseline := bursts(r, c.canary, size, perLook), bursts(r, 0.01, size, perLook)
			for range 100 {
				ce, ct := canary()
				be, bt := baseline()
				v, err := test.Add(Table{Counts{ce, ct}, Counts{be, bt}})
				require.NoError(t, err)
				if v != Undecided {
					if v == c.wrong {
						wrong++
					}
					break
				}
			}
		}
		atMost(t, wrong, n, 0.05, fmt.Sprint("wrong verdicts at ", c.canary))
	}
}
