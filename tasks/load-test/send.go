package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/sluice-ci/sluice/internal/task"
)

// run sends the load, writes the report, and is an error unless the load was really sent.
func run(ctx context.Context, r *task.Run, o *options) error {
	if err := o.check(); err != nil {
		return err
	}
	targets, err := o.requests()
	if err != nil {
		return err
	}
	client, err := o.client()
	if err != nil {
		return err
	}
	if err := o.startClock(time.Now()); err != nil {
		return err
	}
	r.Printf("sending %d requests a second to %s for %s", o.rate, o.url, o.duration)
	t := newTally(o.rate, o.duration)
	attacker := vegeta.NewAttacker(vegeta.Client(client), vegeta.MaxWorkers(uint64(o.workers)), vegeta.Workers(uint64(min(o.workers, 10))))
	results := attacker.Attack(vegeta.NewStaticTargeter(targets...), vegeta.Rate{Freq: o.rate, Per: time.Second}, o.duration, "")
	stop := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stop()
	next := time.Now().Add(10 * time.Second)
	for result := range results {
		t.add(result)
		if time.Now().After(next) {
			next = next.Add(10 * time.Second)
			r.Printf("%s", t.line())
		}
	}
	t.close()
	if err := o.leave(r, t); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("sending load: %w", ctx.Err())
	}
	return t.verdict(o)
}

// startClock tells error-rate-gate when the load runs, before the first request is sent.
func (o *options) startClock(start time.Time) error {
	data, err := json.Marshal(map[string]any{"start": start.UTC(), "end": start.Add(o.duration).UTC(), "pipelineRun": o.run})
	if err != nil {
		return err
	}
	if err := task.WriteFile(filepath.Join(o.reports, o.clock), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the clock: %w", err)
	}
	return nil
}

// client sends without following redirects, which could lead to another host.
func (o *options) client() (*http.Client, error) {
	tls, err := o.trust.TLS()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: o.timeout, KeepAlive: 30 * time.Second}
	return &http.Client{
		Timeout:       o.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: marking{&http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: tls, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: o.workers, MaxConnsPerHost: o.workers, IdleConnTimeout: 90 * time.Second,
		}},
	}, nil
}

// ownMark begins the text of an error of this side: vegeta hands errors on as text.
const ownMark = "on this side: "

// marking tells errors of this side from those of the service while they are still typed.
type marking struct{ next http.RoundTripper }

func (m marking) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := m.next.RoundTrip(req)
	if err != nil && isOwn(err) {
		return nil, fmt.Errorf(ownMark+"%w", err)
	}
	return resp, err
}

// isOwn tells whether a request failed before it could reach anyone: no descriptors, ports or memory here, or a name that does not resolve.
func isOwn(err error) bool {
	for _, own := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, own) {
			return true
		}
	}
	var dns *net.DNSError
	return errors.As(err, &dns)
}

func own(result *vegeta.Result) bool { return strings.Contains(result.Error, ownMark) }
