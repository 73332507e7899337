package main

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/internal/trust"
)

// Bounds of what the task may send, whoever asks: a mistyped zero is not an outage.
const (
	maxRate     = 5000 // requests per second
	maxDuration = time.Hour
	maxUnsent   = 0.01 // share of the planned requests that may be lost on this side
)

type options struct {
	url, targets   string
	paths, headers []string
	rate, workers  int
	duration       time.Duration
	timeout        time.Duration
	clock          string
	source         string
	reports, run   string
	trust          *trust.Options
}

func (o *options) declare(c *task.Command) {
	c.Required(&o.url, "url", "Base URL of the staging service; nothing is sent to any other host.")
	c.Strings(&o.paths, "paths", "/", "Paths to GET in turn, comma-separated.")
	c.String(&o.targets, "targets", "", "File in source with requests in vegeta's HTTP format, in place of paths; every one goes to the host of url.")
	c.Strings(&o.headers, "headers", "", "Headers of every request, comma-separated, such as X-Load-Test=true; no place for secrets.")
	c.Int(&o.rate, "rate", 50, "Requests per second, at most 5000.")
	c.Duration(&o.duration, "duration", 5*time.Minute, "How long to send, at most 1h.")
	c.Duration(&o.timeout, "timeout", 10*time.Second, "How long a request may take; a longer one is an error of the service.")
	c.Int(&o.workers, "workers", 1000, "Requests that may be under way at once.")
	c.String(&o.clock, "clock", "load-test.clock.json", "File in reports that tells when the load runs, for the param clock of error-rate-gate.")
	c.OptionalWorkspace(&o.source, "source", "Where the file of --targets lies.")
	c.OutputWorkspace(&o.reports, "reports", "Where the report and the clock are written.")
	o.trust = trust.Declare(c)
	c.Context(&o.run, "run-name", task.PipelineRunName, "Name of the PipelineRun; it is named in the clock.")
	c.Result("requests", "Requests that were sent.")
	c.Result("errors", "Requests that the service failed: 5xx, no answer in time, or a broken connection.")
	c.Result("unsent", "Planned requests that were lost on this side.")
	c.Result("error-rate", "Share of the sent requests that the service failed, such as 0.42%; none without requests.")
	c.Result("p99", "99 % of the answers took at most so long, such as 48ms; none without answers.")
}

// check refuses what cannot be sent; errors have exit code 2.
func (o *options) check() error {
	switch {
	case o.rate < 1 || o.rate > maxRate:
		return task.Misconfigured("--rate=%d is not between 1 and %d requests per second", o.rate, maxRate)
	case o.duration < time.Second || o.duration > maxDuration:
		return task.Misconfigured("--duration=%s is not between 1s and %s", o.duration, maxDuration)
	case o.timeout <= 0:
		return task.Misconfigured("--timeout=%s is no time", o.timeout)
	case o.workers < 1:
		return task.Misconfigured("--workers=%d is below 1", o.workers)
	case o.clock == "" || !filepath.IsLocal(o.clock):
		return task.Misconfigured("--clock=%q is no file in the workspace reports", o.clock)
	}
	return nil
}

// requests gives what to send in turn; every one goes to the host of --url.
func (o *options) requests() ([]vegeta.Target, error) {
	base, err := url.Parse(o.url)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, task.Misconfigured("--url=%q is no URL such as http://web.staging:8080", o.url)
	}
	header := http.Header{}
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, "=")
		if !ok || name == "" {
			return nil, task.Misconfigured("--headers: %q is not name=value", h)
		}
		header.Add(name, value)
	}
	if o.targets != "" {
		return o.fromFile(base, header)
	}
	var all []vegeta.Target
	for _, path := range o.paths {
		if !strings.HasPrefix(path, "/") {
			return nil, task.Misconfigured("--paths: %q does not begin with /", path)
		}
		all = append(all, vegeta.Target{Method: http.MethodGet, URL: strings.TrimSuffix(o.url, "/") + path, Header: header})
	}
	if len(all) == 0 {
		return nil, task.Misconfigured("--paths is empty")
	}
	return all, nil
}
