package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/task"
)

// run is the task: settings, looks, decision, files, results, verdict.
func run(ctx context.Context, r *task.Run, o *options) error {
	s, err := o.settings()
	if err != nil {
		return o.stopped(r, settings{}, err)
	}
	if o.plan != "" {
		return plan(r, o, s)
	}
	client, err := o.client(r)
	if err != nil {
		return o.stopped(r, s, err)
	}
	if s.Start, s.End, err = o.begin(ctx, client, r.Printf); err != nil {
		return o.stopped(r, s, err)
	}
	for _, rule := range s.Rules {
		r.Printf("objective %q: %s", rule.Name, rule)
	}
	r.Printf("counting from %s to %s at the latest", clock(s.Start), clock(s.End))
	g, err := newGate(s)
	if err != nil {
		return err
	}
	w := watcher{api: client, timer: o.timer, interval: o.interval, delay: o.delay, gate: g, narrate: r.Printf}
	looks, err := w.watch(ctx)
	finished := report{Version: reportVersion, Settings: s, Looks: looks, Decision: g.decision()}
	if err := o.leave(r, finished); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("watching the canary: %w", err)
	}
	return finished.Decision.err()
}

// stopped leaves the results and the evidence of a run that ended before its first look.
func (o *options) stopped(r *task.Run, s settings, cause error) error {
	d := decision{Verdict: predicate.Misconfigured, Reason: cause.Error()}
	if task.Code(cause) == task.CodeUndecided {
		d.Verdict = predicate.Unavailable
	}
	if err := o.leave(r, report{Version: reportVersion, Settings: s, Decision: d}); err != nil {
		return err
	}
	return cause
}

// leave writes the report, its picture, the evidence and the results.
func (o *options) leave(r *task.Run, rep report) error {
	data, err := rep.encode()
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{".report.json": data, ".html": page(rep)} {
		if err := task.WriteFile(filepath.Join(o.evidence.Reports, o.report+name), content, 0o644); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	digest, err := o.predicate(rep)
	if err != nil {
		return err
	}
	f := rep.decisive()
	rate, lower, upper := "none", "0%", "100%"
	if f.Total > 0 {
		rate, lower, upper = shown(f.Rate), shown(f.Lower), shown(f.Upper)
	}
	for name, value := range map[string]string{
		"verdict": string(rep.Decision.Verdict), "objective": cut(rep.Decision.Decisive),
		"errors": strconv.FormatInt(f.Errors, 10), "total": strconv.FormatInt(f.Total, 10),
		"rate": rate, "lower-bound": lower, "upper-bound": upper, "PREDICATE_DIGEST": digest,
	} {
		if err := r.Result(name, value); err != nil {
			return err
		}
	}
	return nil
}

// cut keeps a name within a result.
func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), 200)], "") }

func shown(share float64) string { return strconv.FormatFloat(share*100, 'f', 4, 64) + "%" }

func (rep report) encode() ([]byte, error) {
	data, err := json.MarshalIndent(rep, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encoding the report: %w", err)
	}
	return append(data, '\n'), nil
}

// decisive is the finding of the objective that decided; empty where nothing was measured.
func (rep report) decisive() finding {
	for _, f := range rep.Decision.Objectives {
		if f.Name == rep.Decision.Decisive {
			return f
		}
	}
	return finding{}
}

// predicate writes the evidence and gives its digest. The report, with every sample, is its input by digest.
func (o *options) predicate(rep report) (string, error) {
	g := predicate.Gate{Gate: "error-rate-gate", Verdict: rep.Decision.Verdict, Measured: map[string]any{}, Threshold: map[string]any{}}
	var rules []string
	for i, f := range rep.Decision.Objectives {
		rules = append(rules, f.Name+": "+f.Rule)
		g.Measured[f.Name] = map[string]any{
			"errors": f.Errors, "total": f.Total, "rate": f.Rate, "lowerBound": f.Lower, "upperBound": f.Upper, "verdict": f.Verdict,
		}
		g.Threshold[f.Name] = rep.Settings.Rules[i].thresholds()
	}
	g.Rule = strings.Join(rules, "; ")
	input, err := predicate.DigestFile(o.report+".report.json", filepath.Join(o.evidence.Reports, o.report+".report.json"))
	if err != nil {
		return "", err
	}
	g.Inputs = []predicate.Input{input}
	return o.evidence.WriteGate(o.report+".json", g)
}

// thresholds are the numbers of a rule.
func (r rule) thresholds() map[string]any {
	switch r.Kind {
	case shareRule:
		return map[string]any{"rate": r.Threshold.float(), "acceptable": r.Acceptable.float()}
	case burnRule:
		return map[string]any{"slo": r.SLO.float(), "burnRates": []float64{burnRates[0].times, burnRates[1].times}}
	case ratioRule:
		return map[string]any{"oddsRatio": r.RefusedRatio, "acceptable": r.AcceptableRatio}
	}
	return map[string]any{"quantile": r.Quantile.float(), "increase": r.Increase.float()}
}
