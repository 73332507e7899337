package portable

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// Status reads where every change of a directory stands. It writes nothing, and works beside a runner.
func (e *Engine) Status(ctx context.Context, d *change.Directory) (*migrate.Status, error) {
	st := &migrate.Status{Directory: d.Sum}
	all, err := e.revisions(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) > 0 {
		if st.Lease, err = e.lease(ctx); err != nil {
			return nil, err
		}
	}
	for _, c := range d.Changes {
		r := all[c.Version]
		cs, err := e.stands(ctx, c, r)
		if err == nil && r != nil && r.Phase.Reached(migrate.Expanded) && !r.Phase.Reached(migrate.Dropping) && r.Phase != migrate.Burying {
			cs.Losses, err = e.counted(ctx, r)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the status of %s: %w", c.ID(), err)
		}
		delete(all, c.Version)
		st.Changes = append(st.Changes, *cs)
	}
	for _, r := range all {
		if r.Phase.InFlight() {
			return st, refusal.Misconfigure("the database is between shapes with %s (%s), which the directory does not hold", r.Plan.Change, r.Phase).
				Remedy("restore its folder: without it the change can be neither finished nor undone")
		}
	}
	return st, nil
}

// Stands tells where one change stands, without counting what a rollback would lose, which reads whole tables.
func (e *Engine) Stands(ctx context.Context, c *change.Change) (*migrate.ChangeStatus, error) {
	all, err := e.revisions(ctx)
	if err != nil {
		return nil, err
	}
	return e.stands(ctx, c, all[c.Version])
}

func (e *Engine) stands(ctx context.Context, c *change.Change, r *migrate.Revision) (*migrate.ChangeStatus, error) {
	cs := &migrate.ChangeStatus{Change: c.ID(), Description: c.Description, Phase: migrate.Pending, Next: "plan, expand"}
	if r == nil {
		return cs, nil
	}
	return cs, e.detail(ctx, r, cs)
}

func (e *Engine) lease(ctx context.Context) (*migrate.Lease, error) {
	leases, err := collect(ctx, e.db, "SELECT l.holder, l.acquired_at, h.expires_at FROM sluice_lease l, sluice_heartbeat h WHERE h.expires_at > "+e.now(), nil,
		func(rows *sql.Rows) (*migrate.Lease, error) {
			var l migrate.Lease
			var since, until int64
			err := rows.Scan(&l.Run, &since, &until)
			l.Since, l.Until = time.UnixMilli(since).UTC(), time.UnixMilli(until).UTC()
			return &l, err
		})
	if err != nil || len(leases) == 0 {
		return nil, err
	}
	return leases[0], nil
}

func (e *Engine) detail(ctx context.Context, r *migrate.Revision, cs *migrate.ChangeStatus) (err error) {
	cs.Revision, cs.Phase, cs.Next = r, r.Phase, migrate.Next[r.Phase]
	if cs.Window, err = e.window(ctx, r); err != nil {
		return err
	}
	for i, f := range r.Plan.Fills {
		fs, err := collect(ctx, e.db, "SELECT done, total, pass, repaired FROM sluice_fill WHERE version = ? AND fill = ?", []any{r.Version, i},
			func(rows *sql.Rows) (fs migrate.FillStatus, err error) {
				fs.Table = f.Table.Plain()
				return fs, rows.Scan(&fs.Done, &fs.Total, &fs.Pass, &fs.Repaired)
			})
		if err != nil {
			return err
		}
		cs.Fills = append(cs.Fills, fs...)
	}
	cs.Evidence, err = collect(ctx, e.db, "SELECT kind, verdict, detail, run, at FROM sluice_evidence WHERE version = ? ORDER BY id", []any{r.Version},
		func(rows *sql.Rows) (v migrate.Evidence, err error) {
			var ms int64
			err = rows.Scan(&v.Kind, &v.Verdict, (*[]byte)(&v.Detail), &v.Run, &ms)
			v.At = time.UnixMilli(ms).UTC()
			return v, err
		})
	if err != nil {
		return err
	}
	cs.Applications, err = collect(ctx, e.db, "SELECT digest, shape, run, at FROM sluice_application WHERE version = ? ORDER BY id", []any{r.Version},
		func(rows *sql.Rows) (a migrate.Application, err error) {
			var ms int64
			err = rows.Scan(&a.Digest, &a.Reads, &a.Run, &ms)
			a.At = time.UnixMilli(ms).UTC()
			return a, err
		})
	return err
}

// counted counts losses on a connection of its own.
func (e *Engine) counted(ctx context.Context, r *migrate.Revision) ([]migrate.Lost, error) {
	c, err := e.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return e.losses(ctx, c, r)
}

func (e *Engine) window(ctx context.Context, r *migrate.Revision) (*migrate.Window, error) {
	w, column := migrate.Window{After: "switch", Of: r.Plan.Window}, "switched_at"
	switch r.Phase {
	case migrate.Switched:
	case migrate.Tombstoned:
		w, column = migrate.Window{After: "tombstone", Of: r.Plan.DropWindow}, "tombstoned_at"
	default:
		return nil, nil
	}
	passed, err := e.since(ctx, r, column)
	w.Left = max(0, w.Of-passed)
	return &w, err
}
