package compile

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// setPath sets the transaction's search path; none leaves pg_catalog alone.
func (b *builder) setPath(path []string) error {
	_, err := b.q.Exec(b.ctx, "SELECT pg_catalog.set_config('search_path', $1, true)", quoteAll(path))
	if err != nil {
		return fmt.Errorf("setting the search path: %w", err)
	}
	return nil
}

// underPath runs f under the change's search path, in a savepoint that a failure rolls back to.
func (b *builder) underPath(f func() error) error {
	if _, err := b.q.Exec(b.ctx, "SAVEPOINT resolve"); err != nil {
		return err
	}
	if err := b.setPath(b.plan.SearchPath); err != nil {
		return err
	}
	failed := f()
	for _, sql := range []string{"ROLLBACK TO SAVEPOINT resolve", "RELEASE SAVEPOINT resolve"} {
		if _, err := b.q.Exec(b.ctx, sql); err != nil {
			return err
		}
	}
	return failed
}

// volatile gives the functions in an expression whose value changes within one statement.
func (b *builder) volatile(exprs ...string) ([]string, error) {
	var calls []string
	for _, e := range exprs {
		calls = append(calls, change.Calls(e)...)
	}
	rows, err := b.q.Query(b.ctx, "SELECT DISTINCT proname::text FROM pg_catalog.pg_proc WHERE proname = ANY($1) AND provolatile = 'v' ORDER BY 1", calls)
	if err != nil {
		return nil, fmt.Errorf("reading functions: %w", err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var f string
		if err := rows.Scan(&f); err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	return found, rows.Err()
}

func (b *builder) refuseVolatile(expr string) error {
	found, err := b.volatile(expr)
	if err != nil || len(found) == 0 {
		return err
	}
	return refusal.New("the expression %q calls %s, which gives another value each time: it could be neither resumed nor verified", expr, strings.Join(found, ", ")).
		Remedy("compute it from the row; for new rows use a default")
}
