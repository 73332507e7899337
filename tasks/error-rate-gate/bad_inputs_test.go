package main

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// badInput is something that a gate could take for a healthy canary, or crash on.
type badInput struct {
	name string
	code int
	args []string // in place of the usual flags
	set  func(w *world)
}

// TestBadInputsNeverPass runs the command on each of them against the real API, and writes what a person sees into README.md.
func TestBadInputsNeverPass(t *testing.T) {
	var b strings.Builder
	b.WriteString("| input | exit code | verdict | what a person sees |\n| --- | --- | --- | --- |\n")
	var all []badInput
	for _, group := range [][]badInput{dataThatMisleads(t), serversThatMisbehave(), queriesThatDoNotCount(), settingsThatCannotBe(t)} {
		all = append(all, group...)
	}
	require.GreaterOrEqual(t, len(all), 60)
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, canary(40, 0))
			if c.set != nil {
				c.set(w)
			}
			if c.args == nil {
				c.args = usualFlags
			}
			out := w.run(append([]string{"--window=3m"}, c.args...)...)
			require.NotZero(t, out.code, "a bad input must not pass")
			require.Equalf(t, c.code, out.code, "%s", out.stderr)
			fmt.Fprintf(&b, "| %s | %d | %s | `%s` |\n", c.name, out.code, out.results["verdict"], shownToAPerson(out.stderr, w.server.URL, out.reports))
		})
	}
	section(t, "bad inputs", b.String())
}

// shownToAPerson is the refusal's first line, without what differs from run to run.
func shownToAPerson(stderr, url, reports string) string {
	line := ""
	for l := range strings.Lines(stderr) {
		if rest, ok := strings.CutPrefix(l, "error-rate-gate: "); ok {
			line = strings.TrimSpace(rest)
		}
	}
	line = strings.ReplaceAll(strings.ReplaceAll(line, url, "http://…"), reports, "…")
	line = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(line, "…")
	line = regexp.MustCompile(`/tmp/[^ ":)]*/(\d+|(o\.yaml))`).ReplaceAllString(line, "…/$2")
	line = strings.NewReplacer("|", `\|`, "`", "'").Replace(line)
	if r := []rune(line); len(r) > 190 {
		line = string(r[:190]) + "…"
	}
	return line
}

// series replaces the canary by one series with the given values, a scrape each; the last one stays.
func series(metric string, values []float64, labels ...string) func(w *world) {
	return func(w *world) {
		w.pods = nil
		n := 0
		w.events = append(w.events, func(w *world, _ time.Duration) {
			w.server.Add(w.now, values[min(n, len(values)-1)], append([]string{"__name__", metric, "job", "web", "instance", "a", "track", "canary"}, labels...)...)
			n++
		})
	}
}

func rising(from, step float64) []float64 {
	values := make([]float64, 60)
	for i := range values {
		values[i] = from + step*float64(i)
	}
	return values
}

func dataThatMisleads(t *testing.T) []badInput {
	objectives := func(text string) []string {
		return []string{"--source=" + objectivesFile(t, "objectives:\n  - "+text), "--objectives=o.yaml"}
	}
	durations := objectives(`{name: slow, preset: http, canary: 'track="canary"', slowerThan: 500ms, threshold: 1%}`)
	return []badInput{
		{"no series at all", 3, nil, func(w *world) { w.pods = nil }},
		{"series, but no requests", 3, nil, series("http_requests_total", []float64{5}, "code", "200")},
		{"fewer requests than can show anything", 3, nil, func(w *world) { w.pods[0].perSecond = 0.4 }},
		{"one scrape only", 3, nil, func(w *world) {
			w.events = append(w.events, func(w *world, since time.Duration) { w.pods[0].unscraped = since > 5*time.Second })
		}},
		{"the exporter stops, and leaves its last value", 3, nil, func(w *world) {
			w.events = append(w.events, func(w *world, since time.Duration) { w.pods[0].unscraped = since > 60*time.Second })
		}},
		{"the canary dies after the warm-up", 3, nil, func(w *world) {
			w.events = append(w.events, func(w *world, since time.Duration) { w.pods[0].down = since > 80*time.Second })
		}},
		{"everything fails, and no good series exists", 1, nil, func(w *world) { w.pods[0].errorRate = 1 }},
		{"every scrape meets a restarted process that counted as much as the one before", 3, nil, func(w *world) {
			w.pods[0].errorRate = 1
			w.events = append(w.events, func(w *world, _ time.Duration) { w.pods[0].counts = nil })
		}},
		{"NaN", 2, nil, series("http_requests_total", []float64{1, math.NaN()}, "code", "200")},
		{"infinity", 2, nil, series("http_requests_total", []float64{1, math.Inf(1)}, "code", "200")},
		{"a negative count", 2, nil, series("http_requests_total", []float64{-3}, "code", "200")},
		{"fractions: a rate recorded as a counter", 2, nil, series("http_requests_total", rising(0, 12.5), "code", "200")},
		{"a count beyond exact floats", 2, nil, series("http_requests_total", []float64{1, 1e17}, "code", "200")},
		{"a native histogram where a counter is asked for", 2, []string{"--total=http_request_duration_seconds", `--errors=http_request_duration_seconds{code="5"}`, `--canary=track="canary"`},
			func(w *world) { slow(w.pods[0], 0.1, nil, 1.1) }},
		{"two replicas of Prometheus behind one API", 2, nil, func(w *world) {
			w.pods[0].labels = append(w.pods[0].labels, "replica", "a")
			twin := newPod("canary", 40, 0)
			twin.labels = append(twin.labels, "replica", "b")
			w.pods = append(w.pods, twin)
		}},
		{"the status label is called otherwise", 2, []string{"--total=http_requests_total", `--errors=http_requests_total{status=~"5.."}`, `--canary=track="canary"`}, nil},
		{"errors counted elsewhere, and never seen", 3, []string{"--total=http_requests_total", `--errors=http_failures_total`, `--canary=track="canary"`}, nil},
		{"errors that are no part of the total", 2, []string{"--total=http_requests_total", `--errors=http_other_total`, `--canary=track="canary"`}, func(w *world) {
			series("http_other_total", rising(0, 5000))(w)
			w.pods = []*pod{canary(40, 0)}
		}},
		{"good requests that are no part of the total", 2, []string{"--total=http_requests_total", `--good=http_other_total`, `--canary=track="canary"`}, func(w *world) {
			series("http_other_total", rising(0, 5000))(w)
			w.pods = []*pod{canary(40, 0)}
		}},
		{"a bound that is no bucket", 2, objectives(`{name: slow, preset: http, canary: 'track="canary"', slowerThan: 300ms, threshold: 1%}`), func(w *world) { slow(w.pods[0], 0.1, wide, 0) }},
		{"a bound over the last bucket", 2, objectives(`{name: slow, preset: http, canary: 'track="canary"', slowerThan: 10s, threshold: 1%}`), func(w *world) { slow(w.pods[0], 0.1, wide, 0) }},
		{"buckets without +Inf", 2, durations, series("http_request_duration_seconds_bucket", rising(0, 5), "le", "0.5")},
		{"buckets without le", 2, durations, series("http_request_duration_seconds_bucket", rising(0, 5))},
		{"le that is no number", 2, durations, series("http_request_duration_seconds_bucket", rising(0, 5), "le", "fast")},
		{"a gauge named like a histogram", 2, durations, series("http_request_duration_seconds", rising(0, 5))},
		{"a baseline that is not there", 3, objectives(`{name: against, preset: http, canary: 'track="canary"', baseline: 'track="stable"', refusedRatio: 2}`), nil},
		{"a baseline without requests", 3, objectives(`{name: against, preset: http, canary: 'track="canary"', baseline: 'track="stable"', refusedRatio: 2}`), func(w *world) {
			idle := newPod("stable", 0, 0)
			idle.counts = map[string]float64{"200": 9}
			w.pods = append(w.pods, idle)
		}},
		{"no error on either side", 3, objectives(`{name: against, preset: http, canary: 'track="canary"', baseline: 'track="stable"', refusedRatio: 2}`), func(w *world) {
			w.pods = append(w.pods, newPod("stable", 40, 0))
		}},
		{"a quantile that moves within one bucket", 2, objectives(`{name: p99, preset: http, canary: 'track="canary"', baseline: 'track="stable"', quantile: 99%, increase: 5%}`), func(w *world) {
			w.pods = []*pod{slow(canary(200, 0), 0.1, wide, 0), slow(newPod("stable", 200, 0), 0.1001, wide, 0)}
		}},
		{"a quantile in the top bucket", 2, objectives(`{name: p99, preset: http, canary: 'track="canary"', baseline: 'track="stable"', quantile: 99%, increase: 5%}`), func(w *world) {
			w.pods = []*pod{slow(canary(200, 0), 2, wide, 0), slow(newPod("stable", 200, 0), 2.001, wide, 0)}
		}},
		{"one objective fails while another has no data", 1, []string{"--source=" + objectivesFile(t, `objectives:
  - {name: absent, preset: nginx, canary: 'track="canary"', threshold: 1%}
  - {name: errors, preset: http, canary: 'track="canary"', threshold: 1%}`), "--objectives=o.yaml"}, func(w *world) { w.pods[0].errorRate = 0.2 }},
		{"one objective passes while another has no data", 3, []string{"--source=" + objectivesFile(t, `objectives:
  - {name: errors, preset: http, canary: 'track="canary"', threshold: 1%}
  - {name: absent, preset: nginx, canary: 'track="canary"', threshold: 1%}`), "--objectives=o.yaml"}, nil},
	}
}

// answering puts a fixed answer in place of the API.
func answering(status int, body string) func(w *world) {
	return func(w *world) {
		w.server.Handle(func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			})
		})
	}
}

func serversThatMisbehave() []badInput {
	return []badInput{
		{"Prometheus answers 503", 3, nil, answering(503, "Service Unavailable")},
		{"a proxy answers 502 with a page", 3, nil, answering(502, "<html>bad gateway</html>")},
		{"too many requests", 3, nil, answering(429, "slow down")},
		{"a time-out", 3, nil, answering(503, `{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`)},
		{"a part of the stores is down", 3, nil, answering(200, `{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["receive series from store-1: unavailable"]}`)},
		{"no credentials", 2, nil, answering(401, "unauthorized")},
		{"another tenant's credentials", 2, nil, answering(403, "forbidden")},
		{"another path", 2, nil, answering(404, "404 page not found")},
		{"a login page with status 200", 2, nil, answering(200, "<!DOCTYPE html><title>Sign in</title>")},
		{"an empty answer with status 200", 2, nil, answering(200, "")},
		{"JSON cut off", 2, nil, answering(200, `{"status":"success","data":{"resultType":"matrix","result":[{"metr`)},
		{"a vector where a matrix was asked for", 2, nil, answering(200, `{"status":"success","data":{"resultType":"vector","result":[]}}`)},
		{"a redirect to another host", 2, nil, func(w *world) {
			other := httptest.NewServer(http.NotFoundHandler())
			w.t.Cleanup(other.Close)
			w.server.Handle(func(http.Handler) http.Handler { return http.RedirectHandler(other.URL, http.StatusTemporaryRedirect) })
		}},
		{"the query is over the server's limit of samples", 2, nil, answering(422, `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}`)},
	}
}

func queriesThatDoNotCount() []badInput {
	total := func(query string) []string {
		return []string{"--total=" + query, `--errors=http_requests_total{code=~"5.."}`}
	}
	return []badInput{
		{"a ratio", 2, total(`sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))`), nil},
		{"rate", 2, total(`rate(http_requests_total[5m])`), nil},
		{"irate", 2, total(`irate(http_requests_total[5m])`), nil},
		{"sum before rate", 2, total(`rate(sum(http_requests_total)[5m:15s])`), nil},
		{"a sum", 2, total(`sum(http_requests_total)`), nil},
		{"a range of one's own", 2, total(`http_requests_total[30m]`), nil},
		{"an offset", 2, total(`http_requests_total offset 1w`), nil},
		{"a recording rule", 2, total(`job:http_requests:rate5m`), nil},
		{"no PromQL", 2, total(`http_requests_total{`), nil},
		{"several metrics", 2, total(`{__name__=~"http_.*"}`), nil},
		{"or vector(0)", 2, total(`http_requests_total or vector(0)`), nil},
		{"total and errors the same", 2, total(`http_requests_total{code=~"5.."}`), nil},
		{"matchers that are none", 2, []string{"--preset=http", "--canary=canary"}, nil},
	}
}

func settingsThatCannotBe(t *testing.T) []badInput {
	file := func(text string) []string {
		return []string{"--source=" + objectivesFile(t, text), "--objectives=o.yaml"}
	}
	return []badInput{
		{"nothing to count", 2, []string{`--canary=track="canary"`}, nil},
		{"an unknown preset", 2, flags("--preset=apache"), nil},
		{"a preset and selectors", 2, flags("--total=x"), nil},
		{"a threshold without a percent sign", 2, flags("--threshold=0.5"), nil},
		{"a threshold of 0 %", 2, flags("--threshold=0%"), nil},
		{"a threshold of 100 %", 2, flags("--threshold=100%"), nil},
		{"acceptable above the threshold", 2, flags("--acceptable=0.6%"), nil},
		{"acceptable equal to the threshold", 2, flags("--acceptable=0.50%"), nil},
		{"bounds that a coin keeps", 2, flags("--false-abort=60%", "--false-pass=60%"), nil},
		{"a burst of 0", 2, flags("--burst=0"), nil},
		{"a window shorter than a look", 2, flags("--window=5s"), nil},
		{"--undecided=pass", 2, flags("--undecided=pass"), nil},
		{"an unknown method", 2, flags("--method=mean"), nil},
		{"an objectives file that is not there", 2, []string{"--source=" + t.TempDir(), "--objectives=o.yaml"}, nil},
		{"an objectives file outside the workspace", 2, []string{"--source=" + t.TempDir(), "--objectives=../o.yaml"}, nil},
		{"an empty objectives file", 2, file(""), nil},
		{"a field that does not exist", 2, file("objectives:\n  - {name: a, treshold: 1%}"), nil},
		{"an objective without a rule", 2, file("objectives:\n  - {name: a, preset: http}"), nil},
		{"an SLO and a threshold", 2, file("objectives:\n  - {name: a, preset: http, slo: 99.9%, threshold: 1%}"), nil},
		{"an SLO of 100 %", 2, file("objectives:\n  - {name: a, preset: http, slo: 100%}"), nil},
		{"an SLO whose budget is too large to burn 14.4 times", 2, file("objectives:\n  - {name: a, preset: http, slo: 90%}"), nil},
		{"an SLO with a baseline", 2, file("objectives:\n  - {name: a, preset: http, slo: 99%, canary: 'a=\"b\"', baseline: 'a=\"c\"'}"), nil},
		{"two objectives of one name", 2, file("objectives:\n  - {name: a, preset: http, threshold: 1%}\n  - {name: a, preset: http, threshold: 2%}"), nil},
		{"a canary compared with itself", 2, file("objectives:\n  - {name: a, preset: http, canary: 'a=\"b\"', baseline: 'a=\"b\"', refusedRatio: 2}"), nil},
		{"a comparison without a baseline", 2, file("objectives:\n  - {name: a, preset: http, refusedRatio: 2}"), nil},
		{"an empty credentials workspace", 2, flags("--credentials=" + t.TempDir()), nil},
		{"an empty token", 2, flags("--credentials=" + fileIn(t, "token", "\n")), nil},
		{"an empty ca workspace", 2, flags("--ca=" + t.TempDir()), nil},
		{"a load that never began", 3, flags("--clock=load.json", "--retry-budget=1s"), nil},
	}
}

func fileIn(t *testing.T, name, text string) (dir string) {
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	return dir
}
