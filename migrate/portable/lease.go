package portable

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// A session is the right to write: connections of one holder of the lease, which are never replaced by new ones. Every transaction of
// it reads the token first and keeps it from changing until it ends, so a runner that wakes up late writes nothing.
type session struct {
	*Engine
	conn  *sql.Conn // transactions
	alter *sql.Conn // alterations, where they are no part of a transaction
	token int64

	writing atomic.Bool // a transaction of conn holds the token
}

// withLease runs f as the one runner on this database.
func (e *Engine) withLease(ctx context.Context, f func(context.Context, *session) error) error {
	if err := e.install(ctx); err != nil {
		return err
	}
	token, err := e.acquire(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &session{Engine: e, token: token}
	defer s.release(ctx)
	for _, c := range []**sql.Conn{&s.conn, &s.alter} {
		if *c, err = e.db.Conn(ctx); err != nil {
			return fmt.Errorf("connecting: %w", err)
		}
		defer discard(*c)
		if err := e.mark(ctx, *c, token); err != nil {
			return fmt.Errorf("connecting: %w", err)
		}
	}
	beat := make(chan struct{})
	go func() {
		defer close(beat)
		s.heartbeat(ctx, cancel)
	}()
	err = f(ctx, s)
	if cause := context.Cause(ctx); errors.Is(cause, migrate.ErrLeaseLost) || errors.Is(err, migrate.ErrLeaseLost) {
		err = refusal.Undecide("%w", migrate.ErrLeaseLost).Remedy("look at migrate-status, then run again: what was done stays done")
	}
	cancel(nil)
	<-beat
	return err
}

// discard closes a connection for good: what its session holds is not for the pool's next user.
func discard(c *sql.Conn) {
	_ = c.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.Close()
}

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
		if err := sleep(ctx, min(time.Second, time.Until(deadline)+time.Millisecond)); err != nil {
			return 0, err
		}
	}
}

// tryAcquire takes a lease that is free or has run out. It ends the connections that the last holder left behind before it changes the
// token, which then waits for none of them.
func (e *Engine) tryAcquire(ctx context.Context) (token int64, holder string, err error) {
	var name string
	var since, until, now int64
	err = scan(ctx, e.db, "SELECT l.token, l.holder, l.acquired_at, h.expires_at, "+e.now()+" FROM sluice_lease l, sluice_heartbeat h", nil, &token, &name, &since, &until, &now)
	if err != nil {
		return 0, "", err
	}
	if until >= now {
		return 0, fmt.Sprintf("run %q holds the lease since %s, renewed until %s", name,
			time.UnixMilli(since).UTC().Format(time.RFC3339), time.UnixMilli(until).UTC().Format(time.RFC3339)), nil
	}
	if err := e.evict(ctx, e.db, token); err != nil {
		return 0, "", fmt.Errorf("ending the connections of run %q: %w", name, err)
	}
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return 0, "", err
	}
	defer conn.Close()
	taken := false
	err = transact(ctx, e, conn, func() error {
		r, err := conn.ExecContext(ctx, "UPDATE sluice_lease SET token = token + 1, holder = ?, acquired_at = "+e.now()+
			" WHERE token = ? AND (SELECT expires_at FROM sluice_heartbeat) < "+e.now(), e.opts.Run, token)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return err
		}
		taken = true
		_, err = conn.ExecContext(ctx, "UPDATE sluice_heartbeat SET token = ?, expires_at = "+e.now()+" + ?", token+1, e.opts.LeaseFor.Milliseconds())
		return err
	})
	switch {
	case e.busy(err):
		return 0, fmt.Sprintf("run %q has lost its lease, but a transaction of it is still open", name), nil
	case err != nil:
		return 0, "", err
	case !taken:
		return 0, "another runner was faster to take the lease", nil
	}
	return token + 1, "", nil
}

// heartbeat renews the lease until the session ends, and ends it when the lease is gone or could not be renewed in time.
func (s *session) heartbeat(ctx context.Context, cancel context.CancelCauseFunc) {
	renewed := time.Now()
	for {
		if sleep(ctx, s.opts.LeaseFor/4) != nil {
			return
		}
		began := time.Now()
		renewal, err := s.renew(ctx, s.db)
		switch {
		case err == nil && !renewal, err != nil && time.Since(renewed) > s.opts.LeaseFor:
			cancel(migrate.ErrLeaseLost)
			return
		case err == nil, s.transactional() && s.writing.Load() && s.busy(err): // nobody else can write now
			renewed = began
		}
	}
}

// renew puts off the end of the lease, and tells whether it was still there.
func (s *session) renew(ctx context.Context, on interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}) (bool, error) {
	r, err := on.ExecContext(ctx, "UPDATE sluice_heartbeat SET expires_at = "+s.now()+" + ? WHERE token = ?", s.opts.LeaseFor.Milliseconds(), s.token)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// release lets the next runner in at once.
func (s *session) release(ctx context.Context) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	for busy := true; busy; {
		_, err := s.db.ExecContext(ctx, "UPDATE sluice_heartbeat SET expires_at = 0 WHERE token = ?", s.token)
		busy = err != nil && s.busy(err) && ctx.Err() == nil
	}
}

// write runs f in a transaction of the session's connection that holds the token.
func (s *session) write(ctx context.Context, f func() error) error {
	return s.persist(ctx, s.conn, func() error {
		var one int
		err := scan(ctx, s.conn, "SELECT 1 FROM sluice_lease WHERE id = 1 AND token = ?"+s.shared(), []any{s.token}, &one)
		if errors.Is(err, sql.ErrNoRows) {
			return migrate.ErrLeaseLost
		}
		if err != nil {
			return err
		}
		s.writing.Store(true)
		defer s.writing.Store(false)
		return f()
	})
}

// persist runs f in a transaction, whose begin waits for a busy database as long as a busy lock is tried again.
func (e *Engine) persist(ctx context.Context, c *sql.Conn, f func() error) error {
	began := false
	for deadline := time.Now().Add(e.opts.RetryFor); ; {
		err := transact(ctx, e, c, func() error { began = true; return f() })
		if err == nil || began || !e.busy(err) || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
	}
}

// transact runs f between begin and commit.
func transact(ctx context.Context, d dialect, c *sql.Conn, f func() error) error {
	if _, err := c.ExecContext(ctx, d.begin()); err != nil {
		return err
	}
	err := f()
	if err == nil {
		_, err = c.ExecContext(context.WithoutCancel(ctx), "COMMIT") // to know how it ended
	}
	if err != nil {
		_, _ = c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

func (s *session) exec(ctx context.Context, sql string, args ...any) error {
	_, err := s.conn.ExecContext(ctx, sql, args...)
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
