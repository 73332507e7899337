package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start runs the service and returns its base URL, and a function that stops it and returns what run returned.
func start(t *testing.T, args ...string) (string, func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	address, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		done <- run(ctx, append([]string{"--listen=127.0.0.1:0"}, args...), io.Discard, func(a net.Addr) { address <- a })
	}()
	select {
	case a := <-address:
		return "http://" + a.String(), func() error { cancel(); return <-done }
	case err := <-done:
		t.Fatalf("run ended early: %v", err)
	case <-time.After(10 * time.Second):
		t.Fatal("run does not listen")
	}
	panic("unreachable")
}

func TestALinkOutlivesARestart(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "links.jsonl")
	base, stop := start(t, "--journal="+journal)
	response, err := http.Post(base+"/api/links", "application/json", strings.NewReader(`{"url":"https://go.dev/","slug":"go"}`))
	if err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("creating: %v, %v", response, err)
	}
	response.Body.Close()
	if err := stop(); err != nil {
		t.Fatalf("stopping: %v", err)
	}

	base, stop = start(t, "--journal="+journal)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err = client.Get(base + "/go")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got := response.Header.Get("Location"); response.StatusCode != http.StatusFound || got != "https://go.dev/" {
		t.Errorf("got %d to %q, want 302 to https://go.dev/", response.StatusCode, got)
	}
	if err := stop(); err != nil {
		t.Fatalf("stopping: %v", err)
	}
}

func TestRunRefusesWhatItCannotDo(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag":         {"--nope"},
		"rate above one":       {"--chaos-error-rate=1.5"},
		"journal in no folder": {"--journal=" + filepath.Join(t.TempDir(), "none", "links.jsonl")},
		"port out of range":    {"--listen=127.0.0.1:99999"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(t.Context(), args, io.Discard, func(net.Addr) {}); err == nil {
				t.Error("run returned no error")
			}
		})
	}
}
