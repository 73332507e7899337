package portable

import (
	"context"
	"database/sql"
	"strings"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// sampleRows is how many rows of a table a rehearsal copies.
const sampleRows = 100

// rehearse runs a plan forth and back, then to its end, on a copy of a few rows. Raw SQL is left out: a script may reach anything.
func (e *Engine) rehearse(ctx context.Context, p *plan.Plan, c *change.Change) error {
	for _, o := range c.Operations {
		if o.SQL != nil {
			return nil
		}
	}
	conn, done, err := e.rehearsal(ctx, e.db, p.Tables)
	if err != nil {
		return err
	}
	defer done()
	r := &rehearsal{e.dialect, ctx, conn, p}
	expand := []func() error{
		func() error { return r.steps(p.Expand) }, func() error { return r.fills(p.Fills) }, func() error { return r.steps(p.Settle) },
	}
	life := append(expand, r.counts,
		func() error { return r.undo(p.Settle) }, func() error { return r.undo(p.Expand) })
	life = append(append(life, expand...), func() error { return r.steps(p.Tombstone) }, r.tombstoned,
		func() error { return r.undo(p.Tombstone) }, func() error { return r.fills(p.Backward) },
		func() error { return r.steps(p.Tombstone) }, func() error { return r.steps(p.Drop) })
	for _, phase := range life {
		if err := phase(); err != nil {
			return err
		}
	}
	return nil
}

type rehearsal struct {
	dialect
	ctx  context.Context
	conn *sql.Conn
	plan *plan.Plan
}

func (r *rehearsal) exec(what, statement string) error {
	_, err := r.conn.ExecContext(r.ctx, statement)
	if err == nil {
		return nil
	}
	if r.copying(err) {
		return refusal.New("planning %s: to %s the database would copy the table: %s", r.plan.Change, what, err).
			Remedy("use gh-ost or spirit, which copy it beside the application's writes, or declare the change under a new name; the statement is %s", oneLine(statement))
	}
	return refusal.New("planning %s: rehearsed on a copy of a few rows, the database refuses to %s: %s", r.plan.Change, what, err).
		Remedy("the statement is %s", oneLine(statement))
}

func oneLine(sql string) string { return strings.Join(strings.Fields(sql), " ") }

func (r *rehearsal) steps(steps []plan.Step) error {
	for _, s := range steps {
		for _, sql := range s.SQL {
			if err := r.exec(s.What, sql); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *rehearsal) undo(steps []plan.Step) error {
	for i := len(steps) - 1; i >= 0; i-- {
		for _, sql := range steps[i].Undo {
			if err := r.exec("undo: "+steps[i].What, sql); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *rehearsal) fills(fills []plan.Fill) error {
	for i := range fills {
		f := &fills[i]
		if f.Displaces != "" {
			if err := r.exec("record what it replaces in "+f.Table.Name, displace(r.dialect, r.plan.Version, *f, " FROM "+f.Table.String(), f.Pending)); err != nil {
				return err
			}
		}
		if err := r.exec("fill "+f.Table.Name, update(f, f.Pending)); err != nil {
			return err
		}
		if err := r.exec("verify "+f.Table.Name, "SELECT count(*) FROM "+f.Table.String()+" WHERE "+f.Mismatch); err != nil {
			return err
		}
	}
	return nil
}

func (r *rehearsal) counts() error {
	for _, c := range r.plan.Checks {
		if err := r.exec("count "+c.What, c.Count); err != nil {
			return err
		}
	}
	for _, l := range r.plan.Losses {
		if err := r.exec("count "+l.What, l.Count); err != nil {
			return err
		}
	}
	return nil
}

func (r *rehearsal) tombstoned() error {
	for _, l := range r.plan.Losses {
		if err := r.exec("count "+l.What, l.Tombstoned); err != nil {
			return err
		}
	}
	return nil
}
