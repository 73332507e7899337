package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// report is what a run has measured, and where.
type report struct {
	Machine   string    `json:"machine"`
	Postgres  string    `json:"postgres"`
	Lines     []line    `json:"rowsPerSecond"`
	Throttled throttled `json:"throttled"`
}

func machine() string {
	model := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for l := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	load := ""
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = ", load " + strings.Fields(string(b))[0] + " at the start"
	}
	return fmt.Sprintf("%d × %s, %s%s", runtime.NumCPU(), model, runtime.GOARCH, load)
}

func (r report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "migrate.json"), append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "migrate.svg"), []byte(r.plot()), 0o644)
}

// plot draws rows a second over the size of the table, on a logarithmic axis of sizes.
func (r report) plot() string {
	const width, height, left, bottom = 720.0, 400.0, 70.0, 50.0
	curves := []struct {
		name, colour string
		of           func(line) float64
	}{
		{"backfill, all cores", "#0b6", func(l line) float64 { return l.Many }}, {"backfill, one worker", "#6c9", func(l line) float64 { return l.One }},
		{"one plain UPDATE", "#339", func(l line) float64 { return l.Plain }}, {"UPDATE with a trigger", "#99c", func(l line) float64 { return l.Trigger }},
		{"batches of 1000", "#c63", func(l line) float64 { return l.Naive }},
	}
	top, first, last := 1.0, math.Log10(float64(r.Lines[0].Rows)), math.Log10(float64(r.Lines[len(r.Lines)-1].Rows))
	for _, l := range r.Lines {
		for _, c := range curves {
			top = max(top, c.of(l))
		}
	}
	x := func(rows int) float64 {
		return left + (math.Log10(float64(rows))-first)/max(last-first, 1)*(width-left-200)
	}
	y := func(v float64) float64 { return height - bottom - v/top*(height-bottom-20) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12"><rect width="100%%" height="100%%" fill="white"/>`+"\n", width, height)
	for i := range 5 {
		v := top * float64(i) / 4
		fmt.Fprintf(&b, `<line x1="%g" x2="%g" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%g" y="%.1f" text-anchor="end">%.0fk</text>`+"\n", left, width-200, y(v), y(v), left-6, y(v)+4, v/1000)
	}
	for _, l := range r.Lines {
		fmt.Fprintf(&b, `<text x="%.1f" y="%g" text-anchor="middle">%d</text>`+"\n", x(l.Rows), height-bottom+18, l.Rows)
	}
	fmt.Fprintf(&b, `<text x="%g" y="%g">rows a second over rows of the table; PostgreSQL %s</text>`+"\n", left, height-10, r.Postgres)
	for i, c := range curves {
		var points []string
		for _, l := range r.Lines {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(l.Rows), y(c.of(l))))
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/><text x="%g" y="%d" fill="%s">%s</text>`+"\n",
			strings.Join(points, " "), c.colour, width-190, 40+20*i, c.colour, c.name)
	}
	return b.String() + "</svg>\n"
}
