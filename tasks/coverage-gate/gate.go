// Command coverage-gate refuses a change whose test coverage is below a minimum.
//
// It promises exact integer arithmetic (79.999 % is not 80 %), results and evidence that are written before it refuses,
// and one rule for everyone. It refuses to pass on no data: an empty, missing, truncated or foreign profile, or one from
// which everything is excluded, is a misconfiguration (exit code 2), never a pass.
//
//	coverage-gate --source=. --reports=. --profile=cover.out --minimum=80
package main

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/coverage"
	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/task"
)

// decision is all that the reports tell.
type decision struct {
	options *options
	measurement
	rulings []ruling
	verdict predicate.Verdict
	reason  string // why nothing was judged, for a misconfiguration
}

func gate(ctx context.Context, r *task.Run, o *options) error {
	tree, err := coverage.OpenTree(o.source)
	if err != nil {
		return err
	}
	defer tree.Close()
	d := &decision{options: o, verdict: predicate.Misconfigured, measurement: measurement{tree: tree, rules: &coverage.Rules{}}}
	err = d.decide(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := d.publish(r); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	for _, note := range d.notes {
		r.Printf("note: %s", note)
	}
	for _, c := range d.concessions {
		r.Printf("this change concedes: %s: %s", place(c.Path, c.Line), c.What)
	}
	return d.outcome(r)
}

// decide measures and judges. Whatever stands in the way of a number is a misconfiguration.
func (d *decision) decide(ctx context.Context) error {
	if err := d.measure(ctx, d.options); err != nil {
		d.reason = err.Error()
		if task.Code(err) == task.CodeUndecided {
			d.verdict = predicate.Unavailable
			return err
		}
		return misconfigured(err)
	}
	d.notes = append(d.notes, d.exclusions.idle()...)
	d.rulings, d.verdict = judge(d.options, &d.measurement)
	if len(d.rulings) == 0 {
		d.verdict, d.reason = predicate.Misconfigured, "no minimum is set, so nothing could ever be refused"
		return task.Misconfigured("%s", d.reason).WithRemedy("set --minimum or another minimum above 0")
	}
	return nil
}

// misconfigured adds what a person can do where the cause alone does not tell.
func misconfigured(err error) error {
	var known *task.Error
	if errors.As(err, &known) {
		e := task.Misconfigured("%w", err)
		e.Remedy = known.Remedy
		return e
	}
	e := task.Misconfigured("%w", err)
	if errors.Is(err, fs.ErrNotExist) {
		return e.WithRemedy("reports are looked for in the workspace reports, --rules in source; does the task that writes it run before this one?")
	}
	return e
}

// publish writes reports, evidence and results, whatever the verdict.
func (d *decision) publish(r *task.Run) error {
	if err := d.writeReports(); err != nil {
		return err
	}
	digest, err := d.options.evidence.WriteGate("coverage-gate.json", d.predicate())
	if err != nil {
		return err
	}
	counts, lowest := coverage.Counts{}, ""
	if d.report != nil {
		counts, lowest = d.report.Counts(), describeWorst(worst(d.report))
	}
	for _, result := range []struct{ name, value string }{
		{"coverage", counts.Percent()},
		{"covered", strconv.FormatUint(counts.Covered, 10)},
		{"total", strconv.FormatUint(counts.Total, 10)},
		{"verdict", string(d.verdict)},
		{"worst", shorten(lowest, task.MaxResult)},
		{"PREDICATE_DIGEST", digest},
	} {
		if err := r.Result(result.name, result.value); err != nil {
			return err
		}
	}
	r.Attr("sluice.gate.verdict", string(d.verdict))
	return nil
}

// shorten keeps the end of a text, which is where a path differs from others.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const dots = "…"
	return dots + strings.ToValidUTF8(s[len(s)-most+len(dots):], "")
}
