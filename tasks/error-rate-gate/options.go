package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/promapi"
	"github.com/sluice-ci/sluice/internal/sequential"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/internal/trust"
)

// options are the flags.
type options struct {
	prometheus, credentials string
	headers                 []string
	trust                   *trust.Options
	evidence                *predicate.Options
	source, objectives      string
	rule                    objective
	baseline                string
	method, undecided       string
	falseAbort, falsePass   fraction
	burst                   int
	warmUp, window          time.Duration
	interval, delay         time.Duration
	retryBudget             time.Duration
	clock, report           string
	plan                    string
	timer                   timer // nil for the server's clock
}

func newOptions() *options {
	return &options{
		rule:       objective{Name: "errors", Threshold: fraction{"0.5%"}},
		falseAbort: fraction{"5%"}, falsePass: fraction{"5%"},
	}
}

func (o *options) declareObjectives(c *task.Command) {
	c.OptionalWorkspace(&o.source, "source", "Where the file of --objectives lies.")
	c.String(&o.objectives, "objectives", "", "File in source that declares the objectives; empty for the one that the params below declare.")
	c.String(&o.rule.Preset, "preset", "", "Whose metrics to read: "+presetNames()+".")
	c.String(&o.rule.Total, "total", "", "Selector of the counter of requests, in place of a preset.")
	c.String(&o.rule.Errors, "errors", "", "Selector of the counter of failed requests.")
	c.String(&o.rule.Good, "good", "", "Selector of the counter of good requests, in place of errors.")
	c.String(&o.rule.Canary, "canary", "", "Label matchers of the canary, such as track=\"canary\".")
	c.String(&o.baseline, "baseline", "", "Label matchers of a simultaneous baseline of equal age; the canary must not have twice its error odds. Empty for none.")
	c.Var(&o.rule.Threshold, "threshold", "Share of failed requests that is refused.")
	c.Var(&o.rule.Acceptable, "acceptable", "Share of failed requests that is acceptable; empty for half of the threshold.")
}

func (o *options) declareDecision(c *task.Command) {
	c.String(&o.method, "method", string(sequentially), "How to decide: sequential, at the first look that can, or threshold, by the plain share at the end.")
	c.Var(&o.falseAbort, "false-abort", "Bound on the probability of refusing an acceptable canary, over all objectives and looks.")
	c.Var(&o.falsePass, "false-pass", "Bound on the probability of passing a refused canary, over all looks.")
	c.Int(&o.burst, "burst", 1, "How many consecutive requests may fail together; evidence counts that much less.")
	c.String(&o.undecided, "undecided", string(insufficient), "What an undecided gate does at the deadline: insufficient, exit code 3, or fail, exit code 1.")
	c.Duration(&o.warmUp, "warm-up", time.Minute, "How long after the start, or after the load's start, counting begins: at least two scrapes.")
	c.Duration(&o.window, "window", 10*time.Minute, "How long to count at most.")
	c.Duration(&o.interval, "interval", 10*time.Second, "Time from look to look.")
	c.Duration(&o.delay, "delay", 5*time.Second, "How long after a moment it is asked for, so that its scrapes are stored; with remote write 30s or more.")
	c.Duration(&o.retryBudget, "retry-budget", 3*time.Minute, "How long the Prometheus API may give no answer.")
	c.String(&o.clock, "clock", "", "File in reports by which load-test tells when its load runs; the window is then the load's. Empty for --window.")
}

func (o *options) declareAccess(c *task.Command) {
	c.Required(&o.prometheus, "prometheus", "Base URL of Prometheus, Thanos or Mimir, such as http://prometheus.monitoring:9090.")
	c.OptionalWorkspace(&o.credentials, "credentials", "Files token, or username and password, or tls.crt and tls.key, for the Prometheus API.")
	c.Strings(&o.headers, "headers", "", "Further headers, comma-separated, such as X-Scope-OrgID=team.")
	o.trust = trust.Declare(c)
	o.evidence = predicate.Declare(c)
	c.String(&o.report, "report", "error-rate-gate", "Base name of the files that are written into reports.")
	c.Local().String(&o.plan, "plan", "", "Requests per second and the canary's weight, such as 200@5%: print whether and when the gate can decide, and stop.")
}

func declareResults(c *task.Command) {
	c.Result("verdict", "One of pass, fail, insufficient, unavailable, misconfigured.")
	c.Result("objective", "The objective that decided.")
	c.Result("errors", "Failed requests of the canary, or those over the bound, in that objective.")
	c.Result("total", "Requests of the canary in that objective.")
	c.Result("rate", "Their share, such as 0.42%; none without requests.")
	c.Result("lower-bound", "Lower bound of the true share at 95 % confidence, at every look.")
	c.Result("upper-bound", "Upper bound of the true share at 95 % confidence, at every look.")
	predicate.DeclareResult(c)
}

// settings checks the flags and makes the rules ready. Errors have exit code 2.
func (o *options) settings() (settings, error) {
	s := settings{
		Method: method(o.method), Undecided: policy(o.undecided), Burst: o.burst,
		FalseAbort: o.falseAbort, FalsePass: o.falsePass, Interval: duration{o.interval}, RetryBudget: duration{o.retryBudget},
	}
	switch {
	case s.Method != sequentially && s.Method != byThreshold:
		return s, task.Misconfigured("--method=%s is neither sequential nor threshold", o.method)
	case s.Undecided != insufficient && s.Undecided != fail:
		return s, task.Misconfigured("--undecided=%s is neither insufficient nor fail", o.undecided).WithRemedy("an undecided gate never passes")
	case !o.falseAbort.isSet() || !o.falsePass.isSet():
		return s, task.Misconfigured("--false-abort and --false-pass cannot be empty")
	case o.interval < time.Second:
		return s, task.Misconfigured("--interval=%s is below 1s", o.interval)
	case o.window < o.interval:
		return s, task.Misconfigured("--window=%s is shorter than --interval=%s", o.window, o.interval)
	case o.report == "" || o.report != filepath.Base(o.report):
		return s, task.Misconfigured("--report=%q is no file name", o.report)
	case o.clock != "" && !filepath.IsLocal(o.clock):
		return s, task.Misconfigured("--clock=%q leaves the workspace reports", o.clock)
	}
	if err := (sequential.Bounds{FalseAbort: o.falseAbort.float(), FalsePass: o.falsePass.float()}).Check(); err != nil {
		return s, task.Misconfigured("%w", err)
	}
	declared, err := o.declared()
	if err != nil {
		return s, err
	}
	for _, d := range declared {
		r, err := d.compile()
		if err != nil {
			return s, err
		}
		s.Rules = append(s.Rules, r)
	}
	_, err = newGate(s)
	return s, err
}

// declared are the objectives of the file, or those of the flags.
func (o *options) declared() ([]objective, error) {
	if o.objectives == "" {
		all := []objective{o.rule}
		if o.baseline != "" {
			against := o.rule
			against.Name, against.Baseline, against.RefusedRatio = "errors-against-baseline", o.baseline, 2
			against.Floor, against.Threshold, against.Acceptable = o.rule.Threshold.orHalf(o.rule.Acceptable), fraction{}, fraction{}
			all = append(all, against)
		}
		return all, nil
	}
	if o.rule.Preset+o.rule.Total+o.rule.Errors+o.rule.Good+o.rule.Canary+o.baseline != "" {
		return nil, task.Misconfigured("--objectives=%s declares what to count, and so do other flags", o.objectives).
			WithRemedy("leave --preset, --total, --errors, --good, --canary and --baseline out, or --objectives")
	}
	if o.source == "" || !filepath.IsLocal(o.objectives) {
		return nil, task.Misconfigured("--objectives=%s is a file in the workspace source, and lies in none", o.objectives)
	}
	text, err := os.ReadFile(filepath.Join(o.source, o.objectives))
	if err != nil {
		return nil, task.Misconfigured("reading objectives: %w", err)
	}
	all, err := readObjectives(text)
	if err != nil {
		return nil, task.Misconfigured("%s: %w", o.objectives, err)
	}
	return all, nil
}

// orHalf is the acceptable share where one is set, and half of the threshold otherwise.
func (f fraction) orHalf(acceptable fraction) fraction {
	if acceptable.isSet() || !f.isSet() {
		return acceptable
	}
	return f.half()
}

// client reaches the API with the credentials of the workspace.
func (o *options) client(r *task.Run) (*promapi.Client, error) {
	tls, err := o.trust.TLS()
	if err != nil {
		return nil, err
	}
	access := promapi.Options{TLS: tls, Headers: map[string]string{}}
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, "=")
		if !ok || name == "" {
			return nil, task.Misconfigured("--headers: %q is not name=value", h)
		}
		access.Headers[name] = value
	}
	if err := o.authorize(r, &access); err != nil {
		return nil, err
	}
	client, err := promapi.New(o.prometheus, access)
	if err != nil {
		return nil, task.Misconfigured("--prometheus: %w", err)
	}
	return client, nil
}
