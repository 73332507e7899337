package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report gathers tables of figures.
type report struct{ b strings.Builder }

func newReport() *report {
	r := &report{}
	fmt.Fprintf(&r.b, "# Measured\n\n%s, %d CPUs, %s, %s/%s, on %s. Medians of several runs; ratios are of one run.\n",
		cpu(), runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, time.Now().UTC().Format(time.DateOnly))
	return r
}

func cpu() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}

// table adds a table; the first row is its head.
func (r *report) table(title string, rows [][]string) {
	fmt.Fprintf(&r.b, "\n## %s\n\n| %s |\n|%s\n", title, strings.Join(rows[0], " | "), strings.Repeat(" --- |", len(rows[0])))
	for _, row := range rows[1:] {
		fmt.Fprintf(&r.b, "| %s |\n", strings.Join(row, " | "))
	}
}

// note adds a line below a table.
func (r *report) note(format string, args ...any) {
	fmt.Fprintf(&r.b, "\n"+format+"\n", args...)
}

func (r *report) String() string { return r.b.String() }

func (r *report) write(path string) error { return os.WriteFile(path, []byte(r.b.String()), 0o644) }

// median of durations that were measured in turn with those of a peer.
func median(d []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[len(sorted)/2]
}

func ms(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func ratio(a, b time.Duration) string {
	if b <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f×", a.Seconds()/b.Seconds())
}
