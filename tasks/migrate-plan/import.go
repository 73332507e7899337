package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/history"
)

// takeover is where another tool's migrations lie, and where ours shall.
type takeover struct {
	baseline              change.Baseline
	from, directory, upTo string
}

// importHistory begins a directory of changes with the versions that another tool has brought the databases to. Plan and expand then
// compare them with that tool's history in each database.
func importHistory() *task.Command {
	c := task.New("import", "Begin a directory of changes with a baseline of what another migration tool has done.")
	var o takeover
	c.Local().String(&o.baseline.Tool, "from", "", "The tool: "+strings.Join(change.Tools(), ", ")+".")
	c.Local().String(&o.from, "dir", "", "Directory that the tool migrates from.")
	c.Local().String(&o.baseline.Table, "table", "", "Table in which the tool keeps its history, where it is not the tool's own.")
	c.Local().String(&o.upTo, "up-to", "", "Last version that every database holds; empty for the last in the directory.")
	c.Local().String(&o.directory, "directory", "migrations", "Directory of changes to begin.")
	c.Example("migrate-plan import --from=goose --dir=db/migrations")
	c.Run = func(_ context.Context, r *task.Run) error { return takeOver(r, o) }
	return c
}

func takeOver(r *task.Run, o takeover) error {
	d, err := history.Read(o.baseline.Tool, o.from)
	if err != nil {
		return task.Misconfigured("%w", err)
	}
	o.baseline.Versions = d.Versions
	if o.upTo != "" {
		last := slices.Index(d.Versions, o.upTo)
		if last < 0 {
			return task.Misconfigured("--up-to: %q holds no version %q", o.from, o.upTo).WithRemedy("it holds %s", strings.Join(d.Versions, ", "))
		}
		o.baseline.Versions = d.Versions[:last+1]
	}
	path, err := change.WriteBaseline(o.directory, fmt.Sprintf("What %s has done, from %s.", o.baseline.Tool, o.from), o.baseline, time.Now())
	if err != nil {
		return task.Misconfigured("%w", err)
	}
	for _, name := range d.LeftOut {
		r.Printf("%s is left out: %s runs it whenever it changes; write a change when it does", name, o.baseline.Tool)
	}
	r.Printf("%d versions; plan and expand compare them with %s of each database", len(o.baseline.Versions), o.baseline.History())
	fmt.Fprintln(r.Stdout, path)
	return nil
}
