package portable

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// Engine carries changes through their phases on one database. It holds no state of its own: every method can be called again
// after a crash.
type Engine struct {
	dialect
	db   *sql.DB
	opts migrate.Options
}

// Open connects to a database by the scheme of its DSN: sqlite:/path/to/file, mysql://user:password@host:3306/database or
// mariadb://…. Errors never hold the DSN.
func Open(ctx context.Context, dsn string, o migrate.Options) (*Engine, error) {
	return open(ctx, dsn, o, func(c driver.Connector) driver.Connector { return c })
}

// A wrapper puts something between the engine and its driver.
type wrapper func(driver.Connector) driver.Connector

func open(ctx context.Context, dsn string, o migrate.Options, wrap wrapper) (*Engine, error) {
	o = o.WithDefaults()
	scheme, rest, _ := strings.Cut(strings.TrimSpace(dsn), ":")
	var e *Engine
	var err error
	switch scheme {
	case "sqlite":
		e, err = openSQLite(rest, o, wrap)
	case "mysql", "mariadb":
		e, err = openMariaDB(rest, o, wrap)
	default:
		err = refusal.Misconfigure("databases of the kind %q are not supported", scheme).
			Remedy("write the DSN as postgres://…, mariadb://user:password@host:3306/database or sqlite:/path/to/file")
	}
	if err != nil {
		return nil, err
	}
	if err := e.check(ctx, e.db); err != nil {
		e.db.Close()
		return nil, err
	}
	return e, nil
}

// Handles tells whether a DSN's scheme is one of this package's.
func Handles(dsn string) bool {
	scheme, _, _ := strings.Cut(strings.TrimSpace(dsn), ":")
	return scheme == "sqlite" || scheme == "mysql" || scheme == "mariadb"
}

// Close ends all connections.
func (e *Engine) Close() { e.db.Close() }

// A querier reads: a pool or one of its connections.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// A dialect is what differs between the databases.
type dialect interface {
	check(ctx context.Context, db *sql.DB) error
	state() []string     // statements that create the engine's tables
	now() string         // the database's clock in milliseconds since 1970, as SQL
	begin() string       // begins a transaction that writes
	shared() string      // ends a SELECT so that its row cannot change before the transaction ends
	transactional() bool // an alteration is part of its transaction

	// limit bounds the statements of a connection until it is called again.
	limit(ctx context.Context, c *sql.Conn, d time.Duration) (context.Context, context.CancelFunc, error)
	mark(ctx context.Context, c *sql.Conn, token int64) error // makes a connection known as a holder's
	evict(ctx context.Context, db *sql.DB, token int64) error // ends the connections that a holder left behind

	busy(err error) bool    // a lock was not to be had, or the statement took too long
	already(err error) bool // the statement has had its effect
	absent(err error) bool  // a table or column is not there
	copying(err error) bool // the statement would copy the table

	read(ctx context.Context, q querier, name string) (*table, error)
	owner(ctx context.Context, q querier, index string) (string, error) // the table of an index
	rehearsal(ctx context.Context, db *sql.DB, tables []string) (*sql.Conn, func(), error)
	grammar
}

// scan reads one row.
func scan(ctx context.Context, q querier, sql string, args []any, into ...any) error {
	return q.QueryRowContext(ctx, sql, args...).Scan(into...)
}

// collect reads all rows through one function.
func collect[T any](ctx context.Context, q querier, query string, args []any, read func(*sql.Rows) (T, error)) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := read(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

func text(rows *sql.Rows) (s string, err error) { return s, rows.Scan(&s) }

// at reads a time of the state tables.
func at(ms sql.NullInt64) *time.Time {
	if !ms.Valid {
		return nil
	}
	t := time.UnixMilli(ms.Int64).UTC()
	return &t
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

func scanNothing(*sql.Rows) (struct{}, error) { return struct{}{}, nil }
