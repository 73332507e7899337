package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// run executes the steps of a stage that the journal does not hold yet.
func (s *session) run(ctx context.Context, p *plan.Plan, stage string) error {
	for i, step := range p.Of(stage) {
		if err := s.step(ctx, p, stage, i, step); err != nil {
			return fmt.Errorf("%s of %s, step %d (%s): %w", stage, p.Change, i+1, step.What, err)
		}
	}
	return nil
}

func (s *session) step(ctx context.Context, p *plan.Plan, stage string, i int, step plan.Step) error {
	state, err := s.journaled(ctx, p.Version, stage, i)
	if err != nil || state == "done" {
		return err
	}
	if step.Outside {
		return s.outside(ctx, p, stage, i, step, state)
	}
	return s.patiently(ctx, step, func() error {
		return s.write(ctx, func(tx pgx.Tx) error {
			// Journal first: the strong lock is then held for the statement and the commit alone.
			if err := s.note(ctx, tx, p.Version, stage, i, "done"); err != nil {
				return err
			}
			if err := s.event(ctx, tx, p.Version, "step", stage+": "+step.What); err != nil {
				return err
			}
			return s.execute(ctx, tx, p, step, step.SQL)
		})
	})
}

// execute runs statements under the plan's search path and the timeouts of their kind.
func (s *session) execute(ctx context.Context, tx pgx.Tx, p *plan.Plan, step plan.Step, statements []string) error {
	statement := s.opts.StatementTimeout
	if step.Scans {
		statement = s.opts.ScanTimeout
	}
	if err := setLocal(ctx, tx, p.SearchPath, s.opts.LockTimeout, statement); err != nil {
		return err
	}
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return nil
}

func setLocal(ctx context.Context, tx pgx.Tx, path []string, lock, statement time.Duration) error {
	_, err := tx.Exec(ctx, `SELECT set_config('search_path', $1, true), set_config('lock_timeout', $2, true), set_config('statement_timeout', $3, true)`,
		quotedPath(path), milliseconds(lock), milliseconds(statement))
	return err
}

func quotedPath(path []string) string {
	quoted := make([]string, len(path))
	for i, p := range path {
		quoted[i] = change.Quote(p)
	}
	return strings.Join(quoted, ", ")
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%dms", max(1, d.Milliseconds())) }

func (s *session) journaled(ctx context.Context, version, stage string, i int) (string, error) {
	var state string
	err := s.pool.QueryRow(ctx, "SELECT state FROM sluice.journal WHERE version = $1 AND stage = $2 AND step = $3", version, stage, i).Scan(&state)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return state, err
}

func (s *session) note(ctx context.Context, tx pgx.Tx, version, stage string, i int, state string) error {
	_, err := tx.Exec(ctx, `INSERT INTO sluice.journal (version, stage, step, state, run) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (version, stage, step) DO UPDATE SET state = EXCLUDED.state, run = EXCLUDED.run, at = clock_timestamp()`,
		version, stage, i, state, s.opts.Run)
	return err
}

// patiently repeats f while a lock is busy, with growing pauses so that the writers who queued behind it get through. When the time
// is over it fails: the last attempt never waits longer than the others.
func (s *session) patiently(ctx context.Context, step plan.Step, f func() error) error {
	deadline := time.Now().Add(s.opts.RetryFor)
	pause := s.opts.LockTimeout
	for attempt := 1; ; attempt++ {
		err := f()
		if !busy(err) {
			return err
		}
		if time.Now().Add(pause).After(deadline) {
			return refusal.Undecide("%s could not lock %s within %s in %d attempts: %s", step.What, step.Table, s.opts.LockTimeout, attempt, describe(err)).
				Remedy("%s; then run again", s.blockers(ctx, step.Table))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(pause*2, 10*time.Second)
	}
}

// busy tells a lock that was not to be had, a deadlock and a statement that took too long from other errors.
func busy(err error) bool {
	return isCode(err, "55P03") || isCode(err, "40P01") || isCode(err, "40001") || isCode(err, "57014")
}

func isCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}

// blockers names the oldest transactions that hold a lock on a table.
func (e *Engine) blockers(ctx context.Context, table string) string {
	rows, err := e.pool.Query(ctx, `SELECT DISTINCT ON (a.xact_start, a.pid) format('pid %s (%s, %s, for %s)', a.pid, coalesce(nullif(a.application_name, ''), 'no name'), a.state,
			date_trunc('second', clock_timestamp() - a.xact_start))
		FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'relation' AND l.granted AND l.relation = to_regclass($1) AND a.pid <> pg_backend_pid()
		ORDER BY a.xact_start, a.pid LIMIT 3`, table)
	if err != nil {
		return "look for long transactions in pg_stat_activity"
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(found) == 0 {
		return "look for long transactions in pg_stat_activity"
	}
	return "end the transactions that hold it: " + strings.Join(found, "; ")
}
