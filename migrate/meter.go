package migrate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sluice-ci/sluice/migrate/plan"
)

// A meter counts progress, reports it, and holds the workers back while the database is under strain.
type meter struct {
	s     *session
	table string
	mu    sync.Mutex
	p     Progress
	quit  context.CancelFunc
	ended chan struct{}
}

// meterEvery is how often the database is looked at and progress is reported.
const meterEvery = time.Second

func (s *session) newMeter(ctx context.Context, p *plan.Plan, n int, phase string) *meter {
	m := &meter{s: s, table: p.Fills[n].Table.String(), ended: make(chan struct{})}
	m.p = Progress{Change: p.Change, Table: p.Fills[n].Table.Plain(), Phase: phase, Since: time.Now()}
	_ = s.pool.QueryRow(ctx, "SELECT coalesce(sum(rows) FILTER (WHERE done AND $3), 0)::bigint, coalesce(sum(rows), 0)::bigint FROM sluice.range WHERE version = $1 AND fill = $2",
		p.Version, n, phase == "backfill").Scan(&m.p.Done, &m.p.Total)
	ctx, m.quit = context.WithCancel(ctx)
	go m.watch(ctx)
	return m
}

func (m *meter) watch(ctx context.Context) {
	defer close(m.ended)
	var wal int64 = -1
	tick := time.NewTicker(meterEvery)
	defer tick.Stop()
	for {
		var why string
		why, wal = m.strain(ctx, wal)
		m.mu.Lock()
		m.p.Paused = why
		p := m.p
		m.mu.Unlock()
		m.s.opts.Progress(p)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// strain tells why the workers should pause, or "". A look that fails does not pause: the batches' own timeouts still hold.
func (m *meter) strain(ctx context.Context, lastWAL int64) (string, int64) {
	var lag float64
	var wal, sessions int64
	var vacuum bool
	err := m.s.Engine.pool.QueryRow(ctx, `SELECT
			coalesce((SELECT max(extract(epoch FROM replay_lag)) FROM pg_stat_replication), 0)::float8,
			pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint,
			(SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND application_name NOT LIKE 'sluice%'),
			EXISTS (SELECT FROM pg_stat_progress_vacuum WHERE relid = to_regclass($1))`, m.table).Scan(&lag, &wal, &sessions, &vacuum)
	if err != nil {
		return "", lastWAL
	}
	o := m.s.opts
	rate := int64(float64(wal-lastWAL) / meterEvery.Seconds())
	switch {
	case o.MaxLag > 0 && lag > o.MaxLag.Seconds():
		return fmt.Sprintf("a replica lags %.0f s", lag), wal
	case o.MaxWAL > 0 && lastWAL >= 0 && rate > o.MaxWAL:
		return fmt.Sprintf("%d MB of WAL a second", rate>>20), wal
	case o.MaxSessions > 0 && sessions > int64(o.MaxSessions):
		return fmt.Sprintf("%d sessions are active", sessions), wal
	case vacuum && o.Load < 100:
		return "the table is being vacuumed", wal
	}
	return "", wal
}

// wait blocks while the work is paused.
func (m *meter) wait(ctx context.Context) error {
	for {
		m.mu.Lock()
		paused := m.p.Paused != ""
		m.mu.Unlock()
		if !paused {
			return ctx.Err()
		}
		if err := sleep(ctx, meterEvery/4); err != nil {
			return err
		}
	}
}

func (m *meter) add(rows int64) {
	m.mu.Lock()
	m.p.Done += rows
	m.mu.Unlock()
}

func (m *meter) stop() {
	m.quit()
	<-m.ended
	m.mu.Lock()
	p := m.p
	m.mu.Unlock()
	p.Paused = ""
	m.s.opts.Progress(p)
}
