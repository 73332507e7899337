package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sluice-ci/sluice/internal/sequential"
	"github.com/sluice-ci/sluice/internal/task"
)

// likely is the probability of passing a good canary within the window below which a plan is refused.
const likely = 0.8

// traffic reads "200@5%": requests per second of the service, and the share of them that the canary gets.
func traffic(text string) (perSecond float64, err error) {
	all, weight, weighted := strings.Cut(text, "@")
	perSecond, err = strconv.ParseFloat(all, 64)
	if err != nil || !(perSecond > 0 && perSecond < 1e9) {
		return 0, task.Misconfigured("--plan=%s: %q is no number of requests per second", text, all)
	}
	if weighted && weight != "100%" {
		var f fraction
		if err := f.Set(weight); err != nil || !f.isSet() {
			return 0, task.Misconfigured("--plan=%s: %q is no weight such as 5%%", text, weight)
		}
		perSecond *= f.float()
	}
	return perSecond, nil
}

// scenario is a canary that might come.
type scenario struct {
	what   string
	good   bool // the gate should pass it, within the window
	canary float64
	other  float64 // share of the baseline
	beyond float64 // quantile rule: the canary's share over the upper bound
}

// plan prints when the gate would decide, and refuses a plan that cannot.
func plan(r *task.Run, o *options, s settings) error {
	r.WithoutResults()
	perSecond, err := traffic(o.plan)
	if err != nil {
		return err
	}
	s.End = s.Start + o.window.Milliseconds()
	perLook := int64(math.Round(perSecond * o.interval.Seconds()))
	looks := int(o.window / o.interval)
	fmt.Fprintf(r.Stdout, "%.4g requests a second to the canary, %d a look, for %s\n", perSecond, perLook, o.window)
	for _, rule := range s.Rules {
		if err := o.planRule(r, s, rule, perLook, looks, perSecond); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) planRule(r *task.Run, s settings, rule rule, perLook int64, looks int, perSecond float64) error {
	fmt.Fprintf(r.Stdout, "\n%s: %s\n", rule.Name, rule)
	w := tabwriter.NewWriter(r.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "  a canary with\tpasses\tfails\tstays open\tmedian time")
	passes := 1.0
	for _, c := range rule.scenarios() {
		passed, failed, err := operate(s, rule, c, perLook, looks)
		if err != nil {
			return err
		}
		p, f := passed[looks-1], failed[looks-1]
		if c.good {
			passes = p
		}
		fmt.Fprintf(w, "  %s\t%.1f %%\t%.1f %%\t%.1f %%\t%s\n", c.what, p*100, f*100, max(0, 1-p-f)*100, median(passed, failed, o.interval))
	}
	w.Flush()
	if passes >= likely {
		return nil
	}
	e := task.Undecided("objective %q: within %s a good canary passes with a probability of %.0f %% only", rule.Name, o.window, passes*100)
	test, err := newJudge(rule, &s)
	if err != nil {
		return err
	}
	if test.rate != nil && float64(test.rate.FewestToPass()) > perSecond*o.window.Seconds() {
		e = task.Misconfigured("objective %q: not even a canary without an error can pass: that takes %d requests, and %s brings %.0f",
			rule.Name, test.rate.FewestToPass(), o.window, perSecond*o.window.Seconds())
	}
	return e.WithRemedy("%s", o.longer(s, rule, perLook, looks))
}

// longer finds a window that would do.
func (o *options) longer(s settings, rule rule, perLook int64, looks int) string {
	good := rule.scenarios()[0]
	for factor := 2; factor <= 64; factor *= 2 {
		passed, err := passing(s, rule, good, perLook, looks*factor)
		if err != nil {
			break
		}
		for i, p := range passed {
			if p >= likely {
				return fmt.Sprintf("use --window=%s, give the canary more traffic, or set the rates farther apart", (time.Duration(i+1)*o.interval).Round(time.Minute)+time.Minute)
			}
		}
	}
	return "give the canary more traffic, or set the rates farther apart: no window up to 64 times as long would do"
}

// passing gives the probability of a pass by each look: for one stream exactly, that evidence for a pass is there.
func passing(s settings, rule rule, c scenario, perLook int64, looks int) ([]float64, error) {
	j, err := newJudge(rule, &s)
	if err != nil {
		return nil, err
	}
	if j.rate != nil {
		_, passed := j.rate.Operating(c.canary, slices.Repeat([]int64{perLook}, looks))
		return passed, nil
	}
	passed, _, err := operate(s, rule, c, perLook, looks)
	return passed, err
}

// scenarios of a rule; the first is a good canary, which should pass.
func (r rule) scenarios() []scenario {
	var all []scenario
	switch r.Kind {
	case shareRule:
		accepted, refused := r.Acceptable.float(), r.Threshold.float()
		all = append(all, scenario{what: percent(accepted/2) + " (half of the acceptable)", good: true, canary: accepted / 2},
			scenario{what: "no errors"}, scenario{what: percent(accepted) + " (acceptable)", canary: accepted})
		for _, times := range []float64{1, 2, 4, 10} {
			if rate := refused * times; rate < 1 {
				all = append(all, scenario{what: fmt.Sprintf("%s (%g times the threshold)", percent(rate), times), canary: rate})
			}
		}
	case burnRule:
		for _, times := range []float64{1, 0, 3, 6, 14.4, 50} {
			if rate := times * r.budget(); rate < 1 {
				all = append(all, scenario{what: fmt.Sprintf("%g times the budget (%s)", times, percent(rate)), good: times == 1, canary: rate})
			}
		}
	case ratioRule:
		for _, base := range []float64{0.01, 0.001} {
			for _, ratio := range []float64{1, r.RefusedRatio, 4 * r.RefusedRatio} {
				all = append(all, scenario{what: fmt.Sprintf("%g times a baseline of %s", ratio, percent(base)), good: ratio == 1 && base == 0.01,
					canary: base * ratio / (1 - base + base*ratio), other: base})
			}
		}
	default: // the tail is taken as exponential: a share S over x means S^(1+i) over x·(1+i)
		over := 1 - r.Quantile.float()
		for _, increase := range []float64{0, r.Increase.float(), 4 * r.Increase.float(), 1} {
			at := func(bound float64) float64 { return math.Pow(over, bound/(1+increase)) }
			all = append(all, scenario{what: fmt.Sprintf("a quantile %s higher", percent(increase)), good: increase == 0,
				canary: at(1), other: over, beyond: at(1 + r.Increase.float())})
		}
	}
	return all
}

// operate gives the probability of each verdict by each look: exact for one stream, by seeded simulation for two.
func operate(s settings, rule rule, c scenario, perLook int64, looks int) (passed, failed []float64, err error) {
	if rule.Kind == shareRule {
		j, err := newJudge(rule, &s)
		if err != nil {
			return nil, nil, err
		}
		failed, passed = j.rate.Operating(c.canary, slices.Repeat([]int64{perLook}, looks))
		return passed, failed, nil
	}
	const runs = 200
	s.End = s.Start + int64(looks)*s.Interval.Milliseconds()
	passed, failed = make([]float64, looks), make([]float64, looks)
	random := rand.New(rand.NewPCG(1, 1))
	for range runs {
		j, err := newJudge(rule, &s)
		if err != nil {
			return nil, nil, err
		}
		at, v, err := simulate(random, j, c, perLook, looks)
		if err != nil {
			return nil, nil, err
		}
		for i := at; i < looks; i++ {
			if v == sequential.Pass {
				passed[i] += 1.0 / runs
			}
			if v == sequential.Fail {
				failed[i] += 1.0 / runs
			}
		}
	}
	return passed, failed, nil
}

func simulate(random *rand.Rand, j *judge, c scenario, perLook int64, looks int) (at int, v sequential.Verdict, err error) {
	for at = range looks {
		canary := sequential.Counts{Errors: draw(random, perLook, c.canary), Total: perLook}
		baseline := sequential.Counts{Errors: draw(random, perLook, c.other), Total: perLook}
		switch j.rule.Kind {
		case burnRule:
			err = j.takeBurn(j.settings.Start+int64(at+1)*j.settings.Interval.Milliseconds(), canary)
			if at == looks-1 {
				j.burnAtDeadline()
			}
		case quantileRule:
			beyond := sequential.Counts{Errors: draw(random, canary.Errors, c.beyond/c.canary), Total: perLook}
			j.verdict, err = j.comparison.AddShifted(sequential.Table{Canary: canary, Baseline: baseline}, sequential.Table{Canary: beyond, Baseline: baseline})
		default:
			err = j.takeRatio(canary, baseline)
		}
		if err != nil || j.verdict != sequential.Undecided {
			return at, j.verdict, err
		}
	}
	return looks, sequential.Undecided, nil
}

// draw a binomial count, by the gaps between errors, which are geometric.
func draw(random *rand.Rand, n int64, rate float64) (errors int64) {
	if rate <= 0 {
		return 0
	}
	if rate >= 1 {
		return n
	}
	for at := 0.0; ; errors++ {
		at += 1 + math.Floor(math.Log1p(-random.Float64())/math.Log1p(-rate))
		if at > float64(n) {
			return errors
		}
	}
}

// median is the time by which half of the canaries are decided.
func median(passed, failed []float64, interval time.Duration) string {
	for i := range passed {
		if passed[i]+failed[i] >= 0.5 {
			return (time.Duration(i+1) * interval).String()
		}
	}
	return "after the window"
}
