package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/images"
)

// benchStart measures how large each task's image is and how long its binary
// takes to start.
func benchStart(ctx context.Context, r *report) error {
	dir, err := os.MkdirTemp("", "bench-start-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	mains, err := filepath.Glob("../../tasks/*/main.go")
	if err != nil {
		return err
	}
	rows := [][]string{{"task", "binary", "image, compressed", "start (--help)"}}
	for _, main := range mains {
		name := filepath.Base(filepath.Dir(main))
		binary := filepath.Join(dir, name)
		if err := compile(ctx, "../..", "./tasks/"+name, binary); err != nil {
			return err
		}
		info, err := os.Stat(binary)
		if err != nil {
			return err
		}
		compressed, err := imageSize(ctx, binary)
		if err != nil {
			return err
		}
		start, err := startTime(ctx, binary)
		if err != nil {
			return err
		}
		rows = append(rows, []string{name, megabytes(info.Size()), megabytes(compressed), fmt.Sprintf("%.1f ms", start.Seconds()*1000)})
	}
	r.table("Size and start of every task", rows)
	return nil
}

// imageSize is what a node downloads for a task that it does not have.
func imageSize(ctx context.Context, binary string) (int64, error) {
	artifact, err := images.Build(ctx, images.Spec{Base: images.Static(), Platforms: []images.Platform{{
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
		Layers:   []images.Layer{{Entries: []images.Entry{{Path: "ko-app/" + filepath.Base(binary), Mode: 0o555, Source: binary}}}},
	}}})
	if err != nil {
		return 0, err
	}
	layers, err := artifact.(v1.Image).Layers()
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, l := range layers {
		size, err := l.Size()
		if err != nil {
			return 0, err
		}
		sum += size
	}
	return sum, nil
}

func startTime(ctx context.Context, binary string) (time.Duration, error) {
	var all []time.Duration
	for range 15 {
		cmd := exec.CommandContext(ctx, binary, "--help")
		cmd.Stdout = io.Discard
		began := time.Now()
		if err := cmd.Run(); err != nil {
			return 0, fmt.Errorf("starting %s: %w", binary, err)
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return median(all), nil
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
