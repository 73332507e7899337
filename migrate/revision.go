package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// A Phase is how far a change has come on one database.
type Phase string

// The phases in order, and the way back. Each is entered only when everything before it has committed.
const (
	Pending     Phase = "pending"      // not begun
	Expanding   Phase = "expanding"    // some steps of expand have run
	Expanded    Phase = "expanded"     // both shapes are there, new writes reach both
	Filled      Phase = "backfilled"   // rows that were there are filled too
	Verified    Phase = "verified"     // every row satisfies the invariant
	Switched    Phase = "switched"     // applications read the new shape; the window runs
	Burying     Phase = "tombstoning"  // some steps of the tombstone have run
	Tombstoned  Phase = "tombstoned"   // the old shape is renamed away; the second window runs
	Dropping    Phase = "dropping"     // past the point of no return
	Completed   Phase = "completed"    // only the new shape is left
	RollingBack Phase = "rolling back" // some steps have been undone
	RolledBack  Phase = "rolled back"  // only the old shape is left
)

var order = []Phase{Pending, Expanding, Expanded, Filled, Verified, Switched, Burying, Tombstoned, Dropping, Completed}

// Reached tells whether a phase lies at or after another.
func (p Phase) Reached(q Phase) bool {
	at := func(x Phase) int {
		for i, o := range order {
			if o == x {
				return i
			}
		}
		return 0 // rolled back: as if it had not begun
	}
	return at(p) >= at(q)
}

// InFlight tells whether the database is between two shapes.
func (p Phase) InFlight() bool {
	return p != Pending && p != Completed && p != RolledBack
}

// A Revision is the history of one change on one database.
type Revision struct {
	Version      string     `json:"version"`
	Name         string     `json:"name"`
	Phase        Phase      `json:"phase"`
	PlanDigest   string     `json:"planDigest"`
	DirectorySum string     `json:"directorySum"`
	Tool         string     `json:"tool"`
	Run          string     `json:"run"`
	Expanded     *time.Time `json:"expanded,omitempty"`
	Filled       *time.Time `json:"backfilled,omitempty"`
	Verified     *time.Time `json:"verified,omitempty"`
	Switched     *time.Time `json:"switched,omitempty"`
	Tombstoned   *time.Time `json:"tombstoned,omitempty"`
	Completed    *time.Time `json:"completed,omitempty"`
	RolledBack   *time.Time `json:"rolledBack,omitempty"`

	Plan *plan.Plan `json:"-"`
}

const revisionColumns = `version, name, phase, plan, plan_digest, directory_sum, tool, run,
	expanded_at, filled_at, verified_at, switched_at, tombstoned_at, completed_at, rolled_back_at`

func scanRevision(r pgx.CollectableRow) (*Revision, error) {
	var v Revision
	var text string
	err := r.Scan(&v.Version, &v.Name, &v.Phase, &text, &v.PlanDigest, &v.DirectorySum, &v.Tool, &v.Run,
		&v.Expanded, &v.Filled, &v.Verified, &v.Switched, &v.Tombstoned, &v.Completed, &v.RolledBack)
	if err != nil {
		return nil, err
	}
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
func (e *Engine) revisions(ctx context.Context) (map[string]*Revision, error) {
	all := map[string]*Revision{}
	if there, err := e.installed(ctx); err != nil || !there {
		return all, err
	}
	rows, err := e.pool.Query(ctx, "SELECT "+revisionColumns+" FROM sluice.revision")
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanRevision)
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	for _, r := range list {
		all[r.Version] = r
	}
	return all, nil
}

// revision gives one change's history, or nil when it has none.
func (e *Engine) revision(ctx context.Context, version string) (*Revision, error) {
	rows, err := e.pool.Query(ctx, "SELECT "+revisionColumns+" FROM sluice.revision WHERE version = $1", version)
	if err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", version, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRevision)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", version, err)
	}
	return r, nil
}

// begun gives the history of a change that must have one.
func (e *Engine) begun(ctx context.Context, c *change.Change) (*Revision, error) {
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
var stamps = map[Phase]string{
	Expanded: "expanded_at", Filled: "filled_at", Verified: "verified_at", Switched: "switched_at",
	Tombstoned: "tombstoned_at", Completed: "completed_at", RolledBack: "rolled_back_at",
}

// enter moves a change into a phase, by the database's clock, and notes it in the history.
func (s *session) enter(ctx context.Context, r *Revision, to Phase, detail string) error {
	err := s.write(ctx, func(tx pgx.Tx) error { return s.enterIn(ctx, tx, r, to, detail) })
	if err != nil {
		return fmt.Errorf("recording that %s is %s: %w", r.Plan.Change, to, err)
	}
	r.Phase = to
	return nil
}

func (s *session) enterIn(ctx context.Context, tx pgx.Tx, r *Revision, to Phase, detail string) error {
	set := "phase = $2, run = $3, tool = $4, updated_at = clock_timestamp()"
	if c := stamps[to]; c != "" {
		set += ", " + c + " = clock_timestamp()"
	}
	if _, err := tx.Exec(ctx, "UPDATE sluice.revision SET "+set+" WHERE version = $1", r.Version, string(to), s.opts.Run, s.opts.Tool); err != nil {
		return err
	}
	return s.event(ctx, tx, r.Version, string(to), detail)
}

func (s *session) event(ctx context.Context, tx pgx.Tx, version, kind, detail string) error {
	_, err := tx.Exec(ctx, "INSERT INTO sluice.event (version, kind, run, tool, detail) VALUES ($1, $2, $3, $4, $5)",
		version, kind, s.opts.Run, s.opts.Tool, detail)
	return err
}
