// Package catalog reads the shape of PostgreSQL tables as far as a plan needs it: columns with their
// exact types, the key that a backfill can walk, and everything that hangs on a column.
//
// It only reads, takes ACCESS SHARE on nothing but catalogs, and refuses what is not an ordinary or partitioned table.
package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/change"
)

// A Querier is a connection, a transaction or a pool.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// A Table is one table as it stands.
type Table struct {
	Name        change.TableName
	OID         uint32
	Partitioned bool
	Rows        int64 // the planner's estimate, or one from the size when never analyzed
	Bytes       int64
	Columns     []Column
	// Key is the primary key, or else a unique index over NOT NULL columns; empty when there is none.
	Key         []string
	KeyIndex    string
	Indexes     []Index
	Constraints []Constraint
	Triggers    []string
	Subscribed  bool // rows arrive by logical replication
}

// A Column of a table.
type Column struct {
	Name      string
	Number    int16
	Type      string // as SQL writes it, with its modifier
	BaseType  string // without the modifier
	Collation string // quoted, when it is not the type's default
	NotNull   bool
	Default   string
	Generated bool
	Identity  bool
	Comment   string
}

// An Index of a table.
type Index struct {
	Name       string
	Columns    []int16 // 0 stands for an expression
	KeyColumns int
	Def        string
	Method     string
	Unique     bool
	Primary    bool
	Plain      bool // default ordering and operator classes, no expression, no predicate
	Valid      bool
	Constraint string
}

// A Constraint of a table, or of another table that refers to this one.
type Constraint struct {
	Name       string
	Kind       string // p, u, f, c, x; "r" for a foreign key of another table that refers to this one
	Columns    []int16
	Def        string
	Referring  string
	Refers     uint32  // table that a foreign key of this one refers to
	To         []int16 // its columns
	Deferrable bool
	Validated  bool
	Expression string
}

// ErrNotFound is returned for a table that is not there.
var ErrNotFound = errors.New("there is no such table")

// Read gives the table as it stands.
func Read(ctx context.Context, q Querier, name change.TableName) (*Table, error) {
	t := &Table{Name: name}
	var kind, persistence string
	var inherited, inheritors bool
	err := q.QueryRow(ctx, `SELECT c.oid, c.relkind::text, c.relpersistence::text, CASE WHEN c.reltuples > 0 THEN c.reltuples ELSE pg_catalog.pg_relation_size(c.oid) / 100 END::bigint,
			pg_catalog.pg_total_relation_size(c.oid), c.relispartition,
			EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid)
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = $2`, name.Schema, name.Name).
		Scan(&t.OID, &kind, &persistence, &t.Rows, &t.Bytes, &inherited, &inheritors)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("reading table %q: %w", name.Plain(), ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("reading table %q: %w", name.Plain(), err)
	}
	t.Partitioned = kind == "p"
	switch {
	case kind != "r" && kind != "p":
		return nil, fmt.Errorf("reading table %q: it is %s, not a table", name.Plain(), kinds[kind])
	case persistence == "t":
		return nil, fmt.Errorf("reading table %q: it is temporary", name.Plain())
	case inherited:
		return nil, fmt.Errorf("reading table %q: it is a partition; change the partitioned table instead", name.Plain())
	case inheritors && !t.Partitioned:
		return nil, fmt.Errorf("reading table %q: other tables inherit from it, and triggers are not inherited; change them with raw SQL", name.Plain())
	}
	for _, read := range []func(context.Context, Querier) error{t.readColumns, t.readIndexes, t.readConstraints, t.readTriggers} {
		if err := read(ctx, q); err != nil {
			return nil, fmt.Errorf("reading table %q: %w", name.Plain(), err)
		}
	}
	return t, nil
}

var kinds = map[string]string{
	"v": "a view", "m": "a materialized view", "f": "a foreign table", "i": "an index", "I": "an index",
	"S": "a sequence", "c": "a composite type", "t": "a TOAST table",
}

// Column gives a column by name.
func (t *Table) Column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// Index gives an index by name.
func (t *Table) Index(name string) (Index, bool) {
	for _, x := range t.Indexes {
		if x.Name == name {
			return x, true
		}
	}
	return Index{}, false
}

// ByNumber gives the name of an attribute number.
func (t *Table) ByNumber(n int16) string {
	for _, c := range t.Columns {
		if c.Number == n {
			return c.Name
		}
	}
	return ""
}
