package compile

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// sampleRows is how many rows of each table are copied into its stand-in.
const sampleRows = 50

// Validate runs the whole life of a change on stand-ins of its tables, with a few of their rows: expand, fill, check, undo,
// expand again, tombstone, undo, tombstone, drop. The transaction must be rolled back; the real tables are only read. Raw SQL
// is left out, since its names would reach the real tables.
func Validate(ctx context.Context, tx pgx.Tx, c *change.Change) error {
	real, err := Compile(ctx, tx, c)
	if err != nil {
		return err
	}
	scratch := map[string]string{}
	schemas := append([]string{c.Schema}, schemasOf(real)...)
	for _, s := range schemas {
		if _, ok := scratch[s]; ok {
			continue
		}
		name := fmt.Sprintf("sluice_scratch_%d_%d", tx.Conn().PgConn().PID(), len(scratch)) // two reviews at once must not wait for each other
		if _, err := tx.Exec(ctx, "CREATE SCHEMA "+quote(name)); err != nil {
			return refusal.Misconfigure("creating a scratch schema: %w", err).Remedy("let the role create schemas in this database (GRANT CREATE ON DATABASE); the schema is rolled back")
		}
		scratch[s] = name
	}
	b := &builder{ctx: ctx, q: tx, change: c, scratch: scratch}
	if err := b.standIns(real.Tables); err != nil {
		return err
	}
	p, err := compile(ctx, tx, c, scratch)
	if err != nil {
		return err
	}
	return rehearse(ctx, tx, p)
}

func schemasOf(p *plan.Plan) []string {
	var schemas []string
	for _, t := range p.Tables {
		if s, _, ok := strings.Cut(t, "."); ok {
			schemas = append(schemas, s)
		}
	}
	return schemas
}

// standIns copies the shape of each table that is there, and a few rows.
func (b *builder) standIns(tables []string) error {
	for _, t := range tables {
		schema, name, ok := strings.Cut(t, ".")
		if !ok {
			continue
		}
		n := change.TableName{Schema: schema, Name: name}
		var columns *string
		err := b.q.QueryRow(b.ctx, `SELECT string_agg(pg_catalog.quote_ident(attname), ', ' ORDER BY attnum) FROM pg_catalog.pg_attribute
			WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`, n.String()).Scan(&columns)
		if err != nil {
			return fmt.Errorf("reading %q: %w", t, err)
		}
		if columns == nil {
			continue // created by the change
		}
		at := b.place(n)
		for _, sql := range []string{
			fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL)", at, n),
			fmt.Sprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s LIMIT %d", at, *columns, *columns, n, sampleRows),
		} {
			if _, err := b.q.Exec(b.ctx, sql); err != nil {
				return fmt.Errorf("standing in for %q: %w", t, err)
			}
		}
	}
	return nil
}

// rehearse runs a plan forth and back on its stand-ins.
func rehearse(ctx context.Context, tx pgx.Tx, p *plan.Plan) error {
	r := rehearsal{ctx, tx, p}
	expand := func() error {
		if err := r.steps(p.Expand); err != nil {
			return err
		}
		for _, f := range p.Fills {
			if err := r.fill(f); err != nil {
				return err
			}
		}
		return r.steps(p.Settle)
	}
	life := []func() error{
		expand, r.counts,
		func() error { return r.undo(p.Settle) }, func() error { return r.undo(p.Expand) },
		expand, func() error { return r.steps(p.Tombstone) }, r.tombstoned,
		func() error { return r.undo(p.Tombstone) }, func() error { return r.steps(p.Tombstone) }, func() error { return r.steps(p.Drop) },
	}
	for _, phase := range life {
		if err := phase(); err != nil {
			return err
		}
	}
	return nil
}

type rehearsal struct {
	ctx context.Context
	tx  pgx.Tx
	p   *plan.Plan
}

func (r rehearsal) exec(what, sql string) error {
	if _, err := r.tx.Exec(r.ctx, "SELECT pg_catalog.set_config('search_path', $1, true)", quoteAll(r.p.SearchPath)); err != nil {
		return err
	}
	if _, err := r.tx.Exec(r.ctx, sql); err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			return refusal.New("planning %s: rehearsed on a copy of a few rows, the database refuses to %s: %s", r.p.Change, what, pg.Message).
				Remedy("the statement is %s", strings.Join(strings.Fields(sql), " "))
		}
		return err
	}
	return nil
}

func (r rehearsal) steps(steps []plan.Step) error {
	for _, s := range steps {
		for _, sql := range s.SQL {
			if err := r.exec(s.What, sql); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r rehearsal) undo(steps []plan.Step) error {
	for i := len(steps) - 1; i >= 0; i-- {
		for _, sql := range steps[i].Undo {
			if err := r.exec("undo: "+steps[i].What, sql); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r rehearsal) fill(f plan.Fill) error {
	if err := r.exec("fill "+f.Table.Name, f.Update("")); err != nil {
		return err
	}
	return r.exec("verify "+f.Table.Name, "SELECT count(*) FROM "+f.Table.String()+" WHERE "+f.Mismatch)
}

func (r rehearsal) counts() error {
	for _, c := range r.p.Checks {
		if err := r.exec("count "+c.What, c.Count); err != nil {
			return err
		}
	}
	for _, l := range r.p.Losses {
		if err := r.exec("count "+l.What, l.Count); err != nil {
			return err
		}
	}
	return nil
}

func (r rehearsal) tombstoned() error {
	for _, l := range r.p.Losses {
		if l.Tombstoned != "" {
			if err := r.exec("count "+l.What, l.Tombstoned); err != nil {
				return err
			}
		}
	}
	return nil
}
