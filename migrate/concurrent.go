package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// outside runs a statement that refuses to run in a transaction: building or dropping an index concurrently. The journal says
// "started" before and "done" after; what a crash leaves between is found in the catalog: a valid index is kept, an invalid one
// is dropped and built again. The connection is one of ours that a successor ends before it takes the lease, so a runner that
// wakes up late cannot start the build.
func (s *session) outside(ctx context.Context, p *plan.Plan, stage string, i int, step plan.Step, state string) error {
	if state == "started" && step.Concurrent != "" {
		there, valid, err := s.indexState(ctx, step.Concurrent)
		if err != nil {
			return err
		}
		if valid {
			return s.write(ctx, func(tx pgx.Tx) error { return s.note(ctx, tx, p.Version, stage, i, "done") })
		}
		if there {
			if err := s.alone(ctx, p, "DROP INDEX CONCURRENTLY IF EXISTS "+step.Concurrent); err != nil {
				return fmt.Errorf("dropping the invalid leftover: %w", err)
			}
		}
	}
	err := s.write(ctx, func(tx pgx.Tx) error { return s.note(ctx, tx, p.Version, stage, i, "started") })
	if err != nil {
		return err
	}
	for _, sql := range step.SQL {
		if err := s.alone(ctx, p, sql); err != nil {
			return s.clean(ctx, p, step, err)
		}
	}
	return s.write(ctx, func(tx pgx.Tx) error {
		if err := s.note(ctx, tx, p.Version, stage, i, "done"); err != nil {
			return err
		}
		return s.event(ctx, tx, p.Version, "step", stage+": "+step.What)
	})
}

// clean drops what a failed build left behind, and explains the failure.
func (s *session) clean(ctx context.Context, p *plan.Plan, step plan.Step, cause error) error {
	if step.Concurrent != "" && ctx.Err() == nil {
		if err := s.alone(ctx, p, "DROP INDEX CONCURRENTLY IF EXISTS "+step.Concurrent); err != nil {
			return fmt.Errorf("%w; and dropping the leftover: %w", cause, err)
		}
	}
	switch {
	case isCode(cause, "23505"):
		return refusal.New("the index finds duplicates: %s", describe(cause)).Remedy("remove them, then run again; the leftover is dropped")
	case isCode(cause, "57014"):
		return refusal.Undecide("the build took longer than %s", s.opts.ScanTimeout).
			Remedy("it waits for every transaction older than itself: end those, or raise the scan timeout; the leftover is dropped")
	}
	return cause
}

// alone executes one statement on a pinned connection outside of a transaction. No lock timeout: the build waits for old transactions
// under a lock that blocks neither readers nor writers; the statement timeout is the watchdog.
func (s *session) alone(ctx context.Context, p *plan.Plan, sql string) error {
	return s.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		var held bool
		if err := c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM sluice.lease WHERE token = $1)", s.token).Scan(&held); err != nil {
			return err
		}
		if !held {
			return ErrLeaseLost
		}
		if _, err := c.Exec(ctx, "SELECT set_config('search_path', $1, false), set_config('lock_timeout', '0', false), set_config('statement_timeout', $2, false)",
			quotedPath(p.SearchPath), milliseconds(s.opts.ScanTimeout)); err != nil {
			return err
		}
		_, err := c.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		reset, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer stop()
		_, _ = c.Exec(reset, "RESET search_path; RESET lock_timeout; RESET statement_timeout", pgx.QueryExecModeSimpleProtocol)
		return err
	})
}

func (s *session) indexState(ctx context.Context, index string) (there, valid bool, err error) {
	err = s.pool.QueryRow(ctx, "SELECT count(*) > 0, coalesce(bool_and(indisvalid AND indisready), false) FROM pg_index WHERE indexrelid = to_regclass($1)", index).Scan(&there, &valid)
	return there, valid, err
}
