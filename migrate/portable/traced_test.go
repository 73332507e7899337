package portable

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
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
	return &tracedConn{Conn: c, hook: t.hook}, nil
}

type tracedConn struct {
	driver.Conn
	hook      func(when, sql string)
	rehearsal bool // it works in the database of a rehearsal, of which nothing is told
}

func (c *tracedConn) tell(when, sql string) {
	if !c.rehearsal {
		c.hook(when, sql)
	}
}

func (c *tracedConn) ExecContext(ctx context.Context, sql string, args []driver.NamedValue) (driver.Result, error) {
	told := sql
	if strings.Contains(sql, "sluice_journal") || strings.Contains(sql, "sluice_event") { // the same text for each step
		for _, a := range args {
			told += fmt.Sprintf(" %v", a.Value)
		}
	}
	c.tell("before", told)
	r, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, sql, args)
	c.tell("after", told)
	c.rehearsal = c.rehearsal || strings.HasPrefix(sql, "USE ")
	return r, err
}

func (c *tracedConn) QueryContext(ctx context.Context, sql string, args []driver.NamedValue) (driver.Rows, error) {
	c.tell("before", sql)
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
