package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sluice-ci/sluice/internal/coverage/coveragetest"
)

// benchCoverage reads coverage reports of up to ten million lines, Go profiles also
// with golang.org/x/tools/cover, each in a process of its own.
func benchCoverage(ctx context.Context, r *report) error {
	dir, err := os.MkdirTemp("", "bench-coverage-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "parse")
	if err := compile(ctx, ".", "./parse", program); err != nil {
		return err
	}
	profiles := [][]string{{"lines", "distinct blocks", "internal/coverage", "peak memory", "x/tools cover", "peak memory", "ratio"}}
	for _, p := range []struct{ distinct, repeats int }{{1e6, 1}, {1e5, 10}, {1e7, 1}, {1e6, 10}} {
		ours, theirs, err := parseBoth(ctx, program, dir, p.distinct, p.repeats)
		if err != nil {
			return err
		}
		profiles = append(profiles, []string{millions(p.distinct * p.repeats), millions(p.distinct),
			ms(ours.cpu), megabytes(ours.memory), ms(theirs.cpu), megabytes(theirs.memory), ratio(theirs.cpu, ours.cpu)})
	}
	r.table("Reading Go profiles", profiles)
	reports := [][]string{{"format", "size", "time", "peak memory"}}
	for _, format := range coveragetest.Formats {
		file := filepath.Join(dir, format)
		size, err := writeReport(file, format, 1e6, 10)
		if err != nil {
			return err
		}
		took, err := parse(ctx, program, "sluice", file)
		if err != nil {
			return err
		}
		if err := os.Remove(file); err != nil {
			return err
		}
		reports = append(reports, []string{format, megabytes(size), ms(took.cpu), megabytes(took.memory)})
	}
	r.table("Reading ten million lines of a million distinct ones", reports)
	r.note("Processor time and peak resident memory of a process that reads the file and merges it.")
	return nil
}

// parseBoth takes the medians of five runs of each parser, in turn.
func parseBoth(ctx context.Context, program, dir string, distinct, repeats int) (ours, theirs usage, err error) {
	file := filepath.Join(dir, "cover.out")
	if _, err := writeReport(file, "Go", distinct, repeats); err != nil {
		return ours, theirs, err
	}
	times := map[string][]time.Duration{}
	memory := map[string]int64{}
	for range 5 {
		for _, parser := range []string{"sluice", "x/tools"} {
			u, err := parse(ctx, program, parser, file)
			if err != nil {
				return ours, theirs, err
			}
			times[parser] = append(times[parser], u.cpu)
			memory[parser] = max(memory[parser], u.memory)
		}
	}
	ours = usage{median(times["sluice"]), memory["sluice"]}
	theirs = usage{median(times["x/tools"]), memory["x/tools"]}
	return ours, theirs, os.Remove(file)
}

// usage of a process: processor time, which other work on the machine distorts less
// than the clock, and peak resident memory in bytes.
type usage struct {
	cpu    time.Duration
	memory int64
}

func parse(ctx context.Context, program, parser, file string) (usage, error) {
	cmd := exec.CommandContext(ctx, program, parser, file)
	if out, err := cmd.CombinedOutput(); err != nil {
		return usage{}, fmt.Errorf("reading %q with %s: %w: %s", file, parser, err, out)
	}
	rusage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return usage{cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), rusage.Maxrss << 10}, nil
}

// writeReport gives the size in bytes.
func writeReport(name, format string, distinct, repeats int) (int64, error) {
	file, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	if err := coveragetest.Write(file, format, distinct, repeats); err != nil {
		return 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), file.Close()
}

func millions(n int) string { return fmt.Sprintf("%g million", float64(n)/1e6) }
