// Command migrate-plan is the review of a database change before anything is done: it reads the database, rehearses the change
// on copies of a few rows in a transaction that is rolled back, and writes the plan. It refuses a plan with a hazard that the
// change does not allow with a reason.
//
//	migrate-plan --source=. --database=./secret --reports=/tmp/reports
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
)

func planAll(ctx context.Context, r *task.Run, o *migration.Gate, rendered bool) ([]*plan.Plan, error) {
	w, err := o.Begin(ctx, r)
	if err != nil {
		return nil, err
	}
	defer w.Engine.Close()
	due, err := o.Release(ctx, w.Engine, w.Directory)
	if err != nil {
		return nil, err
	}
	var plans []*plan.Plan
	for _, c := range due {
		if !rendered {
			delete(c.Scripts, change.RenderedFile)
		}
		p, err := w.Engine.Plan(ctx, c)
		if err != nil {
			return nil, migration.Err(err)
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// planRun writes the plans and the results, then refuses what may not run. To write the plans' SQL is to replace what lies there.
func planRun(ctx context.Context, r *task.Run, o *migration.Gate, render bool) error {
	plans, err := planAll(ctx, r, o, !render)
	if err != nil {
		return err
	}
	if err := write(r, o.Reports(), plans); err != nil {
		return err
	}
	hazards, refused := 0, 0
	var names []string
	for _, p := range plans {
		o.Input("plan of "+p.Change, p.Digest())
		names = append(names, p.Change)
		for _, h := range p.AllHazards() {
			hazards++
			if h.Refused {
				refused++
			}
		}
	}
	o.Found.Measured["changes"], o.Found.Measured["hazards"], o.Found.Measured["refused"] = len(plans), hazards, refused
	for _, res := range [][2]string{
		{"digest", plan.DigestAll(plans)}, {"changes", strings.Join(names, ",")}, {"hazards", fmt.Sprint(hazards)}, {"longest-lock", string(plan.LongestOf(plans))},
	} {
		if err := r.Result(res[0], res[1]); err != nil {
			return err
		}
	}
	for _, p := range plans {
		if err := migrate.Refusals(p); err != nil {
			return migration.Err(err)
		}
	}
	if render {
		return writeSQL(filepath.Join(o.Source, o.Directory), plans)
	}
	return nil
}

// writeSQL leaves the SQL of each plan beside its change, and renews the sum.
func writeSQL(directory string, plans []*plan.Plan) error {
	for _, p := range plans {
		if err := task.WriteFile(filepath.Join(directory, p.Change, change.RenderedFile), []byte(p.SQL()), 0o644); err != nil {
			return err
		}
	}
	return change.WriteSum(directory)
}

// write shows the plans and leaves them in reports, as text and as JSON.
func write(r *task.Run, reports string, plans []*plan.Plan) error {
	var texts []string
	for _, p := range plans {
		texts = append(texts, p.Text())
	}
	text := strings.Join(texts, "\n")
	if len(plans) == 0 {
		text = "no change is pending\n"
	}
	fmt.Fprint(r.Stdout, text)
	b, err := json.MarshalIndent(plans, "", "  ")
	if err != nil {
		return err
	}
	if err := task.WriteFile(filepath.Join(reports, "plan.txt"), []byte(text), 0o644); err != nil {
		return err
	}
	return task.WriteFile(filepath.Join(reports, "plan.json"), b, 0o644)
}
