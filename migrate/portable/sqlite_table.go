package portable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/migrate/refusal"
)

func (liteDialect) read(ctx context.Context, q querier, name string) (*table, error) {
	t := &table{leaning: map[string][]string{}}
	var create string
	var withoutRowid bool
	err := scan(ctx, q, "SELECT l.name, s.sql, l.wr FROM pragma_table_list l JOIN sqlite_schema s ON s.name = l.name WHERE l.schema = 'main' AND l.type = 'table' AND lower(l.name) = lower(?)",
		[]any{name}, &t.name, &create, &withoutRowid)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refusal.Misconfigure("there is no table %q", name).Remedy("give the name of a table; views and virtual tables cannot be changed")
	}
	if err != nil {
		return nil, fmt.Errorf("reading table %q: %w", name, err)
	}
	for _, read := range []func() error{
		func() error { return liteColumns(ctx, q, t, create) },
		func() error { return liteIndexes(ctx, q, t) },
		func() error { return liteReferences(ctx, q, t) },
		func() error { return scan(ctx, q, "SELECT count(*) FROM "+quote(t.name), nil, &t.rows) },
		func() error { return liteNotes(ctx, q, t) },
	} {
		if err := read(); err != nil {
			return nil, fmt.Errorf("reading table %q: %w", name, err)
		}
	}
	t.key = liteKey(t, withoutRowid)
	return t, nil
}

// liteColumns reads the columns, and their collations from an index over them in a copy of the table: nothing else tells those.
func liteColumns(ctx context.Context, q querier, t *table, create string) error {
	type position struct {
		column
		pk int
	}
	all, err := collect(ctx, q, "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?)", []any{t.name}, func(rows *sql.Rows) (p position, err error) {
		var defined sql.NullString
		var hidden int
		err = rows.Scan(&p.name, &p.sqlType, &p.notNull, &defined, &p.pk, &hidden)
		p.defined, p.generated, p.base = defined.String, hidden > 0, strings.ToLower(p.sqlType)
		return p, err
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b position) int { return a.pk - b.pk })
	for _, p := range all {
		if p.pk > 0 {
			t.primary = append(t.primary, p.name)
		}
	}
	memory, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	defer memory.Close()
	memory.SetMaxOpenConns(1)
	if _, err := memory.ExecContext(ctx, create); err != nil {
		return err
	}
	for _, p := range all {
		if !p.generated {
			var collation string
			if _, err := memory.ExecContext(ctx, "DROP INDEX IF EXISTS sluice_probe; CREATE INDEX sluice_probe ON "+quote(t.name)+" ("+quote(p.name)+")"); err != nil {
				return err
			}
			if err := scan(ctx, memory, "SELECT coll FROM pragma_index_xinfo('sluice_probe') WHERE key", nil, &collation); err != nil {
				return err
			}
			if collation != "BINARY" {
				p.sqlType += " COLLATE " + collation
			}
		}
		t.columns = append(t.columns, p.column)
	}
	return nil
}

func liteIndexes(ctx context.Context, q querier, t *table) error {
	var err error
	t.indexes, err = collect(ctx, q, "SELECT name, \"unique\", origin <> 'c', NOT partial FROM pragma_index_list(?)", []any{t.name}, func(rows *sql.Rows) (x index, err error) {
		return x, rows.Scan(&x.name, &x.unique, &x.constraint, &x.plain)
	})
	if err != nil {
		return err
	}
	for i := range t.indexes {
		x := &t.indexes[i]
		x.columns, err = collect(ctx, q, "SELECT coalesce(name, ''), \"desc\" FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno", []any{x.name}, func(rows *sql.Rows) (name string, err error) {
			var descending bool
			err = rows.Scan(&name, &descending)
			x.plain = x.plain && name != "" && !descending
			return name, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// liteKey gives a key that never holds NULL and names each row once.
func liteKey(t *table, withoutRowid bool) []string {
	fixed := func(columns []string) bool {
		for _, name := range columns {
			if c, ok := t.column(name); !ok || !c.notNull {
				return false
			}
		}
		return len(columns) > 0
	}
	if len(t.primary) == 1 {
		if c, _ := t.column(t.primary[0]); c.base == "integer" {
			return t.primary
		}
	}
	if len(t.primary) > 0 && (withoutRowid || fixed(t.primary)) {
		return t.primary
	}
	for _, x := range t.indexes {
		if x.unique && x.plain && fixed(x.columns) {
			return x.columns
		}
	}
	return nil
}

// liteReferences notes foreign keys of the table and of others that refer to it.
func liteReferences(ctx context.Context, q querier, t *table) error {
	type reference struct{ from, to, column, target string }
	all, err := collect(ctx, q, `SELECT l.name, f."table", f."from", coalesce(f."to", '') FROM pragma_table_list l, pragma_foreign_key_list(l.name) f
		WHERE l.schema = 'main' AND l.type = 'table' AND (lower(f."table") = lower(?) OR l.name = ?)`, []any{t.name, t.name}, func(rows *sql.Rows) (r reference, err error) {
		return r, rows.Scan(&r.from, &r.to, &r.column, &r.target)
	})
	for _, r := range all {
		if strings.EqualFold(r.from, t.name) {
			c, _ := t.column(r.column)
			t.leaning[c.name] = append(t.leaning[c.name], "it refers to "+r.to)
			continue
		}
		c, _ := t.column(r.target)
		says := "a foreign key of " + r.from + " refers to it"
		t.leaning[c.name], t.leaning[""] = append(t.leaning[c.name], says), append(t.leaning[""], says)
	}
	return err
}

func liteNotes(ctx context.Context, q querier, t *table) error {
	var mode string
	err := scan(ctx, q, "PRAGMA journal_mode", nil, &mode)
	if err == nil && mode != "wal" {
		t.notes = append(t.notes, "the journal mode is "+mode+": whoever reads the whole of "+t.name+" holds writers up; with PRAGMA journal_mode=WAL nobody waits for a reader")
	}
	return err
}

func (liteDialect) owner(ctx context.Context, q querier, index string) (string, error) {
	return only(collect(ctx, q, "SELECT tbl_name FROM sqlite_schema WHERE type = 'index' AND lower(name) = lower(?)", []any{index}, text))
}

// only gives the one element, or nothing.
func only(all []string, err error) (string, error) {
	if err != nil || len(all) != 1 {
		return "", err
	}
	return all[0], nil
}

// rehearsal copies the whole schema and a few rows of some tables into memory.
func (d liteDialect) rehearsal(ctx context.Context, db *sql.DB, tables []string) (*sql.Conn, func(), error) {
	memory, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, nil, err
	}
	memory.SetMaxOpenConns(1)
	conn, err := memory.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	done := func() { conn.Close(); memory.Close() }
	if err := d.copy(ctx, db, conn, tables); err != nil {
		done()
		return nil, nil, fmt.Errorf("copying the schema for a rehearsal: %w", err)
	}
	return conn, done, nil
}

const liteObjects = `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'sluice\_%' ESCAPE '\' AND type `

// copy brings tables and indexes, then rows, then views and triggers, which are not called for the rows again.
func (d liteDialect) copy(ctx context.Context, db *sql.DB, conn *sql.Conn, tables []string) error {
	create, err := collect(ctx, db, liteObjects+"IN ('table', 'index') ORDER BY type <> 'table', rowid", nil, text)
	if err != nil {
		return err
	}
	if err := execAll(ctx, conn, append(d.state(), create...)); err != nil {
		return err
	}
	for _, t := range tables {
		if err := d.sample(ctx, db, conn, t); err != nil {
			return fmt.Errorf("rows of %q: %w", t, err)
		}
	}
	create, err = collect(ctx, db, liteObjects+"NOT IN ('table', 'index') ORDER BY rowid", nil, text)
	if err != nil {
		return err
	}
	return execAll(ctx, conn, create)
}

func execAll(ctx context.Context, conn *sql.Conn, statements []string) error {
	for _, sql := range statements {
		if _, err := conn.ExecContext(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// sample copies a few rows of a table that is there.
func (d liteDialect) sample(ctx context.Context, db *sql.DB, conn *sql.Conn, name string) error {
	t, err := d.read(ctx, db, name)
	if err != nil {
		return nil // created by the change
	}
	var columns, literals []string
	for _, c := range t.columns {
		if !c.generated {
			columns, literals = append(columns, c.name), append(literals, "quote("+quote(c.name)+")")
		}
	}
	rows, err := collect(ctx, db, fmt.Sprintf("SELECT concat_ws(', ', %s) FROM %s LIMIT %d", strings.Join(literals, ", "), quote(t.name), sampleRows), nil, text)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if _, err := conn.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", quote(t.name), quoteAll(columns), r)); err != nil {
			return err
		}
	}
	return nil
}
