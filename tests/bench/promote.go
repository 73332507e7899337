package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

var imageCounts = flag.String("images", "1,10,100", "numbers of images that section promote copies")

// away is how far a registry in another data centre is, as a round trip.
const away = 20 * time.Millisecond

// benchPromote copies attested images within one registry, near and far, and between
// two. Each image is a process of its own: that is how tasks copy.
func benchPromote(ctx context.Context, r *report) error {
	dir, err := os.MkdirTemp("", "bench-promote-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := compile(ctx, "../..", "./tasks/promote", filepath.Join(dir, "promote")); err != nil {
		return err
	}
	stock, err := stockCopiers(ctx)
	if err != nil {
		return err
	}
	var meters []*meter
	for _, which := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, which), 0o755); err != nil {
			return err
		}
		host, stop, err := startRegistry(ctx, filepath.Join(dir, which))
		if err != nil {
			return err
		}
		defer stop()
		m := newMeter(host)
		defer m.server.Close()
		meters = append(meters, m)
	}
	for _, text := range strings.Split(*imageCounts, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		if err := copyImages(ctx, r, copiers(dir, stock), meters, n); err != nil {
			return err
		}
	}
	r.note("Version checks and tokens are not among the requests. Times are medians of the images; all tools go through the same meter.")
	return nil
}

// copyImages compares the copiers on n images.
func copyImages(ctx context.Context, r *report, all []copier, meters []*meter, n int) error {
	refs, err := attestedImages(ctx, meters[0].host(), n)
	if err != nil {
		return err
	}
	for i, place := range []struct {
		name   string
		target *meter
		delay  time.Duration
	}{
		{"within a registry", meters[0], 0},
		{fmt.Sprintf("within a registry that is %s away", away), meters[0], away},
		{"between registries", meters[1], 0},
	} {
		if place.delay > 0 && n > 10 {
			continue // the time is that of the round trips, which ten images tell
		}
		for _, m := range meters {
			m.delay = place.delay
		}
		tallies := make([]tally, len(all))
		for v, from := range refs { // the copiers in turn, so that they share the machine's moods
			for k, c := range all {
				to := fmt.Sprintf("%s/copy-%d-%d-%d/app:v%d", place.target.host(), i, k, n, v)
				if err := tallies[k].run(ctx, c, meters, from, to, false); err != nil {
					return err
				}
			}
		}
		for k, c := range all { // one image tells what a second copy asks for
			if err := tallies[k].run(ctx, c, meters, refs[0], fmt.Sprintf("%s/copy-%d-%d-%d/app:v0", place.target.host(), i, k, n), true); err != nil {
				return err
			}
		}
		rows := [][]string{{"tool", "evidence", "requests an image", "MiB an image", "requests, again", "time an image", "in all", "promote / this"}}
		for k, c := range all {
			rows = append(rows, append([]string{c.name, c.evidence}, tallies[k].row(n, tallies[0])...))
		}
		r.table(fmt.Sprintf("Promote %d images of %d layers with 2 pieces of evidence each, %s", n, layersPerImage, place.name), rows)
	}
	return nil
}

// tally is what one copier did.
type tally struct {
	requests, bytes, again int64
	times                  []time.Duration // of the first copy of each image
}

// run copies one image, for the first time or again.
func (t *tally) run(ctx context.Context, c copier, meters []*meter, from, to string, again bool) error {
	for _, m := range meters {
		m.requests.Store(0)
		m.bytes.Store(0)
	}
	began := time.Now()
	for _, args := range c.commands(from, to) {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", c.name, err, out)
		}
	}
	took := time.Since(began)
	for _, m := range meters {
		if again {
			t.again += m.requests.Load()
			continue
		}
		t.requests += m.requests.Load()
		t.bytes += m.bytes.Load()
	}
	if !again {
		t.times = append(t.times, took)
	}
	return nil
}

// row gives the figures an image of n, and how they compare with those of ours.
func (t *tally) row(n int, ours tally) []string {
	var sum time.Duration
	for _, d := range t.times {
		sum += d
	}
	each := func(total int64) float64 { return float64(total) / float64(n) }
	took := median(t.times)
	return []string{fmt.Sprintf("%.1f", each(t.requests)), fmt.Sprintf("%.2f", each(t.bytes)/(1<<20)), fmt.Sprint(t.again),
		ms(took), ms(sum), ratio(median(ours.times), took)}
}
