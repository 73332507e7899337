package portable

import (
	"context"
	"database/sql/driver"
)

// A traced connector calls a hook before and after every statement that its connections send.
type traced struct {
	driver.Connector
	hook func(when, sql string)
}

func (t traced) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := t.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &tracedConn{c, t.hook}, nil
}

type tracedConn struct {
	driver.Conn
	hook func(when, sql string)
}

func (c *tracedConn) ExecContext(ctx context.Context, sql string, args []driver.NamedValue) (driver.Result, error) {
	c.hook("before", sql)
	r, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, sql, args)
	c.hook("after", sql)
	return r, err
}

func (c *tracedConn) QueryContext(ctx context.Context, sql string, args []driver.NamedValue) (driver.Rows, error) {
	c.hook("before", sql)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, sql, args)
}

func (c *tracedConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *tracedConn) ResetSession(ctx context.Context) error {
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}
