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

func (mariaDialect) read(ctx context.Context, q querier, name string) (*table, error) {
	t := &table{name: name, leaning: map[string][]string{}}
	var kind, engine string
	err := scan(ctx, q, "SELECT table_type, coalesce(engine, ''), coalesce(table_rows, 0) FROM information_schema.tables WHERE table_schema = database() AND BINARY table_name = ?", []any{name}, &kind, &engine, &t.rows)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, refusal.Misconfigure("there is no table %q", name).Remedy("give the name of a table of the DSN's database; case counts")
	case err != nil:
		return nil, fmt.Errorf("reading table %q: %w", name, err)
	case kind != "BASE TABLE" || engine != "InnoDB":
		return nil, refusal.New("%q is a %s with the engine %q", name, strings.ToLower(kind), engine).Remedy("only tables in InnoDB can be altered beside writers; convert it first with gh-ost or spirit")
	}
	for _, read := range []func(context.Context, querier, *table) error{mariaColumns, mariaIndexes, mariaReferences, mariaMentions} {
		if err := read(ctx, q, t); err != nil {
			return nil, fmt.Errorf("reading table %q: %w", name, err)
		}
	}
	t.key = mariaKey(t)
	return t, noUnsafeKey(t)
}

func mariaColumns(ctx context.Context, q querier, t *table) (err error) {
	t.columns, err = collect(ctx, q, `SELECT column_name, column_type, data_type, coalesce(concat(' CHARACTER SET ', character_set_name, ' COLLATE ', collation_name), ''), column_default,
			is_nullable = 'NO', extra, generation_expression IS NOT NULL, coalesce(character_octet_length, 0), column_comment
		FROM information_schema.columns WHERE table_schema = database() AND BINARY table_name = ? ORDER BY ordinal_position`, []any{t.name}, func(rows *sql.Rows) (c column, err error) {
		var defined sql.NullString
		var extra string
		c.table = t.name
		err = rows.Scan(&c.name, &c.sqlType, &c.base, &c.charset, &defined, &c.notNull, &extra, &c.generated, &c.octets, &c.comment)
		c.sqlType += c.charset
		if defined.String != "NULL" {
			c.defined = defined.String
		}
		c.counted, c.stamped = strings.Contains(extra, "auto_increment"), strings.Contains(extra, "on update")
		c.generated = c.generated || c.counted
		return c, err
	})
	return err
}

func mariaIndexes(ctx context.Context, q querier, t *table) error {
	type part struct {
		index, column string
		unique, plain bool
	}
	parts, err := collect(ctx, q, `SELECT index_name, coalesce(column_name, ''), non_unique = 0, sub_part IS NULL AND index_type = 'BTREE' AND collation = 'A'
		FROM information_schema.statistics WHERE table_schema = database() AND BINARY table_name = ? ORDER BY index_name, seq_in_index`, []any{t.name}, func(rows *sql.Rows) (p part, err error) {
		return p, rows.Scan(&p.index, &p.column, &p.unique, &p.plain)
	})
	for _, p := range parts {
		if p.index == "PRIMARY" {
			t.primary = append(t.primary, p.column)
			continue
		}
		if n := len(t.indexes); n == 0 || t.indexes[n-1].name != p.index {
			t.indexes = append(t.indexes, index{name: p.index, unique: p.unique, plain: true})
		}
		x := &t.indexes[len(t.indexes)-1]
		x.columns, x.plain = append(x.columns, p.column), x.plain && p.plain
	}
	return err
}

func mariaKey(t *table) []string {
	if len(t.primary) > 0 {
		return t.primary
	}
	for _, x := range t.indexes {
		if x.unique && x.plain && !slices.ContainsFunc(x.columns, func(name string) bool { c, _ := t.column(name); return !c.notNull }) {
			return x.columns
		}
	}
	return nil
}

func mariaReferences(ctx context.Context, q querier, t *table) error {
	type reference struct{ from, column, to, target string }
	all, err := collect(ctx, q, `SELECT table_name, column_name, referenced_table_name, referenced_column_name FROM information_schema.key_column_usage
		WHERE referenced_table_name IS NOT NULL AND table_schema = database() AND ? IN (BINARY table_name, BINARY referenced_table_name)`, []any{t.name}, func(rows *sql.Rows) (r reference, err error) {
		return r, rows.Scan(&r.from, &r.column, &r.to, &r.target)
	})
	for _, r := range all {
		if r.from == t.name {
			t.leaning[r.column] = append(t.leaning[r.column], "it refers to "+r.to)
		}
		if r.to == t.name {
			says := "a foreign key of " + r.from + " refers to it"
			t.leaning[r.target], t.leaning[""] = append(t.leaning[r.target], says), append(t.leaning[""], says)
		}
	}
	return err
}

// mariaMentions notes what names a column in its text: such an object breaks when the column is renamed.
func mariaMentions(ctx context.Context, q querier, t *table) error {
	type object struct{ what, text string }
	all, err := collect(ctx, q, `SELECT concat('the trigger ', trigger_name, ' names it'), action_statement FROM information_schema.triggers
			WHERE event_object_schema = database() AND BINARY event_object_table = ? AND trigger_name NOT LIKE '~sluice%'
		UNION ALL SELECT concat('the view ', table_name, ' names it'), view_definition FROM information_schema.views WHERE table_schema = database() AND instr(view_definition, concat('`+"`', ?, '`"+`')) > 0
		UNION ALL SELECT concat('the check ', constraint_name, ' names it'), check_clause FROM information_schema.check_constraints WHERE constraint_schema = database() AND BINARY table_name = ?
		UNION ALL SELECT concat('the column ', column_name, ' is computed from it'), generation_expression FROM information_schema.columns
			WHERE table_schema = database() AND BINARY table_name = ? AND generation_expression IS NOT NULL
		UNION ALL SELECT 'the table is partitioned by it', partition_expression FROM information_schema.partitions
			WHERE table_schema = database() AND BINARY table_name = ? AND partition_expression IS NOT NULL`,
		[]any{t.name, t.name, t.name, t.name, t.name}, func(rows *sql.Rows) (o object, err error) { return o, rows.Scan(&o.what, &o.text) })
	for _, o := range all {
		for _, c := range t.columns {
			if mentions(o.text, c.name) {
				t.leaning[c.name] = append(t.leaning[c.name], o.what)
			}
		}
		if strings.HasPrefix(o.what, "the view") {
			t.leaning[""] = append(t.leaning[""], o.what)
		}
	}
	return err
}

// mentions tells whether a text holds a name as a word.
func mentions(text, name string) bool {
	text, name = strings.ToLower(text), strings.ToLower(name)
	word := func(s string, i int) bool {
		return i >= 0 && i < len(s) && (s[i] == '_' || s[i] >= 0x80 || s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'z')
	}
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return false
		}
		if i += from; !word(text, i-1) && !word(text, i+len(name)) {
			return true
		}
		from = i + 1
	}
}

func (mariaDialect) owner(ctx context.Context, q querier, index string) (string, error) {
	return only(collect(ctx, q, "SELECT DISTINCT table_name FROM information_schema.statistics WHERE table_schema = database() AND index_name = ?", []any{index}, text))
}

// rehearsal copies a few tables into a database of its own beside this one, which the next rehearsal drops where a crash has left it.
func (d mariaDialect) rehearsal(ctx context.Context, db *sql.DB, tables []string) (*sql.Conn, func(), error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	var original, charset, collation string
	var got bool
	err = scan(ctx, conn, "SELECT schema_name, default_character_set_name, default_collation_name, get_lock(concat(left(sha1(database()), 12), '_rehearsal'), 30) FROM information_schema.schemata WHERE schema_name = database()",
		nil, &original, &charset, &collation, &got)
	if err == nil && !got {
		err = refusal.Undecide("another plan is being rehearsed").Remedy("run again in a moment")
	}
	scratch := quote(original + "_sluice_scratch")
	if err == nil {
		err = d.fillScratch(ctx, conn, quote(original), scratch, " CHARACTER SET "+charset+" COLLATE "+collation, tables)
	}
	done := func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "UNLOCK TABLES")
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE IF EXISTS "+scratch)
		discard(conn)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return conn, done, nil
}

func (d mariaDialect) fillScratch(ctx context.Context, conn *sql.Conn, original, scratch, options string, tables []string) error {
	for _, sql := range []string{"DROP DATABASE IF EXISTS " + scratch, "CREATE DATABASE " + scratch + options} {
		if _, err := conn.ExecContext(ctx, sql); err != nil {
			return refusal.Misconfigure("the plan cannot be rehearsed: %w", err).
				Remedy("let the user create the database %s and all that is in it: GRANT ALL ON %s.* TO the user", scratch, scratch)
		}
	}
	copied := map[string]*table{}
	for _, name := range tables {
		t, err := d.read(ctx, conn, name)
		if err == nil { // otherwise the change creates it
			copied[name] = t
		}
	}
	displaced := slices.DeleteFunc(d.state(), func(sql string) bool { return !strings.Contains(sql, "sluice_displaced") }) // triggers write to it
	if err := execAll(ctx, conn, append([]string{"USE " + scratch}, displaced...)); err != nil {
		return err
	}
	for name, t := range copied {
		var columns []string
		for _, c := range t.columns {
			if !c.generated || c.counted {
				columns = append(columns, c.name)
			}
		}
		err := execAll(ctx, conn, []string{
			fmt.Sprintf("CREATE TABLE %s LIKE %s.%[1]s", quote(name), original),
			fmt.Sprintf("INSERT INTO %s (%s) SELECT %[2]s FROM %[3]s.%[1]s LIMIT %[4]d", quote(name), quoteAll(columns), original, sampleRows),
		})
		if err != nil {
			return fmt.Errorf("copying rows of %q for a rehearsal: %w", name, err)
		}
	}
	return nil
}
