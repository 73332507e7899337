// Command migrate-status shows where each change of a directory stands on one database. It writes nothing there, and works beside a
// runner.
//
//	migrate-status --source=. --database=./secret --reports=/tmp/reports
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
)

func status(ctx context.Context, r *task.Run, o *options) error {
	d, err := o.Load()
	if err != nil {
		return err
	}
	e, err := o.Open(ctx, r)
	if err != nil {
		return err
	}
	defer e.Close()
	st, err := e.Status(ctx, d)
	if err != nil {
		return migration.Err(err)
	}
	b, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	text := st.Text()
	for name, data := range map[string][]byte{"migrations.txt": []byte(text), "migrations.json": append(b, '\n')} {
		if err := task.WriteFile(filepath.Join(o.reports, name), data, 0o644); err != nil {
			return err
		}
	}
	if o.json {
		text = string(b) + "\n"
	}
	fmt.Fprint(r.Stdout, text)
	return r.Result("in-flight", fmt.Sprint(st.InFlight()))
}
