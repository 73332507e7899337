package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/sluice-ci/sluice/internal/task"
)

// tally counts a load while it runs. It holds no single results, so its memory does not grow with the load.
type tally struct {
	Planned   int64            `json:"planned"`
	Sent      int64            `json:"sent"`
	Answered  int64            `json:"answered"`
	Errors    int64            `json:"errors"` // of the service
	Unsent    int64            `json:"unsent"` // lost on this side
	Codes     map[string]int64 `json:"codes"`  // HTTP status; 0 where no answer came
	Reasons   []string         `json:"reasons"`
	Latencies []quantile       `json:"latencies"` // of answers
	Buckets   []bucket         `json:"histogram"` // of answers
	Start     time.Time        `json:"start"`
	End       time.Time        `json:"end"`

	metrics   vegeta.LatencyMetrics
	histogram vegeta.Histogram
}

type quantile struct {
	Share   float64 `json:"share"`
	Seconds float64 `json:"seconds"`
}

type bucket struct {
	From  string `json:"from"`
	Count uint64 `json:"count"`
}

// bounds of the histogram, a factor of about two apart.
var bounds = vegeta.Buckets{0, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second}

const mostReasons = 20

func newTally(rate int, duration time.Duration) *tally {
	return &tally{
		Planned: int64(float64(rate) * duration.Seconds()), Codes: map[string]int64{}, Start: time.Now().UTC(),
		histogram: vegeta.Histogram{Buckets: bounds},
	}
}

func (t *tally) add(r *vegeta.Result) {
	if own(r) {
		t.reason(r.Error)
		return
	}
	t.Sent++
	t.Codes[strconv.Itoa(int(r.Code))]++
	if r.Code == 0 || r.Code >= 500 {
		t.Errors++
		t.reason(r.Error)
	}
	if r.Code != 0 {
		t.Answered++
		t.metrics.Add(r.Latency)
		t.histogram.Add(r)
	}
}

func (t *tally) reason(text string) {
	if text != "" && len(t.Reasons) < mostReasons && !slices.Contains(t.Reasons, text) {
		t.Reasons = append(t.Reasons, text)
	}
}

// close sums up. Whatever was planned and not sent was lost here.
func (t *tally) close() {
	t.End = time.Now().UTC()
	t.Unsent = max(0, t.Planned-t.Sent)
	for _, share := range []float64{0.5, 0.9, 0.95, 0.99, 0.999} {
		if t.Answered > 0 {
			t.Latencies = append(t.Latencies, quantile{share, t.metrics.Quantile(share).Seconds()})
		}
	}
	for i, n := range t.histogram.Counts {
		t.Buckets = append(t.Buckets, bucket{bounds[i].String(), n})
	}
}

// verdict is an error unless the load was sent and somebody answered.
func (t *tally) verdict(o *options) error {
	switch {
	case float64(t.Unsent) > maxUnsent*float64(t.Planned):
		return task.Undecided("%d of %d planned requests were lost on this side, more than 1 %%%s", t.Unsent, t.Planned, t.first()).
			WithRemedy("lower --rate, raise --workers, or give the step more CPU; what was measured meanwhile is not the load that was asked for")
	case t.Answered == 0:
		return task.Undecided("none of %d requests to %s was answered%s", t.Sent, o.url, t.first()).
			WithRemedy("check --url and that the service runs")
	}
	return nil
}

func (t *tally) first() string {
	if len(t.Reasons) == 0 {
		return ""
	}
	return ": " + t.Reasons[0]
}

func (t *tally) line() string {
	return fmt.Sprintf("%d sent, %d failed by the service, p99 %s", t.Sent, t.Errors, t.p99())
}

func (t *tally) p99() string {
	if t.Answered == 0 {
		return "none"
	}
	return t.metrics.Quantile(0.99).Round(10 * time.Microsecond).String()
}

// leave writes the report, as JSON and for people, and the results.
func (o *options) leave(r *task.Run, t *tally) error {
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the report: %w", err)
	}
	for name, content := range map[string][]byte{"load-test.json": append(data, '\n'), "load-test.txt": []byte(t.text(o))} {
		if err := task.WriteFile(filepath.Join(o.reports, name), content, 0o644); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	rate := "none"
	if t.Sent > 0 {
		rate = strconv.FormatFloat(float64(t.Errors)/float64(t.Sent)*100, 'f', 4, 64) + "%"
	}
	for name, value := range map[string]string{
		"requests": strconv.FormatInt(t.Sent, 10), "errors": strconv.FormatInt(t.Errors, 10), "unsent": strconv.FormatInt(t.Unsent, 10),
		"error-rate": rate, "p99": t.p99(),
	} {
		if err := r.Result(name, value); err != nil {
			return err
		}
	}
	return nil
}

// text draws the histogram of latencies.
func (t *tally) text(o *options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d requests planned, %d sent, %d answered, %d failed by the service, %d lost on this side\n\n", o.url, t.Planned, t.Sent, t.Answered, t.Errors, t.Unsent)
	for _, q := range t.Latencies {
		fmt.Fprintf(&b, "%6.1f %% within %s\n", q.Share*100, time.Duration(q.Seconds*float64(time.Second)).Round(time.Microsecond))
	}
	b.WriteString("\n")
	for _, c := range t.Buckets {
		fmt.Fprintf(&b, "from %5s  %8d  %s\n", c.From, c.Count, strings.Repeat("#", int(50*c.Count/max(1, uint64(t.Answered)))))
	}
	for _, code := range slices.Sorted(maps.Keys(t.Codes)) {
		fmt.Fprintf(&b, "status %3s  %8d\n", code, t.Codes[code])
	}
	for _, reason := range t.Reasons {
		fmt.Fprintf(&b, "%s\n", reason)
	}
	return b.String()
}
