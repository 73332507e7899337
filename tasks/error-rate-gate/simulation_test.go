package main

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/sequential"
)

// runs is the number of canaries simulated for each number: `go test ./tasks/error-rate-gate -args -runs=100000` keeps the
// tables in README.md fresh. Seeds are fixed, so the tables are the same everywhere.
var runs = flag.Int("runs", 2000, "simulated canaries for each number")

const (
	lookEvery  = 10 * time.Second
	longest    = 2 * time.Hour // simulated canaries are watched for so long, to see the bounds at every look
	checkEvery = time.Minute   // of the rule "five failed checks in a row"
)

var productionRule = struct{ acceptable, refused float64 }{0.0025, 0.005}

// fate of one simulated canary.
type fate struct {
	verdict sequential.Verdict
	after   time.Duration
}

// sequentialFate watches a canary with the gate's own test.
func sequentialFate(t *testing.T, random *rand.Rand, perSecond, rate float64) fate {
	test, err := sequential.NewRate(productionRule.acceptable, productionRule.refused, 1, sequential.Bounds{FalseAbort: 0.05, FalsePass: 0.05})
	require.NoError(t, err)
	n := int64(perSecond * lookEvery.Seconds())
	for at := lookEvery; at <= longest; at += lookEvery {
		v, err := test.Add(draw(random, n, rate), n)
		if err != nil {
			t.Fatal(err)
		}
		if v != sequential.Undecided {
			return fate{v, at}
		}
	}
	return fate{sequential.Undecided, longest}
}

// fiveInARow is the rule of fixed-threshold controllers: a check a minute of the errors in that minute, abort at five failed ones in a row,
// pass otherwise after ten minutes.
func fiveInARow(random *rand.Rand, perSecond, rate float64) fate {
	n, row := int64(perSecond*checkEvery.Seconds()), 0
	for at := checkEvery; at <= 10*time.Minute; at += checkEvery {
		if float64(draw(random, n, rate)) >= productionRule.refused*float64(n) {
			row++
		} else {
			row = 0
		}
		if row == 5 {
			return fate{sequential.Fail, at}
		}
	}
	return fate{sequential.Pass, 10 * time.Minute}
}

func share(fates []fate, v sequential.Verdict) float64 {
	n := 0
	for _, f := range fates {
		if f.verdict == v {
			n++
		}
	}
	return float64(n) / float64(len(fates))
}

// medianTime until a verdict, over all canaries; those that never get it count as never.
func medianTime(fates []fate, v sequential.Verdict) string {
	var times []time.Duration
	for _, f := range fates {
		if f.verdict != v {
			f.after = math.MaxInt64
		}
		times = append(times, f.after)
	}
	slices.Sort(times)
	if m := times[len(times)/2]; m != math.MaxInt64 {
		return m.String()
	}
	return "never"
}

// noise is four standard errors of a share of 5 %: more than a bound of 5 % that is held shows by chance.
func noise() float64 { return 4 * math.Sqrt(0.05*0.95/float64(*runs)) }

// published writes a table to README.md, or requires it to be fresh, in the long form only.
func published(t *testing.T, name, table string) {
	if *runs == 100_000 {
		section(t, name, table)
	}
}

// TestErrorRatesOfTheGateAndOfFiveInARow simulates canaries.
func TestErrorRatesOfTheGateAndOfFiveInARow(t *testing.T) {
	var b strings.Builder
	b.WriteString("| requests/s | rule | aborts at 0.25 % | passes at 0.5 % | median time to pass at 0.1 % | to abort at 1 % | at 2 % | at 5 % |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, perSecond := range []float64{2, 10, 100} {
		for _, rule := range []string{"sequential", "five in a row"} {
			random := rand.New(rand.NewPCG(21, uint64(perSecond)))
			fates := func(rate float64) []fate {
				all := make([]fate, *runs)
				for i := range all {
					if rule == "sequential" {
						all[i] = sequentialFate(t, random, perSecond, rate)
					} else {
						all[i] = fiveInARow(random, perSecond, rate)
					}
				}
				return all
			}
			aborts, passes := share(fates(0.0025), sequential.Fail), share(fates(0.005), sequential.Pass)
			if rule == "sequential" {
				require.LessOrEqual(t, aborts, 0.05+noise())
				require.LessOrEqual(t, passes, 0.05+noise())
			}
			fmt.Fprintf(&b, "| %g | %s | %.1f %% | %.1f %% | %s |", perSecond, rule, aborts*100, passes*100, medianTime(fates(0.001), sequential.Pass))
			for _, rate := range []float64{0.01, 0.02, 0.05} {
				fmt.Fprintf(&b, " %s |", medianTime(fates(rate), sequential.Fail))
			}
			b.WriteString("\n")
		}
	}
	published(t, "simulations", b.String())
}

// TestErrorRatesUnderBursts shows what bursts do, stated and unstated.
func TestErrorRatesUnderBursts(t *testing.T) {
	const accepted, refused, perLook = 0.01, 0.02, 100
	var b strings.Builder
	b.WriteString("| requests that fail together | `burst` | aborts at 1 % | passes at 2 % | median requests to abort at 5 % |\n| --- | --- | --- | --- | --- |\n")
	for _, size := range []int{1, 2, 5, 20} {
		for _, stated := range slices.Compact([]int{1, size}) {
			random := rand.New(rand.NewPCG(22, uint64(size)))
			aborts, _ := underBursts(t, random, accepted, size, stated, perLook, sequential.Fail)
			passes, _ := underBursts(t, random, refused, size, stated, perLook, sequential.Pass)
			_, requests := underBursts(t, random, 0.05, size, stated, perLook, sequential.Fail)
			if stated == size {
				require.LessOrEqual(t, aborts, 0.05+noise())
				require.LessOrEqual(t, passes, 0.05+noise())
			}
			fmt.Fprintf(&b, "| %d | %d | %.1f %% | %.1f %% | %d |\n", size, stated, aborts*100, passes*100, requests)
		}
	}
	published(t, "bursts", b.String())
}

// underBursts gives the share of canaries with a verdict, and the median number of requests to it.
func underBursts(t *testing.T, random *rand.Rand, rate float64, size, stated int, perLook int64, want sequential.Verdict) (float64, int64) {
	got, requests := 0, []int64{}
	for range *runs {
		test, err := sequential.NewRate(0.01, 0.02, stated, sequential.Bounds{FalseAbort: 0.05, FalsePass: 0.05})
		require.NoError(t, err)
		groups := perLook / int64(size)
		for n := perLook; n <= 1_000_000; n += perLook {
			v, err := test.Add(draw(random, groups, rate)*int64(size), groups*int64(size))
			if err != nil {
				t.Fatal(err)
			}
			if v != sequential.Undecided {
				if v == want {
					got++
				}
				requests = append(requests, n)
				break
			}
		}
	}
	slices.Sort(requests)
	return float64(got) / float64(*runs), requests[len(requests)/2]
}
