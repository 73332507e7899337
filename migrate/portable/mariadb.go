package portable

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// A mariaDialect is MariaDB from 10.6 on, whose alterations are atomic each, with tables in InnoDB.
type mariaDialect struct{}

// mariaMode is how every connection of ours reads SQL, and with it the triggers that it creates: identifiers in double quotes, || as
// concatenation, no escapes, and an error rather than a value that was cut.
const mariaMode = "'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"

func openMariaDB(rest string, o migrate.Options, wrap wrapper) (*Engine, error) {
	u, err := url.Parse("mariadb:" + rest)
	if err != nil || u.Host == "" || len(u.Path) < 2 { // the parser's message repeats the DSN
		return nil, refusal.Misconfigure("the database DSN cannot be read").Remedy("write it as mariadb://user:password@host:3306/database?tls=true")
	}
	c := mysql.NewConfig()
	c.User, c.DBName, c.Net, c.Addr = u.User.Username(), u.Path[1:], "tcp", u.Host
	c.Passwd, _ = u.User.Password()
	if u.Port() == "" {
		c.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	if o.TLS != nil {
		c.TLS = o.TLS.Clone()
		c.TLS.ServerName = u.Hostname()
	} else if c.TLS, err = mariaTLS(u.Query().Get("tls"), u.Hostname()); err != nil {
		return nil, err
	}
	c.InterpolateParams, c.Timeout, c.Logger = true, 10*time.Second, &mysql.NopLogger{}
	wait := strconv.Itoa(max(1, int((o.LockTimeout+time.Second-1)/time.Second)))
	c.Params = map[string]string{
		"sql_mode": mariaMode, "time_zone": "'+00:00'", "tx_isolation": "'READ-COMMITTED'", "lock_wait_timeout": wait, "innodb_lock_wait_timeout": wait,
	}
	if err := c.Apply(mysql.Charset("utf8mb4", "utf8mb4_general_ci")); err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, refusal.Misconfigure("the database DSN cannot be read").Remedy("write it as mariadb://user:password@host:3306/database?tls=true")
	}
	return &Engine{dialect: mariaDialect{}, db: sql.OpenDB(wrap(roleConnector{connector, o.Role})), opts: o}, nil
}

// mariaTLS gives what the DSN's tls asks for, as the driver's users know it.
func mariaTLS(mode, host string) (*tls.Config, error) {
	switch mode {
	case "", "false":
		return nil, nil
	case "true":
		return &tls.Config{ServerName: host}, nil
	case "skip-verify":
		return &tls.Config{InsecureSkipVerify: true}, nil
	}
	return nil, refusal.Misconfigure("tls=%s is not known", mode).Remedy("write tls=true, tls=skip-verify or tls=false")
}

// A roleConnector sets a role on every connection.
type roleConnector struct {
	driver.Connector
	role string
}

func (c roleConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err == nil && c.role != "" {
		_, err = conn.(driver.ExecerContext).ExecContext(ctx, "SET ROLE "+quote(c.role), nil)
	}
	return conn, err
}

var mariaVersion = regexp.MustCompile(`^(\d+)\.(\d+)\.`)

func (mariaDialect) check(ctx context.Context, db *sql.DB) error {
	var version string
	var readOnly bool
	err := scan(ctx, db, "SELECT version(), @@read_only", nil, &version, &readOnly)
	if code(err) == 1045 || code(err) == 1044 || code(err) == 1049 || code(err) == 1698 {
		return refusal.Misconfigure("the database refuses the login or has no such database").Remedy("check user, password and database of the DSN")
	}
	if err != nil {
		return refusal.Undecide("connecting to the database: %w", err).Remedy("check host, port and TLS of the DSN, and that the database is up")
	}
	m := mariaVersion.FindStringSubmatch(version)
	if !strings.Contains(version, "MariaDB") || m == nil {
		return refusal.New("the server is not MariaDB but %s, which this was never run on", version).Remedy("use gh-ost or spirit")
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	switch {
	case major*100+minor < 1006:
		return refusal.Misconfigure("the server is MariaDB %s.%s; 10.6 is the oldest whose alterations are atomic", m[1], m[2]).Remedy("upgrade the server")
	case readOnly:
		return refusal.Misconfigure("the server is read-only, as a replica is").Remedy("give the DSN of the primary")
	}
	return nil
}

func (mariaDialect) state() []string {
	return stateSQL("INSERT IGNORE", " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
		"INT", "BIGINT", "ROWKEY", fmt.Sprintf("VARCHAR(%d) CHARACTER SET ascii COLLATE ascii_bin", maxRowKey), "NAME", "VARCHAR(100)", "LONG", "LONGTEXT", "SERIAL", "BIGINT AUTO_INCREMENT PRIMARY KEY")
}

func (mariaDialect) now() string         { return "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)" }
func (mariaDialect) begin() string       { return "START TRANSACTION" }
func (mariaDialect) shared() string      { return " LOCK IN SHARE MODE" }
func (mariaDialect) transactional() bool { return false }

func (mariaDialect) limit(ctx context.Context, c *sql.Conn, d time.Duration) (context.Context, context.CancelFunc, error) {
	_, err := c.ExecContext(ctx, "SET SESSION max_statement_time = "+seconds(d))
	return ctx, func() { _, _ = c.ExecContext(context.WithoutCancel(ctx), "SET SESSION max_statement_time = 0") }, err
}

// markers names the locks by which a successor knows a holder's two connections.
func markers(token int64) [2]string {
	name := func(i int) string {
		return fmt.Sprintf("concat('sluice_', left(sha1(database()), 12), '_%d_%d')", token, i)
	}
	return [2]string{name(0), name(1)}
}

func (mariaDialect) mark(ctx context.Context, c *sql.Conn, token int64) error {
	for _, name := range markers(token) {
		var got bool
		if err := scan(ctx, c, "SELECT get_lock("+name+", 0)", nil, &got); err != nil || got {
			return err
		}
	}
	return migrate.ErrLeaseLost
}

// evict ends both connections of a holder and waits until the server has let go of them: a statement that goes on after its client is
// gone must not come in between what the next holder does.
func (mariaDialect) evict(ctx context.Context, db *sql.DB, token int64) error {
	for _, name := range markers(token) {
		for deadline := time.Now().Add(30 * time.Second); ; {
			var id sql.NullInt64
			if err := scan(ctx, db, "SELECT is_used_lock("+name+")", nil, &id); err != nil {
				return err
			}
			if !id.Valid {
				break
			}
			if time.Now().After(deadline) {
				return refusal.Undecide("connection %d of the last holder does not end", id.Int64).Remedy("look at it in the process list; run again when it is gone")
			}
			if _, err := db.ExecContext(ctx, fmt.Sprintf("KILL %d", id.Int64)); err != nil && code(err) != 1094 {
				return err
			}
			if err := sleep(ctx, 10*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// code is the server's number of an error, or 0.
func code(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// The numbers are those of MariaDB's error reference.

func (mariaDialect) busy(err error) bool {
	switch code(err) {
	case 1205, 1213, 1969:
		return true
	}
	return false
}

func (mariaDialect) already(err error) bool {
	switch code(err) {
	case 1050, 1051, 1054, 1060, 1061, 1091, 1146, 1359, 1360, 4092:
		return true
	}
	return false
}

func (mariaDialect) absent(err error) bool  { return code(err) == 1054 || code(err) == 1146 }
func (mariaDialect) copying(err error) bool { return code(err) == 1845 || code(err) == 1846 }
