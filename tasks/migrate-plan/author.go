package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/migrate/change"
)

// newChange writes the folder of a new change for its author.
func newChange() *task.Command {
	c := task.New("new", "Write the folder of a new change with a commented change.yaml.")
	var dir, name, operation string
	c.Local().String(&dir, "directory", "migrations", "Directory of changes.")
	c.Local().String(&name, "name", "", "Name of the change, such as split_name.")
	c.Local().String(&operation, "operation", "addColumn", "What to begin with: "+strings.Join(change.Templates(), ", ")+".")
	c.Run = func(_ context.Context, r *task.Run) error {
		path, err := change.New(dir, name, operation, time.Now())
		if err != nil {
			return task.Misconfigured("%w", err)
		}
		fmt.Fprintln(r.Stdout, path)
		return nil
	}
	return c
}

// hashChanges renews the sum file after an author has edited a change.
func hashChanges() *task.Command {
	c := task.New("hash", "Write the sum file of a directory of changes.")
	var dir string
	c.Local().String(&dir, "directory", "migrations", "Directory of changes.")
	c.Run = func(context.Context, *task.Run) error { return change.WriteSum(dir) }
	return c
}

// schema prints the JSON schema of change.yaml for editors.
func schema() *task.Command {
	c := task.New("schema", "Print the JSON schema of change.yaml, for editors.")
	c.Run = func(_ context.Context, r *task.Run) error {
		_, err := r.Stdout.Write(change.Schema())
		return err
	}
	return c
}

// baseline takes changes as done on a database that has their shape already.
func baseline() *task.Command {
	c := task.New("baseline", "Record changes as complete without running them, on a database that has their shape already.")
	o := migration.Declare(c)
	c.Run = func(ctx context.Context, r *task.Run) error {
		if o.Change == "" {
			return task.Misconfigured("--change is missing").WithRemedy("name the last change that the database already holds")
		}
		d, err := o.Load()
		if err != nil {
			return err
		}
		e, err := o.Open(ctx, r)
		if err != nil {
			return err
		}
		defer e.Close()
		n, err := e.Baseline(ctx, d, o.Change)
		r.Printf("%d changes are taken as complete", n)
		return migration.Err(err)
	}
	return c
}
