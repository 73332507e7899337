package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/sluice-ci/sluice/internal/task"
)

// replayOptions change the rule that recorded samples are judged by.
type replayOptions struct {
	report                string
	threshold, acceptable fraction
	falseAbort, falsePass fraction
	json                  bool
}

func newReplay() *task.Command {
	c := task.New("replay", "Decide again by the samples of a report, offline.")
	o := &replayOptions{}
	c.Local().String(&o.report, "report", "", "The report of a run: error-rate-gate.report.json.")
	c.Local().Var(&o.threshold, "threshold", "Another refused share, for every objective that has one.")
	c.Local().Var(&o.acceptable, "acceptable", "Another acceptable share; half of the threshold when only that is changed.")
	c.Local().Var(&o.falseAbort, "false-abort", "Another bound on false aborts.")
	c.Local().Var(&o.falsePass, "false-pass", "Another bound on false passes.")
	c.Local().Bool(&o.json, "json", false, "Print the whole report; without changes it is byte for byte the one that was read.")
	c.Example("error-rate-gate replay --report=error-rate-gate.report.json --threshold=0.3%")
	c.Run = func(_ context.Context, r *task.Run) error { return replay(r, o) }
	return c
}

func replay(r *task.Run, o *replayOptions) error {
	recorded, err := readReport(o.report)
	if err != nil {
		return err
	}
	s, changed := o.apply(recorded.Settings)
	again, err := decideAgain(s, recorded.Looks)
	if err != nil {
		return err
	}
	encoded, err := again.encode()
	if err != nil {
		return err
	}
	if !changed {
		original, err := recorded.encode()
		if err != nil {
			return err
		}
		if !bytes.Equal(original, encoded) {
			return task.Refuse("the report's decision does not follow from its samples: it says %s, they say %s", recorded.Decision.Verdict, again.Decision.Verdict).
				WithRemedy("the report was changed after the run, or another version of the gate wrote it")
		}
	}
	if o.json {
		if _, err := r.Stdout.Write(encoded); err != nil {
			return err
		}
		return again.Decision.err()
	}
	for _, f := range again.Decision.Objectives {
		fmt.Fprintf(r.Stdout, "%-13s %s: %s\n              by the rule %s\n", f.Verdict, f.Name, f.Reason, f.Rule)
	}
	return again.Decision.err()
}

// apply changes the settings as asked, and tells whether anything was.
func (o *replayOptions) apply(s settings) (settings, bool) {
	changed := false
	set := func(to *fraction, from fraction) {
		if from.isSet() && *to != from {
			*to, changed = from, true
		}
	}
	for i := range s.Rules {
		r := &s.Rules[i]
		if r.Kind != shareRule {
			continue
		}
		if o.threshold.isSet() && !o.acceptable.isSet() {
			set(&r.Acceptable, o.threshold.half())
		}
		set(&r.Threshold, o.threshold)
		set(&r.Acceptable, o.acceptable)
	}
	set(&s.FalseAbort, o.falseAbort)
	set(&s.FalsePass, o.falsePass)
	return s, changed
}

// decideAgain feeds recorded looks to a new gate.
func decideAgain(s settings, looks []look) (report, error) {
	g, err := newGate(s)
	if err != nil {
		return report{}, err
	}
	fed := 0
	for _, l := range looks {
		g.feed(l)
		fed++
		if g.done() {
			break
		}
	}
	return report{Version: reportVersion, Settings: s, Looks: looks[:fed], Decision: g.decision()}, nil
}

func readReport(path string) (report, error) {
	var rep report
	if path == "" {
		return rep, task.Misconfigured("--report is empty").WithRemedy("name the report of a run: error-rate-gate.report.json")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return rep, task.Misconfigured("reading the report: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&rep); {
	case err != nil:
		return rep, task.Misconfigured("reading the report %q: %w", path, err)
	case rep.Version != reportVersion:
		return rep, task.Misconfigured("the report %q has version %d of the format, and this is version %d", path, rep.Version, reportVersion)
	case len(rep.Settings.Rules) == 0:
		return rep, task.Misconfigured("the report %q holds no objective: its run ended before it began to look", path)
	}
	for i := range rep.Settings.Rules {
		if rep.Settings.Rules[i], err = rep.Settings.Rules[i].objective.compile(); err != nil {
			return rep, err
		}
	}
	return rep, nil
}
