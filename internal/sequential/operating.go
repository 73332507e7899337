package sequential

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Operating gives, for a true rate and as many requests in each look as batches says, the exact probability that the test has failed,
// and that it has passed, by the end of each look. It starts afresh, whatever r has seen. Requests are taken as independent.
//
// The number of errors among undecided streams lies in a narrow band, so the whole distribution is carried from look to look.
func (r *Rate) Operating(rate float64, batches []int64) (failed, passed []float64) {
	alive := map[int64]float64{0: 1}
	var total int64
	var pFail, pPass float64
	for _, n := range batches {
		total += n
		next := make(map[int64]float64, len(alive)+8)
		pmf := binomial(n, rate)
		for errors, p := range alive {
			for j, q := range pmf {
				next[errors+int64(j)] += p * q
			}
		}
		for errors, p := range next {
			e := evidence{fail: r.fail, pass: r.pass}
			switch e.add(float64(errors)*r.up + float64(total-errors)*r.down) {
			case Fail:
				pFail += p
				delete(next, errors)
			case Pass:
				pPass += p
				delete(next, errors)
			}
		}
		alive = next
		failed, passed = append(failed, pFail), append(passed, pPass)
	}
	return failed, passed
}

// binomial lists the probabilities of 0, 1, … errors in n requests, up to where the rest cannot matter.
func binomial(n int64, rate float64) []float64 {
	if n == 0 || rate <= 0 {
		return []float64{1}
	}
	if rate >= 1 {
		pmf := make([]float64, n+1)
		pmf[n] = 1
		return pmf
	}
	var pmf []float64
	log := float64(n) * math.Log1p(-rate)
	odds := math.Log(rate) - math.Log1p(-rate)
	seen := 0.0
	for j := int64(0); j <= n; j++ {
		p := math.Exp(log)
		pmf = append(pmf, p)
		seen += p
		if float64(j) > float64(n)*rate && 1-seen < 1e-15 {
			break
		}
		log += math.Log(float64(n-j)/float64(j+1)) + odds
	}
	return pmf
}

// FixedThreshold gives the error rates of the plain rule that refuses when errors / total >= threshold, looked at once after total requests:
// the probability of refusing a stream at the acceptable rate, and of passing one at the refused rate.
func FixedThreshold(total int64, threshold, acceptable, refused float64) (falseAbort, falsePass float64) {
	least := int64(math.Ceil(threshold*float64(total) - 1e-9))
	return atLeast(least, total, acceptable), 1 - atLeast(least, total, refused)
}

// atLeast is P(X >= k) of a binomial count, by the incomplete beta function.
func atLeast(k, n int64, p float64) float64 {
	switch {
	case k <= 0:
		return 1
	case k > n:
		return 0
	}
	return mathext.RegIncBeta(float64(k), float64(n-k+1), p)
}
