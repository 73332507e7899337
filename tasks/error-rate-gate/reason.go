package main

import (
	"fmt"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/sequential"
)

// reason says in one line what was found, by which rule.
func (j *judge) reason() string {
	switch j.standing() {
	case predicate.Misconfigured:
		return j.broken.Error()
	case predicate.Fail, predicate.Pass:
		return j.found() + j.byRule()
	}
	return j.whyUndecided()
}

// found is the measurement.
func (j *judge) found() string {
	what := j.what()
	text := fmt.Sprintf("%d of %d requests %s", j.counts.Errors, j.counts.Total, what)
	if j.counts.Total > 0 {
		text = percent(float64(j.counts.Errors)/float64(j.counts.Total)) + " of requests " + what + fmt.Sprintf(" (%d of %d)", j.counts.Errors, j.counts.Total)
	}
	if j.baseline != nil && j.against.Total > 0 {
		text += fmt.Sprintf(", of the baseline %s (%d of %d)", percent(float64(j.against.Errors)/float64(j.against.Total)), j.against.Errors, j.against.Total)
	}
	return text
}

func (j *judge) what() string {
	switch {
	case j.rule.Kind == quantileRule && len(j.baseline.bounds) > 0:
		return fmt.Sprintf("slower than %.4gs", j.baseline.bounds[0]*j.baseline.Unit)
	case j.rule.Kind == quantileRule:
		return "slow"
	case j.rule.SlowerThan.Duration > 0:
		return fmt.Sprintf("slower than %s", j.rule.SlowerThan)
	}
	return "failed"
}

func (j *judge) byRule() string {
	if j.settings.Method == byThreshold {
		falseAbort, falsePass := sequential.FixedThreshold(j.counts.Total, j.rule.Threshold.float(), j.rule.Acceptable.float(), j.rule.Threshold.float())
		side := "below"
		if j.verdict == sequential.Fail {
			side = "not below"
		}
		return fmt.Sprintf(", %s the threshold %s; with so many requests this rule refuses a canary at %s with a probability of %s, and passes one at %s with %s",
			side, j.rule.Threshold.text, j.rule.Acceptable.text, percent(falseAbort), j.rule.Threshold.text, percent(falsePass))
	}
	if j.rule.Kind == burnRule {
		return j.byBurnRule()
	}
	refused := map[kind]string{
		shareRule:    fmt.Sprintf("more than the acceptable %s", j.rule.Acceptable.text),
		ratioRule:    fmt.Sprintf("more than an odds ratio of %g", j.rule.AcceptableRatio),
		quantileRule: "slower than the baseline",
	}
	passed := map[kind]string{
		shareRule:    fmt.Sprintf("less than the refused %s", j.rule.Threshold.text),
		ratioRule:    fmt.Sprintf("less than an odds ratio of %g", j.rule.RefusedRatio),
		quantileRule: fmt.Sprintf("less than %s over the baseline", j.rule.Increase.text),
	}
	if j.verdict == sequential.Fail {
		return fmt.Sprintf(", which is %s; false aborts are bounded by %s over all objectives", refused[j.rule.Kind], j.settings.FalseAbort.text)
	}
	return fmt.Sprintf(", which is %s; false passes are bounded by %s", passed[j.rule.Kind], j.settings.FalsePass.text)
}

// whyUndecided says what was missing.
func (j *judge) whyUndecided() string {
	for _, s := range []struct {
		of string
		r  *reader
	}{{"canary", j.canary}, {"baseline", j.baseline}} {
		if s.r == nil {
			continue
		}
		queries := s.r.queries()
		switch {
		case !s.r.seen:
			return fmt.Sprintf("no series of the %s matched %s", s.of, queries[0])
		case s.r.Errors != "" && !s.r.nested() && !s.r.seenPart:
			return fmt.Sprintf("no series of the %s ever matched %s, so that no errors cannot be told from a wrong selector", s.of, s.r.Errors)
		}
	}
	switch {
	case j.counts.Total == 0 && j.rule.Kind == quantileRule && len(j.baseline.bounds) == 0:
		return fmt.Sprintf("the baseline counted %d requests, too few to know where its %s quantile lies", j.baseline.spectrum.total, j.rule.Quantile.text)
	case j.counts.Total == 0:
		return "the canary served no requests"
	case j.baseline != nil && j.against.Total == 0:
		return "the baseline served no requests"
	case j.baseline != nil && j.counts.Errors+j.against.Errors == 0:
		return j.found() + "; without a bad request there is nothing to compare: declare a floor"
	case j.rate != nil && j.counts.Total < j.rate.FewestToPass() && j.counts.Errors == 0:
		return fmt.Sprintf("%s; to rule out %s takes %d requests even without an error", j.found(), j.refused(), j.rate.FewestToPass())
	}
	return j.found() + ", between what is acceptable and what is refused, or too few to tell"
}

// refused is the share of bad requests that the rule for one stream refuses.
func (j *judge) refused() string {
	if j.rule.Kind == burnRule {
		return percent(j.tiers[len(j.tiers)-1].refused)
	}
	return j.rule.Threshold.text
}

// remedy says what a person does next.
func (j *judge) remedy() string {
	switch j.standing() {
	case predicate.Pass:
		return ""
	case predicate.Fail:
		if j.rule.Kind != shareRule {
			return "roll back; every sample that led to this is in the report"
		}
		return "roll back; if the rule is wrong, see what another threshold says of the same samples: error-rate-gate replay --report=… --threshold=…"
	case predicate.Misconfigured:
		return "mend the objective: " + j.rule.String()
	}
	switch {
	case !j.canary.seen:
		return "check the selector and that Prometheus scrapes the canary; silence is no success"
	case j.counts.Total == 0:
		return "send it traffic: a canary without requests shows nothing"
	}
	return "lengthen --window, raise the canary's traffic, or set the acceptable and refused rates farther apart; error-rate-gate --plan tells what can decide"
}
