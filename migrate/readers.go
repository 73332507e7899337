package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
)

// Readers is what pg_stat_statements knows about statements that name the old shape. It is evidence, not proof: entries are evicted,
// SELECT * and views hide columns, and the extension may be absent.
type Readers struct {
	Available bool                 `json:"available"`
	Reset     time.Time            `json:"reset"`
	Evictions int64                `json:"evictions"`
	Calls     map[string]statement `json:"calls,omitempty"` // by query id
}

type statement struct {
	Calls int64  `json:"calls"`
	Text  string `json:"text"`
}

// readers looks for statements that name both a table and a column of the old shape as words.
func (e *Engine) readers(ctx context.Context, p *plan.Plan) (Readers, error) {
	r := Readers{Calls: map[string]statement{}}
	var schema string
	err := e.pool.QueryRow(ctx, `SELECT n.nspname FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace WHERE x.extname = 'pg_stat_statements'`).Scan(&schema)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("looking for pg_stat_statements: %w", err)
	}
	q := change.Quote(schema)
	if err := e.pool.QueryRow(ctx, "SELECT dealloc, stats_reset FROM "+q+".pg_stat_statements_info").Scan(&r.Evictions, &r.Reset); err != nil {
		return r, nil // installed but not loaded, or not ours to read: no evidence
	}
	rows, err := e.pool.Query(ctx, `SELECT queryid::text, sum(calls)::bigint, min(query) FROM `+q+`.pg_stat_statements
		WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query NOT LIKE '%sluice%'
			AND query !~* '^\s*(copy|create|alter|drop|comment|analyze|vacuum|truncate|grant)\M' GROUP BY queryid`)
	if err != nil {
		return r, nil
	}
	r.Available = true
	for rows.Next() {
		var id, text *string
		var calls int64
		if err := rows.Scan(&id, &calls, &text); err != nil {
			return r, fmt.Errorf("reading pg_stat_statements: %w", err)
		}
		if id == nil || text == nil || strings.Contains(*text, "<insufficient privilege>") {
			r.Available = r.Available && text != nil && !strings.Contains(*text, "<insufficient privilege>")
			continue
		}
		if namesOld(p, *text) {
			r.Calls[*id] = statement{calls, *text}
		}
	}
	return r, rows.Err()
}

// namesOld tells whether a statement names a table of the old shape and, where a column goes, that column.
func namesOld(p *plan.Plan, query string) bool {
	words := queryWords(query)
	for _, o := range p.Old {
		if words[o.Table.Name] && (o.Column == "" || words[o.Column]) {
			return true
		}
	}
	return false
}

// queryWords gives the identifiers of a normalized statement, quoted ones as they stand and the others in lower case.
func queryWords(query string) map[string]bool {
	words := map[string]bool{}
	for i, part := range strings.Split(query, `"`) {
		if i%2 == 1 {
			words[part] = true
			continue
		}
		for _, w := range strings.FieldsFunc(part, func(r rune) bool {
			return r != '_' && r != '$' && r < 0x80 && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			words[strings.ToLower(w)] = true
		}
	}
	return words
}

// since gives the statements that were called after an earlier look.
func (r Readers) since(before Readers) []string {
	var late []string
	for id, s := range r.Calls {
		if b := before.Calls[id]; s.Calls > b.Calls {
			late = append(late, fmt.Sprintf("%d× %s", s.Calls-b.Calls, shorten(s.Text)))
		}
	}
	return late
}

func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 120 {
		return s[:117] + "…"
	}
	return s
}

func (s *session) keepReaders(ctx context.Context, tx pgx.Tx, version string, r Readers) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO sluice.evidence (version, kind, verdict, detail, run) VALUES ($1, 'readers at switch', 'noted', $2, $3)", version, string(b), s.opts.Run)
	return err
}

// readersAtSwitch is what the switch noted, to compare with.
func (e *Engine) readersAtSwitch(ctx context.Context, version string) (Readers, error) {
	var text []byte
	var r Readers
	err := e.pool.QueryRow(ctx, "SELECT detail FROM sluice.evidence WHERE version = $1 AND kind = 'readers at switch' ORDER BY id DESC LIMIT 1", version).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(text, &r)
}
