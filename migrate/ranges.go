package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/plan"
)

// idSpan is the room between the ids of two ranges: a range can be split that often by halves and keep the order.
const idSpan = 1 << 30

// cutsPerQuery is how many ranges one statement cuts.
const cutsPerQuery = 200

// grain is how many rows a range holds: few enough that one is a small batch, and that every worker has some.
func grain(rows int64) int64 { return min(5000, max(500, rows/64)) }

// cut divides the rows that are there at the start into ranges of the key, in the ledger, before anything is written. The upper bound is
// fixed first: what is inserted above it comes through the trigger, so a busy table does not keep the backfill from ending.
func (s *session) cut(ctx context.Context, p *plan.Plan, n int, f *plan.Fill) error {
	cut, upper, done, err := s.fillState(ctx, p, n, f)
	if err != nil || done {
		return err
	}
	if upper == nil { // an empty table
		return s.write(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `INSERT INTO sluice.range (version, fill, id, span, rows, done) VALUES ($1, $2, 0, $3, 0, true)
				ON CONFLICT DO NOTHING`, p.Version, n, int64(idSpan)); err != nil {
				return err
			}
			return s.cutDone(ctx, tx, p, n)
		})
	}
	for !done {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.write(ctx, func(tx pgx.Tx) error {
			var err error
			cut, done, err = s.cutSome(ctx, tx, p, n, f, cut, upper)
			return err
		})
		if err != nil {
			return fmt.Errorf("cutting ranges: %w", err)
		}
	}
	return nil
}

// fillState creates or reads the ledger of one fill; ANALYZE before it gives the planner its numbers.
func (s *session) fillState(ctx context.Context, p *plan.Plan, n int, f *plan.Fill) (cut, upper []string, done bool, err error) {
	err = s.pool.QueryRow(ctx, "SELECT cut, upper, cut_done FROM sluice.fill WHERE version = $1 AND fill = $2", p.Version, n).Scan(&cut, &upper, &done)
	if !errors.Is(err, pgx.ErrNoRows) {
		return cut, upper, done, err
	}
	if err := s.alone(ctx, p, "ANALYZE "+f.Table.String()); err != nil && !isCode(err, "42501") {
		return nil, nil, false, fmt.Errorf("analyzing %s: %w", f.Table.Plain(), err)
	}
	err = s.write(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, fmt.Sprintf("SELECT %s FROM %s ORDER BY %s LIMIT 1", f.KeyText(), f.Table, orderBy(f, " DESC"))).Scan(&upper)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO sluice.fill (version, fill, upper) VALUES ($1, $2, $3)", p.Version, n, upper)
		return err
	})
	return nil, upper, false, err
}

func orderBy(f *plan.Fill, direction string) string {
	names := f.KeyNames()
	for i := range names {
		names[i] += direction
	}
	return strings.Join(names, ", ")
}

// cutSome cuts the next ranges with one walk along the index, and notes how far it came.
func (s *session) cutSome(ctx context.Context, tx pgx.Tx, p *plan.Plan, n int, f *plan.Fill, from, upper []string) ([]string, bool, error) {
	size := grain(f.EstRows)
	rows, err := tx.Query(ctx, walk(f, from != nil, size), append(texts(from), texts(upper)...)...)
	if err != nil {
		return nil, false, err
	}
	bounds, err := pgx.CollectRows(rows, pgx.RowTo[[]string])
	if err != nil {
		return nil, false, err
	}
	done := len(bounds) < cutsPerQuery
	if done {
		bounds = append(bounds, upper)
	}
	var first int64
	if err := tx.QueryRow(ctx, "SELECT coalesce(max(id) + $3, 0) FROM sluice.range WHERE version = $1 AND fill = $2", p.Version, n, int64(idSpan)).Scan(&first); err != nil {
		return nil, false, err
	}
	var ledger [][]any
	lo := from
	for i, hi := range bounds {
		ledger = append(ledger, []any{p.Version, n, first + int64(i)*idSpan, int64(idSpan), lo, hi, size})
		lo = hi
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"sluice", "range"}, []string{"version", "fill", "id", "span", "lo", "hi", "rows"}, pgx.CopyFromRows(ledger)); err != nil {
		return nil, false, err
	}
	if _, err := tx.Exec(ctx, "UPDATE sluice.fill SET cut = $3 WHERE version = $1 AND fill = $2", p.Version, n, lo); err != nil {
		return nil, false, err
	}
	if done {
		return lo, true, s.cutDone(ctx, tx, p, n)
	}
	return lo, false, nil
}

func (s *session) cutDone(ctx context.Context, tx pgx.Tx, p *plan.Plan, n int) error {
	_, err := tx.Exec(ctx, "UPDATE sluice.fill SET cut_done = true WHERE version = $1 AND fill = $2", p.Version, n)
	return err
}

// walk finds every size-th key below the upper bound: each step skips size entries of the index and reads none of the rows.
func walk(f *plan.Fill, from bool, size int64) string {
	n := len(f.Key)
	upper := func(first int) string {
		var values []string
		for i, k := range f.Key {
			values = append(values, fmt.Sprintf("$%d::text::%s", first+i, k.Type))
		}
		return tuple(f.KeyNames()) + " < " + tuple(values)
	}
	var last []string
	for i, k := range f.Key {
		last = append(last, fmt.Sprintf("(w.k[%d])::%s", i+1, k.Type))
	}
	start, firstUpper := "", 1
	if from {
		start, firstUpper = f.Within(true, false)+" AND ", n+1
	}
	pick := fmt.Sprintf("SELECT %s FROM %s WHERE %%s%s ORDER BY %s OFFSET %d LIMIT 1", f.KeyText(), f.Table, upper(firstUpper), orderBy(f, ""), size-1)
	return fmt.Sprintf(`WITH RECURSIVE w(k, i) AS (
		SELECT (%s), 1 UNION ALL SELECT (%s), w.i + 1 FROM w WHERE w.k IS NOT NULL AND w.i < %d)
		SELECT k FROM w WHERE k IS NOT NULL`, fmt.Sprintf(pick, start), fmt.Sprintf(pick, tuple(f.KeyNames())+" > "+tuple(last)+" AND "), cutsPerQuery)
}

func tuple(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func texts(key []string) []any {
	out := make([]any, len(key))
	for i, k := range key {
		out[i] = k
	}
	return out
}
