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

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/plan"
)

func planAll(ctx context.Context, r *task.Run, o options) ([]*plan.Plan, error) {
	d, err := o.Load()
	if err != nil {
		return nil, err
	}
	e, err := o.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	due, err := o.Release(ctx, e, d)
	if err != nil {
		return nil, err
	}
	var plans []*plan.Plan
	for _, c := range due {
		p, err := e.Plan(ctx, c)
		if err != nil {
			return nil, migration.Err(err)
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// planRun writes the plans and the results, then refuses what may not run.
func planRun(ctx context.Context, r *task.Run, o options) error {
	plans, err := planAll(ctx, r, o)
	if err != nil {
		return err
	}
	text, names, hazards := "", "", 0
	for i, p := range plans {
		if i > 0 {
			text, names = text+"\n", names+","
		}
		text, names = text+p.Text(), names+p.Change
		hazards += len(p.AllHazards())
	}
	if len(plans) == 0 {
		text = "no change is pending\n"
	}
	fmt.Fprint(r.Stdout, text)
	b, err := json.MarshalIndent(plans, "", "  ")
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"plan.txt": []byte(text), "plan.json": b} {
		if err := task.WriteFile(filepath.Join(o.reports, name), data, 0o644); err != nil {
			return err
		}
	}
	for _, res := range [][2]string{
		{"digest", plan.DigestAll(plans)}, {"changes", names}, {"hazards", fmt.Sprint(hazards)}, {"longest-lock", string(plan.LongestOf(plans))},
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
	return nil
}
