// Package migration is what the migrate-* tasks share: the directory of changes in the workspace source, the database's DSN from
// the workspace database, the timeouts, and how the engine's refusals become a task's.
//
// The DSN is read from a file, never from an argument, and never appears in output.
package migration

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/internal/trust"
	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// Options are the inputs that every migrate-* task takes.
type Options struct {
	Source, Database  string
	Directory, Change string
	runName           *string
	engine            migrate.Options
	ca                *trust.Options
}

// Declare adds them to a command.
func Declare(c *task.Command) *Options {
	o := declare(c)
	o.runName = new(string)
	c.Context(o.runName, "run-name", task.PipelineRunName, "Name of the PipelineRun; it is named in the history.")
	return o
}

func declare(c *task.Command) *Options {
	o := &Options{}
	c.Workspace(&o.Source, "source", "The source tree that holds the directory of changes.")
	c.Workspace(&o.Database, "database", "The database's DSN in a file named url or dsn, as a Secret gives it: a direct connection, no pooler.")
	o.ca = trust.Declare(c)
	c.String(&o.Directory, "directory", "migrations", "Directory of changes, relative to the source.")
	c.String(&o.Change, "change", "", "Version or folder of one change; empty for every change the phase is due for.")
	c.String(&o.engine.Role, "role", "", "Database role to SET after connecting; empty for the DSN's own.")
	c.Duration(&o.engine.LockTimeout, "lock-timeout", 500*time.Millisecond, "Longest wait for a lock, and with it the longest that a writer waits.")
	c.Duration(&o.engine.StatementTimeout, "statement-timeout", 5*time.Second, "Longest run of a statement that holds a strong lock.")
	c.Duration(&o.engine.ScanTimeout, "scan-timeout", 6*time.Hour, "Longest run of a statement that reads a whole table under a weak lock.")
	c.Duration(&o.engine.RetryFor, "retry-for", 2*time.Minute, "How long a busy lock is tried again before the run gives up.")
	c.Duration(&o.engine.LeaseWait, "lease-wait", 0, "How long to wait for another runner on this database.")
	return o
}

// Engine gives the engine's options, for a task that adds its own.
func (o *Options) Engine() *migrate.Options { return &o.engine }

// Load reads and verifies the directory of changes.
func (o *Options) Load() (*change.Directory, error) {
	d, err := change.Load(filepath.Join(o.Source, o.Directory))
	if err != nil {
		return nil, task.Misconfigured("%w", err)
	}
	return d, nil
}

// Open connects to the database. The caller closes the engine.
func (o *Options) Open(ctx context.Context, r *task.Run) (Engine, error) {
	dsn, err := o.dsn(r)
	if err != nil {
		return nil, err
	}
	if o.ca.Dir != "" { // otherwise sslmode alone says what is verified, as everywhere
		if o.engine.TLS, err = o.ca.TLS(); err != nil {
			return nil, err
		}
	}
	o.engine.Run, o.engine.Tool = *o.runName, "sluice"
	e, err := open(ctx, dsn, o.engine)
	return e, Err(err)
}

// dsn reads the DSN and makes sure that nothing of it is ever printed.
func (o *Options) dsn(r *task.Run) (string, error) {
	for _, name := range []string{"url", "dsn"} {
		b, err := os.ReadFile(filepath.Join(o.Database, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", task.Misconfigured("reading the database's DSN: %w", err)
		}
		dsn := strings.TrimSpace(string(b))
		if dsn == "" {
			return "", task.Misconfigured("the file %s in workspace database is empty", name)
		}
		r.Redact(dsn)
		if u, err := url.Parse(dsn); err == nil && u.User != nil {
			if p, ok := u.User.Password(); ok {
				r.Redact(p)
			}
		}
		for _, f := range strings.Fields(dsn) {
			if v, ok := strings.CutPrefix(f, "password="); ok {
				r.Redact(strings.Trim(v, "'"))
			}
		}
		return dsn, nil
	}
	return "", task.Misconfigured("workspace database holds no file named url or dsn").
		WithRemedy("bind a Secret with the key url: postgres://user:password@host:5432/name?sslmode=verify-full, mariadb://user:password@host:3306/name?tls=true or sqlite:/path/to/file")
}

// Due gives the changes that a phase works on: the named one, or each that the phase is due for.
func (o *Options) Due(ctx context.Context, e Engine, d *change.Directory, phases ...migrate.Phase) ([]*change.Change, error) {
	if o.Change != "" {
		return o.named(d)
	}
	due, err := e.Due(ctx, d, phases...)
	return due, Err(err)
}

// Release gives the changes that this run plans and expands: the named one, or all that are not expanded but by this run.
func (o *Options) Release(ctx context.Context, e Engine, d *change.Directory) ([]*change.Change, error) {
	if o.Change != "" {
		return o.named(d)
	}
	due, err := e.Release(ctx, d)
	return due, Err(err)
}

func (o *Options) named(d *change.Directory) ([]*change.Change, error) {
	c, err := d.Find(o.Change)
	if err != nil {
		return nil, task.Misconfigured("%w", err)
	}
	return []*change.Change{c}, nil
}

// Err gives an engine's refusal the exit code and the remedy of a task's.
func Err(err error) error {
	var r *refusal.Error
	if err == nil || !errors.As(err, &r) {
		return err
	}
	out := task.Misconfigured("%w", err)
	switch r.Kind {
	case refusal.Refused:
		out = task.Refuse("%w", err)
	case refusal.Undecided:
		out = task.Undecided("%w", err)
	}
	if r.Do != "" {
		return out.WithRemedy("%s", r.Do)
	}
	return out
}

// Names lists changes for a line of narration or a result.
func Names(changes []*change.Change) string {
	var names []string
	for _, c := range changes {
		names = append(names, c.ID())
	}
	return strings.Join(names, ",")
}
