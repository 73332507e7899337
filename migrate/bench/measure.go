package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
)

type bench struct {
	ctx    context.Context
	server *pgtest.Server
}

// A line holds rows a second at one size of the table.
type line struct {
	Rows    int     `json:"rows"`
	Plain   float64 `json:"plainUpdate"`
	Trigger float64 `json:"updateWithTrigger"`
	Naive   float64 `json:"batchesOf1000"`
	One     float64 `json:"backfillOneWorker"`
	Many    float64 `json:"backfillAllCores"`
	Verify  float64 `json:"verify"`
	HeapMB  float64 `json:"heapMB"`
}

func (l line) String() string {
	return fmt.Sprintf("%9d rows: plain %.0f, trigger %.0f, naive %.0f, one worker %.0f (%.2f of plain), all cores %.0f (%.2f of plain), verify %.0f (%.1f of backfill), heap %.1f MB",
		l.Rows, l.Plain, l.Trigger, l.Naive, l.One, l.One/l.Plain, l.Many, l.Many/l.Plain, l.Verify, l.Verify/l.Many, l.HeapMB)
}

const table = `DROP TABLE IF EXISTS t; CREATE TABLE t (id bigint PRIMARY KEY, v text NOT NULL, filler text);
	INSERT INTO t SELECT i, 'value ' || i, 'some more text' FROM generate_series(1, %d) i`

const addColumn = "ALTER TABLE t ADD COLUMN w text"

const trigger = `CREATE OR REPLACE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.w := upper(NEW.v); RETURN NEW; END $$;
	CREATE TRIGGER fill BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION fill()`

// measure takes every way at one size, each on a fresh table in a database of its own.
func (b *bench) measure(n int) (line, error) {
	l := line{Rows: n}
	for _, way := range []struct {
		to  *float64
		run func(db *pgx.Conn, n int) (time.Duration, error)
	}{
		{&l.Plain, b.statement(addColumn, "UPDATE t SET w = upper(v)")},
		{&l.Trigger, b.statement(addColumn+"; "+trigger, "UPDATE t SET filler = filler")},
		{&l.Naive, b.naive},
		{&l.One, b.engine(1, nil)},
		{&l.Many, b.engine(runtime.NumCPU(), &l)},
	} {
		took, err := b.fresh(n, way.run)
		if err != nil {
			return l, err
		}
		*way.to = float64(n) / took.Seconds()
	}
	return l, nil
}

// fresh makes the table anew, settled as an old one is, and times one way of filling it.
func (b *bench) fresh(n int, run func(db *pgx.Conn, n int) (time.Duration, error)) (time.Duration, error) {
	admin, err := pgx.Connect(b.ctx, b.server.DSN("postgres"))
	if err != nil {
		return 0, err
	}
	defer admin.Close(b.ctx)
	for _, sql := range []string{"DROP DATABASE IF EXISTS bench WITH (FORCE)", "CREATE DATABASE bench"} {
		if _, err := admin.Exec(b.ctx, sql); err != nil {
			return 0, err
		}
	}
	db, err := pgx.Connect(b.ctx, b.server.DSN("bench"))
	if err != nil {
		return 0, err
	}
	defer db.Close(b.ctx)
	if _, err := db.Exec(b.ctx, fmt.Sprintf(table, n), pgx.QueryExecModeSimpleProtocol); err != nil {
		return 0, err
	}
	for _, sql := range []string{"VACUUM ANALYZE t", "CHECKPOINT"} {
		if _, err := db.Exec(b.ctx, sql); err != nil {
			return 0, err
		}
	}
	return run(db, n)
}

func (b *bench) statement(prepare, sql string) func(*pgx.Conn, int) (time.Duration, error) {
	return func(db *pgx.Conn, _ int) (time.Duration, error) {
		if _, err := db.Exec(b.ctx, prepare, pgx.QueryExecModeSimpleProtocol); err != nil {
			return 0, err
		}
		began := time.Now()
		_, err := db.Exec(b.ctx, sql)
		return time.Since(began), err
	}
}

// naive is the loop that others run: the next 1000 rows above the last key, one transaction each.
func (b *bench) naive(db *pgx.Conn, n int) (time.Duration, error) {
	if _, err := db.Exec(b.ctx, addColumn); err != nil {
		return 0, err
	}
	began := time.Now()
	for last := int64(0); ; {
		var next *int64
		err := db.QueryRow(b.ctx, `WITH b AS (SELECT id FROM t WHERE id > $1 ORDER BY id LIMIT 1000 FOR UPDATE),
			u AS (UPDATE t SET w = upper(v) FROM b WHERE t.id = b.id RETURNING t.id) SELECT max(id) FROM u`, last).Scan(&next)
		if err != nil {
			return 0, err
		}
		if next == nil {
			return time.Since(began), nil
		}
		last = *next
	}
}

const splitYAML = `operations: [{splitColumn: {table: t, column: v, into: [{name: w, type: text, up: upper(v)}], down: lower(w)}}]`

// engine times the backfill from the cut of the ranges to the last batch; the verification after it is timed apart.
func (b *bench) engine(workers int, l *line) func(*pgx.Conn, int) (time.Duration, error) {
	return func(db *pgx.Conn, n int) (time.Duration, error) {
		c, err := change.Parse("1_bench", []byte(splitYAML), nil)
		if err != nil {
			return 0, err
		}
		peak := uint64(0)
		e, err := migrate.Open(b.ctx, b.server.DSN("bench"), migrate.Options{Run: "bench", Workers: workers, LockTimeout: 2 * time.Second, BatchTime: 500 * time.Millisecond,
			Progress: func(migrate.Progress) {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}})
		if err != nil {
			return 0, err
		}
		defer e.Close()
		if _, err := e.Expand(b.ctx, migrate.ExpandRequest{Change: c, Directory: &change.Directory{Changes: []*change.Change{c}}}); err != nil {
			return 0, err
		}
		began := time.Now()
		if _, err := e.Backfill(b.ctx, c); err != nil {
			return 0, err
		}
		all := time.Since(began)
		var seconds float64
		if err := db.QueryRow(b.ctx, "SELECT (detail->>'seconds')::float8 FROM sluice.evidence WHERE kind = 'verify'").Scan(&seconds); err != nil {
			return 0, err
		}
		if l != nil {
			l.Verify, l.HeapMB = float64(n)/seconds, float64(peak)/(1<<20)
		}
		return all - time.Duration(seconds*float64(time.Second)), nil
	}
}
