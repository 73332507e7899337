package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type outcome struct {
	code    int
	stderr  string
	results map[string]string
	report  tally
	reports string
}

func send(t *testing.T, ctx context.Context, args ...string) outcome {
	out := outcome{results: map[string]string{}, reports: t.TempDir()}
	var stdout, stderr bytes.Buffer
	args = append([]string{"--reports=" + out.reports, "--rate=50", "--duration=2s"}, args...)
	out.code = newCommand().Execute(ctx, args, strings.NewReader(""), &stdout, &stderr, func(string) string { return "" })
	out.stderr = stderr.String()
	for line := range strings.Lines(stdout.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out.results[name] = value
		}
	}
	if data, err := os.ReadFile(filepath.Join(out.reports, "load-test.json")); err == nil {
		require.NoError(t, json.Unmarshal(data, &out.report))
	}
	return out
}

func service(t *testing.T, handler http.HandlerFunc) string {
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

var ctx = context.Background()

func TestTheWholeLoadIsSentInTurnAndCounted(t *testing.T) {
	var seen [2]atomic.Int64
	url := service(t, func(w http.ResponseWriter, r *http.Request) {
		seen[len(r.URL.Path)-2].Add(1)
		if r.Header.Get("X-Load-Test") != "true" {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	out := send(t, ctx, "--url="+url, "--paths=/a,/bb", "--headers=X-Load-Test=true")
	require.Equalf(t, 0, out.code, "%s", out.stderr)
	require.Equal(t, "100", out.results["requests"])
	require.Equal(t, "0", out.results["errors"])
	require.Equal(t, map[string]int64{"200": 100}, out.report.Codes)
	require.EqualValues(t, 50, seen[0].Load())
	require.EqualValues(t, 50, seen[1].Load())
	var buckets uint64
	for _, b := range out.report.Buckets {
		buckets += b.Count
	}
	require.EqualValues(t, 100, buckets)
}

func TestErrorsOfTheServiceAreItsOwn(t *testing.T) {
	var n atomic.Int64
	url := service(t, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) % 10 {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 1:
			w.WriteHeader(http.StatusNotFound) // the caller's fault
		case 2:
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Close()
			}
		}
	})
	out := send(t, ctx, "--url="+url)
	require.Equalf(t, 0, out.code, "%s", out.stderr)
	// A connection that was kept and is closed before a byte of the answer is tried anew by net/http, so the third kind may be seen less often.
	require.GreaterOrEqual(t, out.report.Errors, int64(10))
	require.EqualValues(t, 0, out.report.Unsent)
	require.Equal(t, fmt.Sprintf("%.4f%%", float64(out.report.Errors)), out.results["error-rate"])
}

func TestASlowServiceFailsByTimeOutAndDoesNotSlowTheLoad(t *testing.T) {
	url := service(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}
	})
	began := time.Now()
	out := send(t, ctx, "--url="+url, "--timeout=300ms")
	require.Equal(t, 3, out.code)
	require.Contains(t, out.stderr, "none of 100 requests")
	require.Equal(t, "100", out.results["errors"])
	require.Less(t, time.Since(began), 4*time.Second)
}

func TestAClosedPortIsTheServicesFailure(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	out := send(t, ctx, "--url="+s.URL)
	require.Equal(t, 3, out.code)
	require.Equal(t, "100", out.results["errors"])
	require.Equal(t, "0", out.results["unsent"])
	require.Contains(t, out.stderr, "connection refused")
}

func TestALoadThatCannotBeKeptIsNotCalledSent(t *testing.T) {
	url := service(t, func(w http.ResponseWriter, r *http.Request) { time.Sleep(200 * time.Millisecond) })
	out := send(t, ctx, "--url="+url, "--workers=1")
	require.Equal(t, 3, out.code)
	require.Contains(t, out.stderr, "planned requests were lost on this side")
	require.Greater(t, out.report.Unsent, int64(50))
	require.Zero(t, out.report.Errors)
}

func TestErrorsOfThisSideAreRecognised(t *testing.T) {
	for _, err := range []error{
		&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)},
		&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)},
		&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host"}},
	} {
		require.Truef(t, isOwn(err), "%v", err)
	}
	for _, err := range []error{
		&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		context.DeadlineExceeded,
	} {
		require.Falsef(t, isOwn(err), "%v", err)
	}
}

func TestTheClockIsWrittenBeforeTheFirstRequest(t *testing.T) {
	reports := t.TempDir()
	var missing atomic.Int64
	url := service(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := os.Stat(filepath.Join(reports, "c.json")); err != nil {
			missing.Add(1)
		}
	})
	out := send(t, ctx, "--url="+url, "--reports="+reports, "--clock=c.json", "--run-name=run-1")
	require.Equalf(t, 0, out.code, "%s", out.stderr)
	require.Zero(t, missing.Load())
	data, err := os.ReadFile(filepath.Join(reports, "c.json"))
	require.NoError(t, err)
	var c struct {
		Start, End  time.Time
		PipelineRun string
	}
	require.NoError(t, json.Unmarshal(data, &c))
	require.Equal(t, "run-1", c.PipelineRun)
	require.Equal(t, 2*time.Second, c.End.Sub(c.Start))
}

func TestASignalStopsTheLoadAndKeepsTheReport(t *testing.T) {
	url := service(t, func(http.ResponseWriter, *http.Request) {})
	stopped, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	began := time.Now()
	out := send(t, stopped, "--url="+url, "--duration=1m")
	require.Equal(t, 3, out.code)
	require.Less(t, time.Since(began), 10*time.Second)
	require.Greater(t, out.report.Sent, int64(10))
}

func TestWhatCannotBeSentIsRefused(t *testing.T) {
	source := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(source, name), []byte(text), 0o644))
	}
	write("other-host", "GET http://elsewhere.example.com/\n")
	write("empty", "")
	write("odd", "HELLO\n")
	write("outside", "POST http://a/\n@/etc/hostname\n")
	write("above", "POST http://a/\n@../secret\n")
	require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(source, "link")))
	write("linked", "POST http://a/\n@link\n")
	write("folder", "POST http://a/\n@.\n")
	for _, args := range [][]string{
		{"--url=web:8080"}, {"--url=ftp://a"}, {"--url="}, {"--url=http://a", "--rate=0"}, {"--url=http://a", "--rate=5001"}, {"--url=http://a", "--duration=2h"},
		{"--url=http://a", "--duration=0s"}, {"--url=http://a", "--paths=a"}, {"--url=http://a", "--paths="}, {"--url=http://a", "--headers=x"},
		{"--url=http://a", "--timeout=0s"}, {"--url=http://a", "--workers=0"}, {"--url=http://a", "--clock=../x"}, {"--url=http://a", "--targets=t"},
		{"--url=http://a", "--source=" + source, "--targets=other-host"}, {"--url=http://a", "--source=" + source, "--targets=empty"},
		{"--url=http://a", "--source=" + source, "--targets=odd"}, {"--url=http://a", "--source=" + source, "--targets=absent"},
		{"--url=http://a", "--source=" + source, "--targets=../absent"}, {"--url=http://a", "--source=" + source, "--targets=outside"},
		{"--url=http://a", "--source=" + source, "--targets=above"}, {"--url=http://a", "--source=" + source, "--targets=linked"},
		{"--url=http://a", "--source=" + source, "--targets=folder"},
	} {
		out := send(t, ctx, args...)
		require.Equalf(t, 2, out.code, "%v: %s", args, out.stderr)
	}
}

func TestTargetsOfAFileAreSentWithTheirBodies(t *testing.T) {
	var posted atomic.Int64
	url := service(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.ContentLength == 7 {
			posted.Add(1)
		}
	})
	source := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(source, "body.json"), []byte(`{"a":1}`), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(source, "t"), []byte("GET "+url+"/\n\nPOST "+url+"/api\n@body.json\n"), 0o644))
	out := send(t, ctx, "--url="+url, "--source="+source, "--targets=t")
	require.Equalf(t, 0, out.code, "%s", out.stderr)
	require.EqualValues(t, 50, posted.Load())
}

// FuzzTargets holds every file of targets to the host of --url, and what it sends to the source.
func FuzzTargets(f *testing.F) {
	f.Add("GET http://web/a\nX-A: b\n\nPOST http://web/b\n")
	f.Add("GET http://other/\n")
	f.Add("DELETE http://web:80@other/\n")
	f.Add("# nothing\n")
	f.Fuzz(func(t *testing.T, text string) {
		source := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(source, "t"), []byte(text), 0o644))
		all, err := (&options{url: "http://web", source: source, targets: "t"}).requests()
		if err != nil {
			return
		}
		require.NotEmpty(t, all)
		for _, target := range all {
			request, err := target.Request()
			if err == nil {
				require.Equal(t, "web", request.URL.Host)
			}
		}
	})
}
