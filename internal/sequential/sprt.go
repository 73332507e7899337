package sequential

import (
	"fmt"
	"math"
)

// Verdict is what a test can say at one look.
type Verdict int

// A test starts Undecided and its first decision is final.
const (
	Undecided Verdict = iota
	Pass
	Fail
)

func (v Verdict) String() string {
	return [...]string{"undecided", "pass", "fail"}[v]
}

// Bounds are the error probabilities that a test promises, each in (0, 1) and together below 1.
type Bounds struct {
	FalseAbort float64 // alpha: P(Fail at any look), when the truth is acceptable
	FalsePass  float64 // beta: P(Pass at any look), when the truth is refused
}

// Check tells which of the bounds is outside its range.
func (b Bounds) Check() error {
	switch {
	case !(b.FalseAbort > 0 && b.FalseAbort < 1):
		return fmt.Errorf("false-abort bound %v is not between 0 and 1", b.FalseAbort)
	case !(b.FalsePass > 0 && b.FalsePass < 1):
		return fmt.Errorf("false-pass bound %v is not between 0 and 1", b.FalsePass)
	case b.FalseAbort+b.FalsePass >= 1:
		return fmt.Errorf("the bounds %v and %v add up to 1 or more: a coin would do as well", b.FalseAbort, b.FalsePass)
	}
	return nil
}

// limits are those that a log likelihood ratio must reach: Ville's inequality bounds the probability that a non-negative
// supermartingale that starts at 1 ever reaches 1/x by x.
func (b Bounds) limits() (fail, pass float64) {
	return -math.Log(b.FalseAbort), math.Log(b.FalsePass)
}

// evidence is a log likelihood ratio that keeps its first decision.
type evidence struct {
	log        float64 // natural log of the likelihood ratio, refused against acceptable
	fail, pass float64
	verdict    Verdict
}

func newEvidence(b Bounds) evidence {
	fail, pass := b.limits()
	return evidence{fail: fail, pass: pass}
}

// add moves the evidence and decides. A ratio that rounding put a hair short of its limit has reached it.
func (e *evidence) add(x float64) Verdict {
	const hair = 1e-12
	e.log += x
	if e.verdict == Undecided {
		switch {
		case e.log >= e.fail-hair:
			e.verdict = Fail
		case e.log <= e.pass+hair:
			e.verdict = Pass
		}
	}
	return e.verdict
}

// Rate tests the rate of bad outcomes in one stream of requests: acceptable at or below one rate, refused at or above a higher one.
// Between the two rates either verdict, or none, is right.
//
// It is Wald's sequential probability ratio test (A. Wald, "Sequential Tests of Statistical Hypotheses", Ann. Math. Statist. 16,
// 1945) with the limits 1/alpha and beta of Ville's inequality in place of Wald's approximate ones, so that the bounds hold exactly,
// at every look, whatever the sizes of the batches.
type Rate struct {
	evidence
	up, down float64 // moves of the log likelihood ratio for one error and for one success
}

// NewRate starts a test. Rates are fractions, 0 < acceptable < refused < 1. burst, at least 1, is the greatest number of
// consecutive requests whose outcomes may depend on one another: the log likelihood ratio is divided by it (see the package doc).
func NewRate(acceptable, refused float64, burst int, b Bounds) (*Rate, error) {
	if err := b.Check(); err != nil {
		return nil, err
	}
	if !(acceptable > 0 && acceptable < refused && refused < 1) {
		return nil, fmt.Errorf("rates must be 0 < acceptable < refused < 1, not acceptable %v and refused %v", acceptable, refused)
	}
	if burst < 1 {
		return nil, fmt.Errorf("burst %d is below 1", burst)
	}
	return &Rate{
		evidence: newEvidence(b),
		up:       math.Log(refused/acceptable) / float64(burst),
		down:     (math.Log1p(-refused) - math.Log1p(-acceptable)) / float64(burst),
	}, nil
}

// Add takes a batch of new requests, errors of them bad, and gives the verdict so far. Counts that no batch can have are refused.
func (r *Rate) Add(errors, total int64) (Verdict, error) {
	if errors < 0 || total < errors {
		return r.verdict, fmt.Errorf("%d errors of %d requests is no count", errors, total)
	}
	return r.add(float64(errors)*r.up + float64(total-errors)*r.down), nil
}

// Verdict is the first decision, or Undecided.
func (r *Rate) Verdict() Verdict { return r.verdict }

// Evidence is the natural log of the likelihood ratio so far, and the two limits that decide.
func (r *Rate) Evidence() (log, pass, fail float64) { return r.log, r.pass, r.fail }

// FewestToPass is the number of requests, none of them bad, after which the test passes: no stream passes sooner.
func (r *Rate) FewestToPass() int64 {
	return int64(math.Ceil(r.pass/r.down - 1e-9))
}

// FewestToFail is the number of requests, all of them bad, after which the test fails: no stream fails sooner.
func (r *Rate) FewestToFail() int64 {
	return int64(math.Ceil(r.fail/r.up - 1e-9))
}
