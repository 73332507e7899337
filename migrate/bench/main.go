// Command bench measures the backfill of package migrate against what else one could do to the same table on the same server in
// the same run: one plain UPDATE, one UPDATE with an equal per-row trigger, and a loop of batches of 1000 rows. It writes
// the figures, ratios first, with the machine that they were taken on, and draws the curve.
//
//	go run ./migrate/bench --rows=10000,100000,1000000 --out=docs/bench
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
)

func main() {
	rows := flag.String("rows", "10000,100000,1000000", "table sizes, comma-separated")
	version := flag.String("postgres", pgtest.Debian, "PostgreSQL version: 14, 15 or 18")
	out := flag.String("out", ".", "folder for migrate.json and migrate.svg")
	seconds := flag.Int("pgbench", 10, "seconds of each pgbench run; 0 leaves the throttled measurement out")
	flag.Parse()
	if err := run(context.Background(), *rows, *version, *out, *seconds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, sizes, version, out string, seconds int) error {
	defer pgtest.Stop()
	s, err := pgtest.Get(version)
	if err != nil {
		return err
	}
	b := &bench{ctx: ctx, server: s}
	r := report{Machine: machine(), Postgres: version}
	for _, size := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			return fmt.Errorf("reading --rows: %q is not a number of rows", size)
		}
		line, err := b.measure(n)
		if err != nil {
			return fmt.Errorf("measuring %d rows: %w", n, err)
		}
		r.Lines = append(r.Lines, line)
		fmt.Println(line)
	}
	if seconds > 0 {
		if r.Throttled, err = b.throttled(seconds); err != nil {
			return fmt.Errorf("measuring the throttled backfill: %w", err)
		}
		fmt.Println(r.Throttled)
	}
	return r.write(out)
}
