package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
)

// throttled holds the latency of a concurrent pgbench, alone and beside a throttled backfill of its largest table.
type throttled struct {
	IdleP99 float64 `json:"idleP99ms"`
	BusyP99 float64 `json:"busyP99ms"`
	Rows    int64   `json:"backfilledRows"`
	Seconds int     `json:"seconds"`
}

func (t throttled) String() string {
	return fmt.Sprintf("throttled: p99 of pgbench %.1f ms alone, %.1f ms beside the backfill (%.2f×), which filled %d rows in %d s", t.IdleP99, t.BusyP99, t.BusyP99/t.IdleP99, t.Rows, t.Seconds)
}

const pgbench = "/usr/lib/postgresql/15/bin/pgbench"

func (b *bench) throttled(seconds int) (t throttled, err error) {
	t.Seconds = seconds
	dsn := b.server.DSN("bench")
	_, err = b.fresh(1, func(db *pgx.Conn, _ int) (time.Duration, error) {
		if out, err := exec.Command(pgbench, "-i", "-q", "-s", "10", dsn).CombinedOutput(); err != nil {
			return 0, fmt.Errorf("pgbench -i: %w\n%s", err, out)
		}
		if t.IdleP99, err = p99(dsn, seconds); err != nil {
			return 0, err
		}
		c, err := change.Parse("1_bench", []byte(`operations: [{renameColumn: {table: pgbench_accounts, column: filler, to: padding}}]`), nil)
		if err != nil {
			return 0, err
		}
		e, err := migrate.Open(b.ctx, dsn, migrate.Options{Run: "bench", Workers: 1, BatchTime: 10 * time.Millisecond, Load: 20})
		if err != nil {
			return 0, err
		}
		defer e.Close()
		if _, err := e.Expand(b.ctx, migrate.ExpandRequest{Change: c, Directory: &change.Directory{Changes: []*change.Change{c}}}); err != nil {
			return 0, err
		}
		done := make(chan error, 1)
		go func() {
			_, err := e.Backfill(b.ctx, c)
			done <- err
		}()
		if t.BusyP99, err = p99(dsn, seconds); err != nil {
			return 0, err
		}
		if err := db.QueryRow(b.ctx, "SELECT coalesce(sum(filled), 0)::bigint FROM sluice.range").Scan(&t.Rows); err != nil {
			return 0, err
		}
		return 0, <-done
	})
	return t, err
}

// p99 runs pgbench's standard transaction at a fixed rate and gives the 99th percentile of its latency in milliseconds.
func p99(dsn string, seconds int) (float64, error) {
	dir, err := os.MkdirTemp("", "pgbench")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(pgbench, "-n", "-c", "2", "-j", "1", "-R", "100", "-T", strconv.Itoa(seconds), "-l", dsn)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "pgbench_log.*"))
	if err != nil {
		return 0, err
	}
	var latencies []float64
	for _, path := range logs {
		f, err := os.Open(path)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			if len(fields) < 3 {
				continue
			}
			us, err := strconv.ParseFloat(fields[2], 64)
			if err != nil {
				continue // a skipped transaction
			}
			latencies = append(latencies, us/1000)
		}
	}
	if len(latencies) == 0 {
		return 0, fmt.Errorf("pgbench logged nothing")
	}
	slices.Sort(latencies)
	return latencies[len(latencies)*99/100], nil
}
