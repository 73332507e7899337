package portable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// The states of a step in the journal. One that is neither missing nor done may have had some of its effects.
const (
	stepBegun  = "begun"
	stepDone   = "done"
	stepUndone = "being undone"
)

// run executes the steps of a stage that the journal does not hold as done.
func (s *session) run(ctx context.Context, p *plan.Plan, stage string) error {
	for i, step := range p.Of(stage) {
		state, err := s.journaled(ctx, p.Version, stage, i)
		if err == nil && state != stepDone {
			err = s.carry(ctx, p, stage, i, step, state, stepBegun, step.SQL, func() error { return s.note(ctx, p.Version, stage, i, stepDone) })
		}
		if err != nil {
			return fmt.Errorf("%s of %s, step %d (%s): %w", stage, p.Change, i+1, step.What, err)
		}
	}
	return nil
}

// undo takes back the steps of a stage that the journal holds, last first.
func (s *session) undo(ctx context.Context, p *plan.Plan, stage string) error {
	steps := p.Of(stage)
	for i := len(steps) - 1; i >= 0; i-- {
		state, err := s.journaled(ctx, p.Version, stage, i)
		if err == nil && state != "" {
			if state == stepDone {
				state = "" // each statement is yet to have its effect
			}
			err = s.carry(ctx, p, stage, i, steps[i], state, stepUndone, steps[i].Undo, func() error {
				return s.exec(ctx, "DELETE FROM sluice_journal WHERE version = ? AND stage = ? AND step = ?", p.Version, stage, i)
			})
		}
		if err != nil {
			return fmt.Errorf("undoing %s of %s, step %d (%s): %w", stage, p.Change, i+1, steps[i].What, err)
		}
	}
	return nil
}

var changesRows = regexp.MustCompile(`(?is)^\s*(insert|update|delete|replace|with|select)\b`)

// carry runs statements forth or back together with their entry in the journal.
func (s *session) carry(ctx context.Context, p *plan.Plan, stage string, i int, step plan.Step, state, meanwhile string, statements []string, entry func() error) error {
	whole := s.transactional() || len(statements) == 1 && changesRows.MatchString(statements[0])
	limit := s.opts.StatementTimeout
	if step.Scans && !s.transactional() {
		limit = s.opts.ScanTimeout
	}
	if !whole && state == "" {
		if err := s.write(ctx, func() error { return s.note(ctx, p.Version, stage, i, meanwhile) }); err != nil {
			return err
		}
	}
	on := s.alter
	if whole {
		on = s.conn
	}
	attempts := 0
	return s.patiently(ctx, step, func() error {
		attempts++
		return s.write(ctx, func() error { // holds the lease for the other connection too
			limited, stop, err := s.limit(ctx, on, limit)
			if err != nil {
				return err
			}
			defer stop()
			for _, sql := range statements {
				_, err := on.ExecContext(limited, sql)
				if again := !whole && (state != "" || attempts > 1); again && s.already(err) {
					err = nil
				}
				if err != nil {
					s.abandon(on, whole)
					return err
				}
			}
			if whole { // no heartbeat came through meanwhile
				if _, err := s.renew(ctx, s.conn); err != nil {
					return err
				}
			}
			if err := s.event(ctx, p.Version, meanwhile, stage+": "+step.What); err != nil {
				return err
			}
			return entry()
		})
	})
}

// abandon ends what a failed alteration left open: the table's lock between two statements.
func (s *session) abandon(on *sql.Conn, whole bool) {
	if !whole {
		_, _ = on.ExecContext(context.Background(), "UNLOCK TABLES")
	}
}

func (s *session) journaled(ctx context.Context, version, stage string, i int) (string, error) {
	var state string
	err := scan(ctx, s.db, "SELECT state FROM sluice_journal WHERE version = ? AND stage = ? AND step = ?", []any{version, stage, i}, &state)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return state, err
}

func (s *session) note(ctx context.Context, version, stage string, i int, state string) error {
	if err := s.exec(ctx, "DELETE FROM sluice_journal WHERE version = ? AND stage = ? AND step = ?", version, stage, i); err != nil {
		return err
	}
	return s.exec(ctx, "INSERT INTO sluice_journal (version, stage, step, state) VALUES (?, ?, ?, ?)", version, stage, i, state)
}

// patiently repeats f while a lock is busy, with growing pauses so that the writers who queued behind it get through.
func (s *session) patiently(ctx context.Context, step plan.Step, f func() error) error {
	deadline := time.Now().Add(s.opts.RetryFor)
	pause := s.opts.LockTimeout
	for attempt := 1; ; attempt++ {
		err := f()
		if err == nil || ctx.Err() != nil || !s.busy(err) {
			return err
		}
		if time.Now().Add(pause).After(deadline) {
			return refusal.Undecide("%s could not lock %s within %s or did not end within %s, in %d attempts: %w", step.What, step.Table,
				s.opts.LockTimeout, s.opts.StatementTimeout, attempt, err).
				Remedy("end long transactions on it, or raise the statement timeout in a quiet hour; then run again")
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(pause*2, 10*time.Second)
	}
}
