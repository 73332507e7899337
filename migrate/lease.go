package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sluice-ci/sluice/migrate/refusal"
)

// ErrLeaseLost is the cause of a run that another runner has taken the lease from.
var ErrLeaseLost = errors.New("the lease is lost: another runner has taken over")

// A session is the right to write: connections that belong to one holder of the lease. Every transaction of it checks the
// token first and holds the lease's row FOR KEY SHARE, so a successor waits for it, and a runner that wakes up late writes nothing.
type session struct {
	*Engine
	pool  *pgxpool.Pool
	token int64
	ctx   context.Context
}

// withLease runs f as the one runner on this database.
func (e *Engine) withLease(ctx context.Context, f func(*session) error) error {
	if err := e.install(ctx); err != nil {
		return err
	}
	token, err := e.acquire(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &session{Engine: e, token: token, ctx: ctx}
	defer s.release()
	if s.pool, err = e.connect(ctx, holderName(token), e.opts.Workers+2); err != nil {
		return err
	}
	defer s.pool.Close()
	beat := make(chan struct{})
	go func() {
		defer close(beat)
		s.heartbeat(cancel)
	}()
	err = f(s)
	if cause := context.Cause(ctx); errors.Is(cause, ErrLeaseLost) {
		err = refusal.Undecide("%w", cause).Remedy("look at migrate-status, then run again: what was done stays done")
	}
	cancel(nil)
	<-beat
	return err
}

// holderName names the sessions of one holder, so that a successor can end those that are left.
func holderName(token int64) string { return fmt.Sprintf("sluice:%d", token) }

func (e *Engine) acquire(ctx context.Context) (int64, error) {
	deadline := time.Now().Add(e.opts.LeaseWait)
	for {
		token, holder, err := e.tryAcquire(ctx)
		if err != nil {
			return 0, fmt.Errorf("acquiring the lease: %w", err)
		}
		if token > 0 {
			return token, nil
		}
		if !time.Now().Before(deadline) {
			return 0, refusal.Undecide("%s", holder).Remedy("wait for it, or set a lease wait; a runner that died loses its lease after %s", e.opts.LeaseFor)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(min(time.Second, time.Until(deadline)+time.Millisecond)):
		}
	}
}

// tryAcquire takes a lease that is free or has run out. It ends the sessions that the last holder left behind before it changes
// the token, which then waits for none of them.
func (e *Engine) tryAcquire(ctx context.Context) (token int64, holder string, err error) {
	var name string
	var since, until time.Time
	var free bool
	err = e.pool.QueryRow(ctx, `SELECT token, holder, acquired_at, expires_at, expires_at < clock_timestamp() FROM sluice.lease`).
		Scan(&token, &name, &since, &until, &free)
	if err != nil {
		return 0, "", err
	}
	if !free {
		return 0, fmt.Sprintf("run %q holds the lease since %s, renewed until %s", name, since.Format(time.RFC3339), until.Format(time.RFC3339)), nil
	}
	last := token
	if _, err := e.pool.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name = $1 AND datname = current_database() AND usename = session_user`, holderName(last)); err != nil && !isCode(err, "42501") { // without the right to end them, the change of the token waits for them
		return 0, "", fmt.Errorf("ending the sessions of run %q: %w", name, err)
	}
	err = inTx(ctx, e.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '10s'"); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `UPDATE sluice.lease SET token = token + 1, holder = $1, acquired_at = clock_timestamp(),
			expires_at = clock_timestamp() + $2 * interval '1 millisecond'
			WHERE token = $3 AND expires_at < clock_timestamp() RETURNING token`, e.opts.Run, e.opts.LeaseFor.Milliseconds(), last).Scan(&token)
		if errors.Is(err, pgx.ErrNoRows) {
			token = 0
			return nil
		}
		return err
	})
	if isCode(err, "55P03") {
		return 0, fmt.Sprintf("run %q has lost its lease, but a transaction of it is still open", name), nil
	}
	if token == 0 {
		holder = "another runner was faster to take the lease"
	}
	return token, holder, err
}

// heartbeat renews the lease until the session ends, and ends it when the lease is gone or could not be renewed in time.
func (s *session) heartbeat(cancel context.CancelCauseFunc) {
	renewed := time.Now()
	tick := time.NewTicker(s.opts.LeaseFor / 4)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		ctx, stop := context.WithTimeout(s.ctx, s.opts.LeaseFor/4)
		began := time.Now()
		tag, err := s.Engine.pool.Exec(ctx, `UPDATE sluice.lease SET expires_at = clock_timestamp() + $1 * interval '1 millisecond' WHERE token = $2`,
			s.opts.LeaseFor.Milliseconds(), s.token)
		stop()
		switch {
		case err == nil && tag.RowsAffected() == 0, err != nil && time.Since(renewed) > s.opts.LeaseFor:
			cancel(ErrLeaseLost)
			return
		case err == nil:
			renewed = began
		}
	}
}

// release lets the next runner in at once.
func (s *session) release() {
	ctx, stop := context.WithTimeout(context.WithoutCancel(s.ctx), 5*time.Second)
	defer stop()
	_, _ = s.Engine.pool.Exec(ctx, "UPDATE sluice.lease SET expires_at = 'epoch' WHERE token = $1", s.token)
}

// fence refuses to go on without the lease. It must be the first statement of every transaction that writes.
func (s *session) fence(ctx context.Context, tx pgx.Tx) error {
	var one int
	err := tx.QueryRow(ctx, "SELECT 1 FROM sluice.lease WHERE id = 1 AND token = $1 FOR KEY SHARE", s.token).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrLeaseLost
	}
	return err
}

// write runs f in a fenced transaction.
func (s *session) write(ctx context.Context, f func(pgx.Tx) error) error {
	return inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.fence(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	})
}
