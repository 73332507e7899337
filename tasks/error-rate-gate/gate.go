package main

import (
	"fmt"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/promapi"
	"github.com/sluice-ci/sluice/internal/sequential"
	"github.com/sluice-ci/sluice/internal/task"
)

// gate decides by looks alone: the same looks and settings give the same decision, live and in a replay.
type gate struct {
	settings settings
	judges   []*judge
	lastGood int64    // ms of the last look that was answered
	failing  int64    // ms of the first of the failed looks since then; 0 if there is none
	failure  *failure // of the last look
	at       int64
	ended    bool // the deadline has passed and its look was answered
}

func newGate(s settings) (*gate, error) {
	g := &gate{settings: s, lastGood: s.Start}
	for _, r := range s.Rules {
		if s.Method == byThreshold && r.Kind != shareRule {
			return nil, task.Misconfigured("objective %q has no threshold for one stream, which --method=threshold needs", r.Name).
				WithRemedy("use --method=sequential, or declare a threshold")
		}
		j, err := newJudge(r, &g.settings)
		if err != nil {
			return nil, task.Misconfigured("objective %q: %w", r.Name, err)
		}
		g.judges = append(g.judges, j)
	}
	return g, nil
}

// feed takes the next look.
func (g *gate) feed(l look) {
	g.at = l.At
	g.failure = l.Failure
	if l.Failure != nil {
		if g.failing == 0 {
			g.failing = l.At
		}
		return
	}
	g.failing, g.lastGood = 0, l.At
	for _, j := range g.judges {
		j.feed(l)
	}
	if l.At >= g.settings.End {
		g.ended = true
		for _, j := range g.judges {
			j.atDeadline()
		}
	}
}

// done tells whether more looks could change the verdict.
func (g *gate) done() bool {
	passed := 0
	for _, j := range g.judges {
		switch {
		case j.verdict == sequential.Fail || j.broken != nil:
			return true
		case j.verdict == sequential.Pass:
			passed++
		}
	}
	return passed == len(g.judges) || g.ended || g.rejected() || g.outOfPatience()
}

// rejected tells whether the API said what it will say again.
func (g *gate) rejected() bool {
	return g.failure != nil && (g.failure.Kind == promapi.Rejected || g.failure.Kind == promapi.Denied)
}

// outOfPatience tells whether the API has not answered for longer than the retry budget.
func (g *gate) outOfPatience() bool {
	return g.failing != 0 && g.at-g.failing >= g.settings.RetryBudget.Milliseconds()
}

// severity orders verdicts: that of the gate is the gravest of its objectives. What the API did counts between them: a canary that was
// found bad stays bad while Prometheus is down, and nothing passes for it.
var severity = []predicate.Verdict{predicate.Fail, predicate.Misconfigured, predicate.Unavailable, predicate.Insufficient, predicate.Pass}

// decision sums up. It is never a pass unless every objective passed.
func (g *gate) decision() decision {
	d := decision{Verdict: predicate.Pass, At: g.at}
	for _, want := range severity {
		for _, j := range g.judges {
			if d.Decisive == "" && j.standing() == want {
				d.Verdict, d.Decisive, d.Reason, d.Remedy = want, j.rule.Name, j.reason(), j.remedy()
			}
		}
	}
	for _, j := range g.judges {
		d.Objectives = append(d.Objectives, j.finding())
	}
	if d.Verdict == predicate.Insufficient {
		g.whyOpen(&d)
	}
	return d
}

// whyOpen tells why an undecided gate stopped, which may be another verdict.
func (g *gate) whyOpen(d *decision) {
	switch {
	case g.rejected():
		d.Verdict, d.Reason = predicate.Misconfigured, "the Prometheus API refused: "+g.failure.Message
		d.Remedy = "check --prometheus and the selectors; they are in the report"
		if g.failure.Kind == promapi.Denied {
			d.Remedy = "check the workspace credentials and --headers"
		}
	case g.outOfPatience():
		d.Verdict = predicate.Unavailable
		d.Reason = fmt.Sprintf("the Prometheus API did not answer from %s to %s, longer than the retry budget %s: %s",
			clock(g.failing), clock(g.at), g.settings.RetryBudget, g.failure.Message)
		d.Remedy = "this says nothing about the canary; run again when Prometheus answers, or raise --retry-budget"
	case !g.ended:
		d.Reason += fmt.Sprintf("; the looks end at %s, before the window does", clock(g.at))
	case g.settings.Undecided == fail:
		d.Verdict = predicate.Fail
		d.Reason += "; undecided at the deadline counts as failed (--undecided=fail)"
	}
}

// err is the decision as an exit code; nil for a pass.
func (d decision) err() error {
	var e *task.Error
	what := fmt.Sprintf("objective %q: %s", d.Decisive, d.Reason)
	switch d.Verdict {
	case predicate.Pass:
		return nil
	case predicate.Fail:
		e = task.Refuse("%s", what)
	case predicate.Misconfigured:
		e = task.Misconfigured("%s", what)
	default:
		e = task.Undecided("%s", what)
	}
	if d.Remedy != "" {
		return e.WithRemedy("%s", d.Remedy)
	}
	return e
}
