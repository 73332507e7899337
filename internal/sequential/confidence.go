package sequential

import "math"

// ConfidenceInterval gives limits for the true rate, as fractions, that hold at every look at once with a probability of at least
// 1 - miss, 0 < miss < 1. Without requests they are 0 and 1.
//
// They are the rates that Robbins' mixture of likelihood ratios under a Beta(1/2, 1/2) prior does not reject (H. Robbins,
// "Statistical Methods Related to the Law of the Iterated Logarithm", Ann. Math. Statist. 41, 1970). burst is as in [NewRate].
func ConfidenceInterval(errors, total int64, burst int, miss float64) (lower, upper float64) {
	if total <= 0 || errors < 0 || errors > total || burst < 1 {
		return 0, 1
	}
	const prior = 0.5
	bad, good := float64(errors)/float64(burst), float64(total-errors)/float64(burst)
	mixture := lbeta(bad+prior, good+prior) - lbeta(prior, prior)
	rejected := func(p float64) bool {
		return mixture-xlog(bad, p)-xlog(good, 1-p) >= -math.Log(miss)
	}
	estimate := float64(errors) / float64(total)
	return boundary(estimate, 0, rejected), boundary(estimate, 1, rejected)
}

// boundary halves the way from a rate that is kept to one that may be rejected.
func boundary(kept, end float64, rejected func(float64) bool) float64 {
	if !rejected(end) {
		return end
	}
	for range 60 {
		middle := (kept + end) / 2
		if rejected(middle) {
			end = middle
		} else {
			kept = middle
		}
	}
	return end
}

// xlog is n·log(p), and 0 where n is 0 whatever p is.
func xlog(n, p float64) float64 {
	if n == 0 {
		return 0
	}
	return n * math.Log(p)
}

func lbeta(a, b float64) float64 {
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	return la + lb - lab
}
