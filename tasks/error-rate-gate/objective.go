package main

import (
	"fmt"
	"strconv"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/promquery"
	"github.com/sluice-ci/sluice/internal/task"
)

// objective is one rule and what it counts, as a person declares it in a file.
type objective struct {
	Name string `json:"name"`

	// What counts as a request and what as bad: a preset, or selectors of raw counters, or a histogram.
	Preset    string `json:"preset,omitempty"`
	Total     string `json:"total,omitempty"`     // selector of requests
	Errors    string `json:"errors,omitempty"`    // selector of bad requests
	Good      string `json:"good,omitempty"`      // selector of good requests: bad ones are total - good
	Histogram string `json:"histogram,omitempty"` // selector of a histogram, classic (without _bucket) or native

	// Whose requests: matchers such as track="canary".
	Canary   string `json:"canary,omitempty"`
	Baseline string `json:"baseline,omitempty"`

	// The rule for one stream.
	Threshold  fraction `json:"threshold,omitzero"`  // refused share of bad requests
	Acceptable fraction `json:"acceptable,omitzero"` // default half of it
	SlowerThan duration `json:"slowerThan,omitzero"` // a request is bad when it took longer

	// The rule for one stream by its error budget.
	SLO fraction `json:"slo,omitzero"` // share of requests that has to be good over 30 days

	// The rules against a baseline: a ratio of the shares, or a quantile of the durations.
	RefusedRatio    float64  `json:"refusedRatio,omitempty"`
	AcceptableRatio float64  `json:"acceptableRatio,omitempty"` // default 1
	Floor           fraction `json:"floor,omitzero"`            // below this share the canary passes whatever the baseline does
	Quantile        fraction `json:"quantile,omitzero"`
	Increase        fraction `json:"increase,omitzero"` // refused increase of the quantile
}

// duration is written as in Go: 300ms.
type duration struct{ time.Duration }

func (d *duration) UnmarshalText(b []byte) (err error) {
	d.Duration, err = time.ParseDuration(string(b))
	return err
}

func (d duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// readObjectives reads the file's form: a list under objectives. Unknown fields are errors.
func readObjectives(text []byte) ([]objective, error) {
	var file struct {
		Objectives []objective `json:"objectives"`
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return nil, fmt.Errorf("reading objectives: %w", err)
	}
	if len(file.Objectives) == 0 {
		return nil, fmt.Errorf("reading objectives: there is none in the list objectives")
	}
	seen := map[string]bool{}
	for i, o := range file.Objectives {
		switch {
		case o.Name == "":
			return nil, fmt.Errorf("objective %d has no name", i+1)
		case seen[o.Name]:
			return nil, fmt.Errorf("two objectives are named %q", o.Name)
		}
		seen[o.Name] = true
	}
	return file.Objectives, nil
}

// kind of rule.
type kind string

const (
	shareRule    kind = "share"    // one stream against a threshold
	burnRule     kind = "burn"     // one stream against burn rates of its error budget
	ratioRule    kind = "ratio"    // two streams against each other
	quantileRule kind = "quantile" // the durations of two streams against each other
)

// kind tells which rule is declared, and refuses mixtures.
func (o *objective) kind() (kind, error) {
	share, ratio, quantile := o.Threshold.isSet() || o.Acceptable.isSet(), o.RefusedRatio != 0 || o.AcceptableRatio != 0, o.Quantile.isSet() || o.Increase.isSet()
	burn := o.SLO.isSet()
	rules := btoi(share) + btoi(burn) + btoi(ratio) + btoi(quantile)
	switch compares := ratio || quantile; {
	case rules != 1:
		return "", fmt.Errorf("objective %q declares %d rules; give one of threshold, slo, refusedRatio, and quantile with increase", o.Name, rules)
	case !compares && o.Baseline != "":
		return "", fmt.Errorf("objective %q has a baseline, to which a threshold does not compare; give refusedRatio, or leave the baseline out", o.Name)
	case compares && o.Baseline == "":
		return "", fmt.Errorf("objective %q compares, but has no baseline", o.Name)
	case compares && o.Baseline == o.Canary:
		return "", fmt.Errorf("objective %q compares the canary with itself", o.Name)
	case o.Floor.isSet() && !ratio:
		return "", fmt.Errorf("objective %q has a floor without a refusedRatio", o.Name)
	case share:
		return shareRule, nil
	case burn:
		return burnRule, nil
	case ratio:
		return ratioRule, nil
	}
	if !o.Quantile.isSet() || !o.Increase.isSet() {
		return "", fmt.Errorf("objective %q needs both quantile and increase", o.Name)
	}
	if o.SlowerThan.Duration != 0 {
		return "", fmt.Errorf("objective %q has slowerThan beside a quantile, whose bound comes from the baseline", o.Name)
	}
	return quantileRule, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// rule is an objective made ready: defaults filled in, selectors read.
type rule struct {
	objective
	Kind     kind    `json:"kind"`
	Canary   source  `json:"canarySource"`
	Baseline *source `json:"baselineSource,omitempty"`
}

// source is what is asked for one stream. Selectors are in PromQL.
type source struct {
	Total     string  `json:"total,omitempty"`
	Errors    string  `json:"errors,omitempty"`
	Good      string  `json:"good,omitempty"`
	Histogram string  `json:"histogram,omitempty"`
	Unit      float64 `json:"unit,omitempty"` // seconds of one unit of the histogram's bounds
}

// compile checks an objective whole. Its errors have exit code 2.
func (o objective) compile() (rule, error) {
	r, err := o.ready()
	if err != nil {
		return rule{}, task.Misconfigured("%w", err)
	}
	return r, nil
}

func (o objective) ready() (r rule, err error) {
	r.Kind, err = o.kind()
	if err != nil {
		return r, err
	}
	if r.Kind == shareRule && !o.Acceptable.isSet() && o.Threshold.isSet() {
		o.Acceptable = o.Threshold.half()
	}
	if r.Kind == ratioRule && o.AcceptableRatio == 0 {
		o.AcceptableRatio = 1
	}
	r.objective = o
	switch {
	case r.Kind == shareRule && !o.Threshold.isSet():
		return r, fmt.Errorf("objective %q has no threshold", o.Name)
	case r.Kind == shareRule && o.Acceptable.rat().Cmp(o.Threshold.rat()) >= 0:
		return r, fmt.Errorf("objective %q accepts %s and refuses %s; the accepted share must be the smaller one: no test can tell a rate from itself", o.Name, o.Acceptable.text, o.Threshold.text)
	case r.Kind == burnRule && r.budget()*burnRates[0].times >= 1:
		return r, fmt.Errorf("objective %q has an SLO of %s, whose budget cannot burn %g times too fast: that is more than all requests; give a threshold", o.Name, o.SLO.text, burnRates[0].times)
	case r.Kind == ratioRule && !(o.AcceptableRatio > 0 && o.RefusedRatio > o.AcceptableRatio && o.RefusedRatio < 1e6):
		return r, fmt.Errorf("objective %q accepts a ratio of %g and refuses %g; they must be 0 < accepted < refused", o.Name, o.AcceptableRatio, o.RefusedRatio)
	case o.SlowerThan.Duration < 0:
		return r, fmt.Errorf("objective %q has the negative bound %s", o.Name, o.SlowerThan)
	}
	if r.Canary, err = o.source(r.Kind, o.Canary); err != nil {
		return r, fmt.Errorf("objective %q: %w", o.Name, err)
	}
	if o.Baseline != "" {
		baseline, err := o.source(r.Kind, o.Baseline)
		if err != nil {
			return r, fmt.Errorf("objective %q: %w", o.Name, err)
		}
		r.Baseline = &baseline
	}
	return r, nil
}

// source gives the selectors of one stream: those of the preset or of the objective, narrowed by the stream's matchers.
func (o objective) source(k kind, matchers string) (source, error) {
	p, err := o.metrics()
	if err != nil {
		return source{}, err
	}
	if k == quantileRule || o.SlowerThan.Duration != 0 {
		if p.Histogram == "" {
			return source{}, fmt.Errorf("durations need a histogram or a preset")
		}
		selector, err := narrowed(p.Histogram, matchers)
		return source{Histogram: selector, Unit: p.Unit}, err
	}
	if p.Total == "" || (p.Errors == "") == (p.Good == "") {
		return source{}, fmt.Errorf("give total and one of errors and good, or a preset (%s)", presetNames())
	}
	var s source
	for _, part := range []struct {
		to   *string
		from string
	}{{&s.Total, p.Total}, {&s.Errors, p.Errors}, {&s.Good, p.Good}} {
		if part.from == "" {
			continue
		}
		if *part.to, err = narrowed(part.from, matchers); err != nil {
			return source{}, err
		}
	}
	if s.Total == s.Errors || s.Total == s.Good {
		return source{}, fmt.Errorf("total and the part of it are the same selector %s", s.Total)
	}
	return s, nil
}

func (o objective) metrics() (source, error) {
	if o.Preset == "" {
		unit := 1.0
		return source{o.Total, o.Errors, o.Good, o.Histogram, unit}, nil
	}
	if o.Total+o.Errors+o.Good+o.Histogram != "" {
		return source{}, fmt.Errorf("the preset %s names the metrics; leave total, errors, good and histogram out, or the preset", o.Preset)
	}
	p, ok := presets[o.Preset]
	if !ok {
		return source{}, fmt.Errorf("there is no preset %s; there are %s", strconv.Quote(o.Preset), presetNames())
	}
	total, err := promquery.Parse(p.total)
	if err != nil {
		return source{}, err
	}
	bad, err := total.With(p.errors)
	if err != nil {
		return source{}, err
	}
	return source{Total: p.total, Errors: bad.String(), Histogram: total.Named(p.histogram).String(), Unit: p.unit}, nil
}

func narrowed(selector, matchers string) (string, error) {
	s, err := promquery.Parse(selector)
	if err != nil {
		return "", err
	}
	s, err = s.With(matchers)
	return s.String(), err
}
