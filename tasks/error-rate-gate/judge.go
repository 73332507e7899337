package main

import (
	"fmt"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/promapi"
	"github.com/sluice-ci/sluice/internal/sequential"
)

// confidence of the bounds that are reported, whatever bounds the test has.
const confidence = 0.95

// judge decides one objective, look by look.
type judge struct {
	rule     rule
	settings *settings
	canary   *reader
	baseline *reader

	rate       *sequential.Rate
	comparison *sequential.Comparison
	floor      *sequential.Rate
	tiers      []*tier // of burn rates
	burned     *tier   // the one that failed

	counts, against sequential.Counts
	verdict         sequential.Verdict
	broken          error // what made the objective misconfigured
	points          []moment
}

func newJudge(r rule, s *settings) (*judge, error) {
	j := &judge{rule: r, settings: s, canary: newReader(r.Canary, s.Start)}
	// Any objective may abort the run, so they share the bound on false aborts; a bad canary passes only if every objective passes.
	b := sequential.Bounds{FalseAbort: s.FalseAbort.float() / float64(len(s.Rules)), FalsePass: s.FalsePass.float()}
	var err error
	switch r.Kind {
	case burnRule:
		j.tiers, j.rate, err = newTiers(r, s, b)
		return j, err
	case shareRule:
		j.rate, err = sequential.NewRate(r.Acceptable.float(), r.Threshold.float(), s.Burst, b)
		return j, err
	}
	j.baseline = newReader(*r.Baseline, s.Start)
	acceptable, refused := r.AcceptableRatio, r.RefusedRatio
	if r.Kind == quantileRule {
		acceptable, refused = 1, 1
	}
	if r.Floor.isSet() { // two ways to pass share the bound on false passes
		b.FalsePass /= 2
		if j.floor, err = sequential.NewRate(r.Floor.half().float(), r.Floor.float(), s.Burst, b); err != nil {
			return j, err
		}
	}
	j.comparison, err = sequential.NewComparison(acceptable, refused, s.Burst, b)
	return j, err
}

// feed takes the answers of one look. What cannot be counted breaks the objective for good.
func (j *judge) feed(l look) {
	if j.broken != nil {
		return
	}
	if err := j.take(l.At, l.Answers); err != nil {
		j.broken = err
		return
	}
	j.points = append(j.points, j.moment(l.At))
}

func (j *judge) take(at int64, answers map[string][]promapi.Series) error {
	if j.rule.Kind == quantileRule {
		return j.takeQuantile(answers)
	}
	canary, err := j.read(j.canary, answers)
	if err != nil {
		return err
	}
	switch j.rule.Kind {
	case shareRule:
		return j.takeShare(canary)
	case burnRule:
		return j.takeBurn(at, canary)
	}
	baseline, err := j.read(j.baseline, answers)
	if err != nil {
		return err
	}
	return j.takeRatio(canary, baseline)
}

func (j *judge) read(r *reader, answers map[string][]promapi.Series) (sequential.Counts, error) {
	if j.rule.SlowerThan.Duration > 0 {
		if err := r.countAbove(j.rule.SlowerThan.Seconds(), answers); err != nil {
			return sequential.Counts{}, err
		}
	}
	return r.counts(answers)
}

func (j *judge) takeShare(c sequential.Counts) error {
	j.count(c, sequential.Counts{})
	v, err := j.rate.Add(c.Errors, c.Total)
	if j.settings.Method == sequentially {
		j.verdict = v
	}
	return err
}

func (j *judge) takeRatio(canary, baseline sequential.Counts) error {
	j.count(canary, baseline)
	v, err := j.comparison.Add(sequential.Table{Canary: canary, Baseline: baseline})
	if err != nil {
		return err
	}
	if j.verdict == sequential.Undecided {
		j.verdict = v
	}
	if j.floor == nil {
		return nil
	}
	v, err = j.floor.Add(canary.Errors, canary.Total)
	if j.verdict == sequential.Undecided && v == sequential.Pass {
		j.verdict = v
	}
	return err
}

func (j *judge) count(canary, baseline sequential.Counts) {
	j.counts.Errors += canary.Errors
	j.counts.Total += canary.Total
	j.against.Errors += baseline.Errors
	j.against.Total += baseline.Total
}

// atDeadline breaks what never fitted together, and applies the plain rule where that is the method.
func (j *judge) atDeadline() {
	for _, r := range []*reader{j.canary, j.baseline} {
		if r != nil && j.broken == nil && r.carried.Errors > r.carried.Total {
			j.broken = fmt.Errorf("%s counted %d, more than the %d of %s, of which it should be a part",
				r.Errors+r.Good, r.carried.Errors, r.carried.Total, r.Total)
		}
	}
	if j.rule.Kind == burnRule && j.broken == nil {
		j.burnAtDeadline()
	}
	if j.settings.Method != byThreshold || j.broken != nil || j.rule.Kind != shareRule || j.counts.Total == 0 {
		return
	}
	j.verdict = sequential.Pass
	if j.rule.Threshold.reached(j.counts.Errors, j.counts.Total) {
		j.verdict = sequential.Fail
	}
}

func (j *judge) moment(at int64) moment {
	m := moment{At: at, Errors: j.counts.Errors, Total: j.counts.Total}
	m.Lower, m.Upper = sequential.ConfidenceInterval(j.counts.Errors, j.counts.Total, j.settings.Burst, 1-confidence)
	if j.rate != nil {
		m.ToPass, _, _ = j.rate.Evidence()
		if m.ToFail = m.ToPass; j.tiers != nil {
			m.ToFail = j.burning()
		}
	} else {
		m.ToFail, m.ToPass, _, _ = j.comparison.Evidence()
	}
	return m
}

func (j *judge) finding() finding {
	f := finding{
		Name: j.rule.Name, Rule: j.rule.String(), Verdict: j.standing(), Reason: j.reason(),
		Errors: j.counts.Errors, Total: j.counts.Total, Upper: 1, Resets: j.canary.increments.resets, Points: j.points,
	}
	if j.counts.Total > 0 {
		f.Rate = float64(j.counts.Errors) / float64(j.counts.Total)
		f.Lower, f.Upper = sequential.ConfidenceInterval(j.counts.Errors, j.counts.Total, j.settings.Burst, 1-confidence)
	}
	if j.baseline != nil {
		f.Baseline = &tally{j.against.Errors, j.against.Total}
		_, _, f.Limits.Pass, f.Limits.Fail = j.comparison.Evidence()
	} else {
		_, f.Limits.Pass, f.Limits.Fail = j.rate.Evidence()
	}
	return f
}

func (j *judge) standing() predicate.Verdict {
	switch {
	case j.verdict == sequential.Fail:
		return predicate.Fail
	case j.broken != nil:
		return predicate.Misconfigured
	case j.verdict == sequential.Pass:
		return predicate.Pass
	}
	return predicate.Insufficient
}

// String is the rule for people.
func (r rule) String() string {
	what := "bad requests"
	if r.SlowerThan.Duration > 0 {
		what = fmt.Sprintf("requests slower than %s", r.SlowerThan)
	}
	switch r.Kind {
	case shareRule:
		return fmt.Sprintf("%s: refused at %s, acceptable at %s", what, r.Threshold.text, r.Acceptable.text)
	case burnRule:
		return fmt.Sprintf("%s: an SLO of %s, whose error budget may not burn %g times too fast within a sixth of the window nor %g times within all of it; half of that is acceptable",
			what, r.SLO.text, burnRates[0].times, burnRates[1].times)
	case ratioRule:
		text := fmt.Sprintf("%s against the baseline: odds ratio refused at %g, acceptable at %g", what, r.RefusedRatio, r.AcceptableRatio)
		if r.Floor.isSet() {
			text += ", or share below " + r.Floor.text
		}
		return text
	}
	return fmt.Sprintf("%s quantile of durations: refused at %s over the baseline", r.Quantile.text, r.Increase.text)
}
