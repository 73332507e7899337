package portable

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"modernc.org/sqlite"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// A liteDialect is SQLite, version 3.54, as this program brings it along; the application may use an older one.
type liteDialect struct{}

// networks are file systems whose locks do not reach other machines, by the magic number of statfs(2).
var networks = map[int64]string{0x6969: "NFS", 0x517B: "SMB", 0xFF534D42: "CIFS", 0xFE534D42: "SMB", 0x01021997: "9P", 0x5346414F: "AFS", 0x00C36400: "Ceph"}

func openSQLite(path string, o migrate.Options, wrap wrapper) (*Engine, error) {
	if o.Role != "" {
		return nil, refusal.Misconfigure("SQLite has no roles").Remedy("leave role empty")
	}
	if rest, ok := strings.CutPrefix(path, "//"); ok {
		path = rest
	}
	path, _, _ = strings.Cut(path, "?")
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return nil, refusal.Misconfigure("there is no database file %q", path).Remedy("write the DSN as sqlite:/path/to/file; the application creates it")
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err == nil {
		if name := networks[int64(fs.Type)]; name != "" {
			return nil, refusal.New("the database file lies on %s, where SQLite's locks do not hold", name).Remedy("run where the file is on a local disk, beside the application; SQLite has one writer at a time, on one machine")
		}
	}
	o.Load = min(o.Load, 50) // other writers need as much of the one write lock
	name := fmt.Sprintf("file:%s?mode=rw&_pragma=busy_timeout(%d)", (&url.URL{Path: path}).EscapedPath(), o.LockTimeout.Milliseconds())
	return &Engine{dialect: liteDialect{}, db: sql.OpenDB(wrap(liteConnector(name))), opts: o}, nil
}

// A liteConnector opens the file of its name.
type liteConnector string

func (c liteConnector) Connect(context.Context) (driver.Conn, error) {
	return c.Driver().Open(string(c))
}
func (liteConnector) Driver() driver.Driver { return &sqlite.Driver{} }

func (d liteDialect) check(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := scan(ctx, db, "PRAGMA journal_mode", nil, &mode); err != nil {
		return refusal.Misconfigure("the file cannot be read as a SQLite database: %w", err).Remedy("check the path of the DSN and the rights on the file and its folder")
	}
	return nil
}

func (liteDialect) state() []string {
	return stateSQL("INSERT OR IGNORE", "", "INT", "INTEGER", "ROWKEY", "TEXT", "NAME", "TEXT", "LONG", "TEXT", "SERIAL", "INTEGER PRIMARY KEY AUTOINCREMENT")
}

func (liteDialect) now() string         { return "CAST(unixepoch('subsec') * 1000 AS INTEGER)" }
func (liteDialect) begin() string       { return "BEGIN IMMEDIATE" }
func (liteDialect) shared() string      { return "" }
func (liteDialect) transactional() bool { return true }

func (liteDialect) limit(ctx context.Context, _ *sql.Conn, d time.Duration) (context.Context, context.CancelFunc, error) {
	ctx, stop := context.WithTimeout(ctx, d)
	return ctx, stop, nil
}

// A holder that died let go of the file's lock; one that stands still keeps it, and its successor waits.
func (liteDialect) mark(context.Context, *sql.Conn, int64) error { return nil }
func (liteDialect) evict(context.Context, *sql.DB, int64) error  { return nil }

func (liteDialect) busy(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case 5, 6, 9: // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_INTERRUPT
			return true
		}
	}
	return errors.Is(err, context.DeadlineExceeded)
}

func (liteDialect) already(error) bool { return false }
func (liteDialect) copying(error) bool { return false }

func (liteDialect) absent(err error) bool {
	return strings.Contains(err.Error(), "no such table") || strings.Contains(err.Error(), "no such column")
}

func (liteDialect) instant() plan.Lock { return plan.Writer }
func (liteDialect) online() plan.Lock  { return plan.Writer }

// same compares bytes: a column's own collation may hold different texts for equal.
func (liteDialect) same(a, b string, _ column) string {
	return fmt.Sprintf("((%s) IS (%s) COLLATE BINARY)", a, b)
}

// cast leaves a value to the affinity of the column that it is stored in or compared with: a CAST would make 0 of a word.
func (liteDialect) cast(expr string, _ column) string { return "(" + expr + ")" }

func (liteDialect) literal(ref string, _ plan.KeyColumn) string {
	return fmt.Sprintf("CASE typeof(%[1]s) WHEN 'text' THEN 'CAST(X''' || hex(%[1]s) || ''' AS TEXT)' ELSE quote(%[1]s) END", ref)
}

func (liteDialect) characters(expr string) string       { return "CAST(" + expr + " AS TEXT)" }
func (liteDialect) replace() string                     { return "INSERT OR REPLACE" }
func (liteDialect) comment(string) string               { return "" }
func (liteDialect) partialIndexes() bool                { return true }
func (liteDialect) triggersFollow() bool                { return true }
func (liteDialect) alone(_ string, s []string) []string { return s }
func (liteDialect) relaxesFirst() bool                  { return true }
func (liteDialect) viewForTable() bool                  { return false }

func each[T any](all []T, f func(T) string) []string {
	var out []string
	for _, v := range all {
		out = append(out, f(v))
	}
	return out
}

func (liteDialect) addColumns(table string, defs []string) []string {
	return each(defs, func(def string) string { return "ALTER TABLE " + quote(table) + " ADD COLUMN " + def })
}

func (liteDialect) dropColumns(table string, columns []string) []string {
	return each(columns, func(c string) string { return "ALTER TABLE " + quote(table) + " DROP COLUMN " + quote(c) })
}

func (liteDialect) renameColumns(table string, pairs [][2]string) []string {
	return each(pairs, func(p [2]string) string {
		return "ALTER TABLE " + quote(table) + " RENAME COLUMN " + quote(p[0]) + " TO " + quote(p[1])
	})
}

func (liteDialect) setNull(table string, c column, allowed bool) []string {
	verb := "SET"
	if allowed {
		verb = "DROP"
	}
	return []string{fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s %s NOT NULL", quote(table), quote(c.name), verb)}
}

func (liteDialect) setDefault(string, column, string) []string { return nil }

func (liteDialect) widen(t *table, c column, sqlType string) (string, error) {
	return "", refusal.New("SQLite does not look at the length in a type: there is nothing to widen in %q of %q", c.name, t.name).
		Remedy("delete the operation; for another type give to, the name of the new column")
}

func (liteDialect) createIndex(table, name, on, where string, unique bool) string {
	kind := "INDEX"
	if unique {
		kind = "UNIQUE INDEX"
	}
	if where != "" {
		where = " WHERE " + where
	}
	return fmt.Sprintf("CREATE %s %s ON %s (%s)%s", kind, quote(name), quote(table), on, where)
}

func (liteDialect) dropIndex(_, name string) string { return "DROP INDEX IF EXISTS " + quote(name) }

func (liteDialect) renameTables(pairs [][2]string) []string {
	return each(pairs, func(p [2]string) string { return "ALTER TABLE " + quote(p[0]) + " RENAME TO " + quote(p[1]) })
}
