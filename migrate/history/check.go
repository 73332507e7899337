package history

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/catalog"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// Check refuses a baseline unless the tool's history in the database holds its versions, all of them and no other, and none that failed.
// A table without schema is looked for in the given one.
func Check(ctx context.Context, q catalog.Querier, b *change.Baseline, schema string) error {
	name, err := change.ParseTable(b.History(), schema)
	if err != nil {
		return err
	}
	there, err := exists(ctx, q, name)
	if err != nil {
		return err
	}
	if !there {
		return refusal.New("there is no table %s: %s has not run on this database", name.Plain(), b.Tool).
			Remedy("bring the database to the baseline with %s first; if its history lies elsewhere, say so with table", b.Tool)
	}
	t := &table{q: q, name: name, tool: b.Tool, listed: b.Versions}
	applied, err := histories[b.Tool](ctx, t)
	if err != nil {
		return err
	}
	return t.compare(applied)
}

func exists(ctx context.Context, q catalog.Querier, name change.TableName) (there bool, err error) {
	if err := q.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name.String()).Scan(&there); err != nil {
		return false, fmt.Errorf("looking for %q: %w", name.Plain(), err)
	}
	return there, nil
}

// A table is the history of one tool in one database.
type table struct {
	q      catalog.Querier
	name   change.TableName
	tool   string
	listed []string // by the baseline
}

// rows reads the history with a query that has %s for the table.
func rows[T any](ctx context.Context, t *table, query string) ([]T, error) {
	r, err := t.q.Query(ctx, fmt.Sprintf(query, t.name))
	if err == nil {
		var all []T
		if all, err = pgx.CollectRows(r, pgx.RowToStructByPos[T]); err == nil {
			return all, nil
		}
	}
	return nil, refusal.Misconfigure("reading %s as the history of %s: %w", t.name.Plain(), t.tool, err).Remedy("name the table in which %s keeps its history, and let the role read it", t.tool)
}

// compare refuses a history that is ahead of the baseline or behind it.
func (t *table) compare(applied []string) error {
	for _, v := range applied {
		if !slices.Contains(t.listed, v) {
			return refusal.New("%s holds version %q, which the baseline does not list: the database is newer", t.name.Plain(), v).
				Remedy("import again from the directory that this database was migrated from")
		}
	}
	var missing []string
	for _, v := range t.listed {
		if !slices.Contains(applied, v) {
			missing = append(missing, v)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	more := ""
	if len(missing) > 3 {
		more, missing = fmt.Sprintf(" and %d more", len(missing)-3), missing[:3]
	}
	return refusal.New("%s does not hold %s%s of the baseline: the database is older", t.name.Plain(), strings.Join(missing, ", "), more).
		Remedy("bring it to the baseline with %s first, or import up to the version that every database holds", t.tool)
}

// dirty refuses a history with a version that failed.
func (t *table) dirty(version, why, repair string) error {
	return refusal.New("%s says that version %q %s: the database is between two shapes", t.name.Plain(), version, why).Remedy("mend it with %s, then plan again", repair)
}
