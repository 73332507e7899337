package portable

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

const selectRevision = `SELECT version, name, phase, plan, plan_digest, directory_sum, tool, run,
	expanded_at, filled_at, verified_at, switched_at, tombstoned_at, completed_at, rolled_back_at FROM sluice_revision`

func scanRevision(rows *sql.Rows) (*migrate.Revision, error) {
	var v migrate.Revision
	var text string
	var times [7]sql.NullInt64
	err := rows.Scan(&v.Version, &v.Name, &v.Phase, &text, &v.PlanDigest, &v.DirectorySum, &v.Tool, &v.Run,
		&times[0], &times[1], &times[2], &times[3], &times[4], &times[5], &times[6])
	if err != nil {
		return nil, err
	}
	v.Expanded, v.Filled, v.Verified, v.Switched = at(times[0]), at(times[1]), at(times[2]), at(times[3])
	v.Tombstoned, v.Completed, v.RolledBack = at(times[4]), at(times[5]), at(times[6])
	v.Plan = &plan.Plan{}
	if err := json.Unmarshal([]byte(text), v.Plan); err != nil {
		return nil, fmt.Errorf("reading the plan of %s: %w", v.Version, err)
	}
	if v.Plan.Format != plan.Format && v.Phase.InFlight() {
		return nil, refusal.Misconfigure("the plan of %s has format %d, this tool knows %d", v.Plan.Change, v.Plan.Format, plan.Format).
			Remedy("finish the change with the version of the task that began it (%s)", v.Tool)
	}
	return &v, nil
}

// revisions gives all changes that this database has seen, by version.
func (e *Engine) revisions(ctx context.Context) (map[string]*migrate.Revision, error) {
	all := map[string]*migrate.Revision{}
	if there, err := e.installed(ctx); err != nil || !there {
		return all, err
	}
	list, err := collect(ctx, e.db, selectRevision, nil, scanRevision)
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	for _, r := range list {
		all[r.Version] = r
	}
	return all, nil
}

// revision gives one change's history, or nil when it has none.
func (e *Engine) revision(ctx context.Context, version string) (*migrate.Revision, error) {
	list, err := collect(ctx, e.db, selectRevision+" WHERE version = ?", []any{version}, scanRevision)
	if err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", version, err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list[0], nil
}

// begun gives the history of a change that must have one.
func (e *Engine) begun(ctx context.Context, c *change.Change) (*migrate.Revision, error) {
	r, err := e.revision(ctx, c.Version)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, refusal.New("change %s has not begun on this database", c.ID()).Remedy("run expand first")
	}
	return r, nil
}

// stamps names the column that records when a phase was entered.
var stamps = map[migrate.Phase]string{
	migrate.Expanded: "expanded_at", migrate.Filled: "filled_at", migrate.Verified: "verified_at", migrate.Switched: "switched_at",
	migrate.Tombstoned: "tombstoned_at", migrate.Completed: "completed_at", migrate.RolledBack: "rolled_back_at",
}

// enter moves a change into a phase, by the database's clock, and notes it in the history.
func (s *session) enter(ctx context.Context, r *migrate.Revision, to migrate.Phase, detail string) error {
	err := s.write(ctx, func() error { return s.enterIn(ctx, r, to, detail) })
	if err != nil {
		return fmt.Errorf("recording that %s is %s: %w", r.Plan.Change, to, err)
	}
	r.Phase = to
	return nil
}

func (s *session) enterIn(ctx context.Context, r *migrate.Revision, to migrate.Phase, detail string) error {
	set := "phase = ?, run = ?, tool = ?"
	if c := stamps[to]; c != "" {
		set += ", " + c + " = " + s.now()
	}
	if err := s.exec(ctx, "UPDATE sluice_revision SET "+set+" WHERE version = ?", string(to), s.opts.Run, s.opts.Tool, r.Version); err != nil {
		return err
	}
	return s.event(ctx, r.Version, string(to), detail)
}

func (s *session) event(ctx context.Context, version, kind, detail string) error {
	return s.exec(ctx, "INSERT INTO sluice_event (version, kind, detail, run, tool, at) VALUES (?, ?, ?, ?, ?, "+s.now()+")",
		version, kind, detail, s.opts.Run, s.opts.Tool)
}

// evidence records what a phase found.
func (s *session) evidence(ctx context.Context, version, kind, verdict string, detail any) error {
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("recording evidence: %w", err)
	}
	return s.write(ctx, func() error {
		return s.exec(ctx, "INSERT INTO sluice_evidence (version, kind, verdict, detail, run, at) VALUES (?, ?, ?, ?, ?, "+s.now()+")",
			version, kind, verdict, string(b), s.opts.Run)
	})
}
