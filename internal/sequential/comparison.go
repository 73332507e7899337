package sequential

import (
	"fmt"
	"math"
)

// Counts are bad outcomes and requests of one batch of one stream.
type Counts struct {
	Errors, Total int64
}

func (c Counts) check() error {
	if c.Errors < 0 || c.Total < c.Errors {
		return fmt.Errorf("%d errors of %d requests is no count", c.Errors, c.Total)
	}
	return nil
}

// Table is one batch of the canary and the batch of the same moment of its baseline.
type Table struct {
	Canary, Baseline Counts
}

// Comparison tests the odds ratio of a canary to a simultaneous baseline: acceptable at or below one ratio, refused at or above
// another that is as great or greater. For rare errors the odds ratio is the ratio of the rates.
//
// Each batch is judged conditionally on all the errors that it holds, as in Fisher's exact test: given the totals, the canary's share
// of them follows the noncentral hypergeometric distribution, in which the odds ratio is the only parameter. So the rate that
// the two share drops out, and may move from batch to batch; a batch without errors says nothing. (R. A. Fisher, "The Logic of
// Inductive Inference", J. Royal Statistical Society 98, 1935; for the strata see N. Mantel and W. Haenszel, J. National Cancer
// Institute 22, 1959.)
//
// Two processes gather evidence, one against "acceptable" and one against "refused", each the average of the likelihood ratios of
// several alternatives, which is again a supermartingale under its null hypothesis.
type Comparison struct {
	toFail, toPass mixture
	fail, pass     float64
	verdict        Verdict
}

// NewComparison starts a test of odds ratios, 0 < acceptable <= refused. With acceptable = refused = 1 it is a test of order alone,
// for which [Comparison.AddShifted] is made. burst is as in [NewRate], but for a comparison its effect is shown by simulation, not proven.
func NewComparison(acceptable, refused float64, burst int, b Bounds) (*Comparison, error) {
	if err := b.Check(); err != nil {
		return nil, err
	}
	if !(acceptable > 0 && acceptable <= refused && !math.IsInf(refused, 0)) {
		return nil, fmt.Errorf("odds ratios must be 0 < acceptable <= refused, not acceptable %v and refused %v", acceptable, refused)
	}
	if burst < 1 {
		return nil, fmt.Errorf("burst %d is below 1", burst)
	}
	fail, pass := b.limits()
	return &Comparison{
		toFail: newMixture(acceptable, refused, 1, burst),
		toPass: newMixture(refused, acceptable, -1, burst),
		fail:   fail, pass: pass,
	}, nil
}

// Add takes one batch of both streams.
func (c *Comparison) Add(t Table) (Verdict, error) { return c.AddShifted(t, t) }

// AddShifted takes one batch counted in two ways: toFail for the evidence against "acceptable", toPass for that against "refused". So one
// can ask whether more of the canary than of the baseline is slower than x, and also whether fewer of it than of the baseline's share above x is
// slower than a y greater than x, which is how a quantile is compared by counts alone.
func (c *Comparison) AddShifted(toFail, toPass Table) (Verdict, error) {
	for _, n := range []Counts{toFail.Canary, toFail.Baseline, toPass.Canary, toPass.Baseline} {
		if err := n.check(); err != nil {
			return c.verdict, err
		}
	}
	c.toFail.add(toFail)
	c.toPass.add(toPass)
	if c.verdict == Undecided {
		const hair = 1e-12
		switch {
		case c.toFail.log() >= c.fail-hair:
			c.verdict = Fail
		case -c.toPass.log() <= c.pass+hair:
			c.verdict = Pass
		}
	}
	return c.verdict, nil
}

// Verdict is the first decision, or Undecided.
func (c *Comparison) Verdict() Verdict { return c.verdict }

// Evidence is the natural log of the evidence against "acceptable" and of that against "refused", the latter negated, with the limits of each.
func (c *Comparison) Evidence() (toFail, toPass, pass, fail float64) {
	return c.toFail.log(), -c.toPass.log(), c.pass, c.fail
}

// mixture is evidence against one odds ratio, the null hypothesis.
type mixture struct {
	null         float64 // log odds ratio
	alternatives []float64
	weights      []float64
	logs         []float64
	burst        float64
}

// newMixture puts half of its weight on the odds ratio that the test is designed for, and spreads the rest over farther ones, so
// that a canary much worse, or much better, than the design is decided sooner. Where design and null are the same, all is spread.
func newMixture(null, design float64, side float64, burst int) mixture {
	m := mixture{null: math.Log(null), burst: float64(burst)}
	spread := []float64{1.1, 1.25, 1.6, 2.5, 6, 20}
	share := 1 / float64(len(spread))
	if null != design {
		m.alternatives, m.weights = []float64{math.Log(design)}, []float64{0.5}
		spread, share = []float64{1.5, 3, 10}, 0.5/3
		null = design
	}
	for _, s := range spread {
		m.alternatives = append(m.alternatives, math.Log(null)+side*math.Log(s))
		m.weights = append(m.weights, share)
	}
	m.logs = make([]float64, len(m.alternatives))
	return m
}

func (m *mixture) add(t Table) {
	if t.Canary.Errors+t.Baseline.Errors == 0 {
		return
	}
	w := tableWeights(t)
	under := w.logSum(m.null)
	for i, a := range m.alternatives {
		m.logs[i] += (under - w.logSum(a)) / m.burst
	}
}

// log is the natural log of the averaged evidence.
func (m *mixture) log() float64 {
	most := math.Inf(-1)
	for _, l := range m.logs {
		most = math.Max(most, l)
	}
	sum := 0.0
	for i, l := range m.logs {
		sum += m.weights[i] * math.Exp(l-most)
	}
	return most + math.Log(sum)
}

// weights are the log numbers of ways in which the canary can have had j of the batch's errors, relative to those of the observed one.
type weights struct {
	offset int64 // j of the first entry less the observed j
	logs   []float64
}

func tableWeights(t Table) weights {
	errors := t.Canary.Errors + t.Baseline.Errors
	least, most := max(0, errors-t.Baseline.Total), min(errors, t.Canary.Total)
	w := weights{offset: least - t.Canary.Errors, logs: make([]float64, most-least+1)}
	for j := least; j < most; j++ {
		up := float64(t.Canary.Total-j) * float64(errors-j)
		down := float64(j+1) * float64(t.Baseline.Total-errors+j+1)
		w.logs[j-least+1] = w.logs[j-least] + math.Log(up/down)
	}
	observed := w.logs[t.Canary.Errors-least]
	for i := range w.logs {
		w.logs[i] -= observed
	}
	return w
}

// logSum is minus the log probability of the observed table at the log odds ratio psi, up to nothing: the observed weight is 1.
func (w weights) logSum(psi float64) float64 {
	most := math.Inf(-1)
	for i, l := range w.logs {
		most = math.Max(most, l+float64(w.offset+int64(i))*psi)
	}
	sum := 0.0
	for i, l := range w.logs {
		sum += math.Exp(l + float64(w.offset+int64(i))*psi - most)
	}
	return most + math.Log(sum)
}
