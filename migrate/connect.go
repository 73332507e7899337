package migrate

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// Engine carries changes through their phases on one database. It holds no state of its own: all of it is in the schema
// sluice, and every method can be called again after a crash.
type Engine struct {
	config *pgxpool.Config
	pool   *pgxpool.Pool
	opts   Options
}

// Open connects to PostgreSQL 14 or newer with a direct DSN (a URL or key=value). It refuses a connection through a pooler,
// and other databases, by what to do instead. Errors never hold the DSN.
func Open(ctx context.Context, dsn string, o Options) (*Engine, error) {
	return open(ctx, dsn, o, nil)
}

func open(ctx context.Context, dsn string, o Options, tracer pgx.QueryTracer) (*Engine, error) {
	o = o.WithDefaults()
	config, err := parse(dsn, o)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.Tracer = tracer
	e := &Engine{config: config, opts: o}
	if e.pool, err = e.connect(ctx, "sluice", 4); err != nil {
		return nil, err
	}
	if err := e.check(ctx); err != nil {
		e.pool.Close()
		return nil, err
	}
	return e, nil
}

// Close ends all connections.
func (e *Engine) Close() { e.pool.Close() }

func parse(dsn string, o Options) (*pgxpool.Config, error) {
	dsn = strings.TrimSpace(dsn)
	if scheme, _, ok := strings.Cut(dsn, "://"); ok && scheme != "postgres" && scheme != "postgresql" {
		return nil, refusal.Misconfigure("databases of the kind %q are not supported", scheme).
			Remedy("this engine works on PostgreSQL 14 and newer, package portable on SQLite and MariaDB; for MySQL use gh-ost or spirit")
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil { // the driver's message repeats the DSN
		return nil, refusal.Misconfigure("the database DSN cannot be read").Remedy("write it as postgres://user:password@host:5432/database?sslmode=verify-full")
	}
	if o.TLS != nil && config.ConnConfig.TLSConfig != nil {
		t := o.TLS.Clone()
		t.ServerName = config.ConnConfig.Host // given authorities are there to be checked, whatever sslmode says
		config.ConnConfig.TLSConfig = t
		for _, f := range config.ConnConfig.Fallbacks {
			if f.TLSConfig != nil {
				f.TLSConfig = t
			}
		}
	}
	return config, nil
}

// connect opens a pool whose sessions bear a name, speak one dialect of times and bytes, and notice a dead client.
func (e *Engine) connect(ctx context.Context, name string, size int) (*pgxpool.Pool, error) {
	config := e.config.Copy()
	config.MaxConns = int32(size)
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	for k, v := range map[string]string{
		"application_name": name, "DateStyle": "ISO", "TimeZone": "UTC", "extra_float_digits": "1", "bytea_output": "hex",
		"standard_conforming_strings": "on", "client_min_messages": "warning",
	} {
		config.ConnConfig.RuntimeParams[k] = v
	}
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		sql := "SET client_connection_check_interval = '2s'; SET idle_in_transaction_session_timeout = '60s'"
		if e.opts.Role != "" {
			sql += "; SET ROLE " + change.Quote(e.opts.Role)
		}
		_, err := c.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, connectError(err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, connectError(err)
	}
	return pool, nil
}

// connectError keeps user, host and database out of the message only as far as the driver puts the password there: never.
func connectError(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "28P01", "28000":
			return refusal.Misconfigure("the database refuses the login: %s", pg.Message).Remedy("check user, password and pg_hba.conf")
		case "3D000", "22023", "42501", "42704":
			return refusal.Misconfigure("the database refuses the connection: %s", pg.Message).Remedy("check the database's name and the role")
		case "08P01":
			return pooler("it rejects a start-up parameter: " + pg.Message)
		}
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return refusal.Undecide("connecting to the database: %w", err).Remedy("check host, port and TLS of the DSN, and that the database is up")
}

func pooler(how string) error {
	return refusal.Misconfigure("a connection pooler stands between this task and the database: %s", how).
		Remedy("give the DSN of the database itself: locks, settings and the lease do not survive transaction pooling; the application may stay behind the pooler")
}

// check refuses what the engine cannot work on. Behind a pooler the process that answers is not the one that the start-up
// message named.
func (e *Engine) check(ctx context.Context) error {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return connectError(err)
	}
	defer conn.Release()
	var version int
	var pid uint32
	var replica bool
	err = conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int, pg_backend_pid(), pg_is_in_recovery()").Scan(&version, &pid, &replica)
	switch {
	case err != nil:
		return connectError(err)
	case pid != conn.Conn().PgConn().PID():
		return pooler("the process that answers is not the one that was connected to")
	case version < 140000:
		return refusal.Misconfigure("the server is PostgreSQL %d; 14 is the oldest supported", version/10000).Remedy("upgrade the server")
	case replica:
		return refusal.Misconfigure("the server is a standby").Remedy("give the DSN of the primary")
	}
	return nil
}

// inTx runs f in a transaction.
func inTx(ctx context.Context, pool *pgxpool.Pool, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, pool, f)
}

func describe(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return fmt.Sprintf("%s (%s)", pg.Message, pg.Code)
	}
	return err.Error()
}
