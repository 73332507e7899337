package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// Status is where every change stands, for people (Text) and as JSON.
type Status struct {
	Directory string         `json:"directory"`
	Lease     *Lease         `json:"lease,omitempty"`
	Changes   []ChangeStatus `json:"changes"`
}

// Lease says who works on the database.
type Lease struct {
	Run   string    `json:"run"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// ChangeStatus is one change.
type ChangeStatus struct {
	Change       string        `json:"change"`
	Description  string        `json:"description,omitempty"`
	Phase        Phase         `json:"phase"`
	Next         string        `json:"next,omitempty"` // what to run next
	Revision     *Revision     `json:"revision,omitempty"`
	Window       *Window       `json:"window,omitempty"`
	Fills        []FillStatus  `json:"backfill,omitempty"`
	Evidence     []Evidence    `json:"evidence,omitempty"`
	Applications []Application `json:"applications,omitempty"`
	Losses       []Lost        `json:"losses,omitempty"`
}

// Window is a clock that runs.
type Window struct {
	After string        `json:"after"` // "switch" or "tombstone"
	Left  time.Duration `json:"left"`  // 0 when it is over
	Of    time.Duration `json:"of"`
}

// FillStatus is how far one table's backfill has come.
type FillStatus struct {
	Table    string `json:"table"`
	Done     int64  `json:"done"`
	Total    int64  `json:"total"`
	Pass     int    `json:"pass"`
	Repaired int64  `json:"repaired"`
}

// Evidence is what a phase found.
type Evidence struct {
	Kind    string          `json:"kind"`
	Verdict string          `json:"verdict"`
	Detail  json.RawMessage `json:"detail"`
	Run     string          `json:"run"`
	At      time.Time       `json:"at"`
}

// Application is a version of the application that the history names.
type Application struct {
	Digest string    `json:"digest"`
	Reads  string    `json:"reads"` // "both", "new" or "old"
	Run    string    `json:"run"`
	At     time.Time `json:"at"`
}

// Status reads where every change of a directory stands. It writes nothing, and works beside a runner.
func (e *Engine) Status(ctx context.Context, d *change.Directory) (*Status, error) {
	st := &Status{Directory: d.Sum}
	all, err := e.revisions(ctx)
	if err != nil {
		return nil, err
	}
	if there, err := e.installed(ctx); err != nil {
		return nil, err
	} else if there {
		if st.Lease, err = e.lease(ctx); err != nil {
			return nil, err
		}
	}
	for _, c := range d.Changes {
		cs, err := e.stands(ctx, c, all[c.Version])
		if err != nil {
			return nil, err
		}
		if r := cs.Revision; r != nil && r.Phase.Reached(Expanded) && !r.Phase.Reached(Dropping) && r.Phase != Burying {
			if cs.Losses, err = e.Losses(ctx, r); err != nil {
				return nil, err
			}
		}
		delete(all, c.Version)
		st.Changes = append(st.Changes, *cs)
	}
	for _, r := range all {
		if r.Phase.InFlight() {
			return st, refusal.Misconfigure("the database is between shapes with %s (%s), which the directory does not hold", r.Plan.Change, r.Phase).
				Remedy("restore its folder: without it the change can be neither finished nor undone")
		}
	}
	return st, nil
}

// Stands tells where one change stands, without counting what a rollback would lose, which reads whole tables.
func (e *Engine) Stands(ctx context.Context, c *change.Change) (*ChangeStatus, error) {
	if there, err := e.installed(ctx); err != nil || !there {
		return pending(c), err
	}
	r, err := e.revision(ctx, c.Version)
	if err != nil {
		return nil, err
	}
	return e.stands(ctx, c, r)
}

func (e *Engine) stands(ctx context.Context, c *change.Change, r *Revision) (*ChangeStatus, error) {
	cs := pending(c)
	if r == nil {
		return cs, nil
	}
	if err := e.detail(ctx, r, cs); err != nil {
		return nil, fmt.Errorf("reading the status of %s: %w", c.ID(), err)
	}
	return cs, nil
}

func pending(c *change.Change) *ChangeStatus {
	return &ChangeStatus{Change: c.ID(), Description: c.Description, Phase: Pending, Next: "plan, expand"}
}

func (e *Engine) lease(ctx context.Context) (*Lease, error) {
	var l Lease
	err := e.pool.QueryRow(ctx, "SELECT holder, acquired_at, expires_at FROM sluice.lease WHERE expires_at > clock_timestamp()").Scan(&l.Run, &l.Since, &l.Until)
	if isNoRows(err) {
		return nil, nil
	}
	return &l, err
}

// Next says what to run in each phase.
var Next = map[Phase]string{
	Expanding: "expand", Expanded: "backfill", Filled: "backfill", Verified: "switch, when the application reads the new shape",
	Switched: "contract", Burying: "contract", Tombstoned: "contract", Dropping: "contract", RollingBack: "rollback", RolledBack: "plan, expand",
}

func (e *Engine) detail(ctx context.Context, r *Revision, cs *ChangeStatus) (err error) {
	cs.Revision, cs.Phase, cs.Next = r, r.Phase, Next[r.Phase]
	if cs.Window, err = e.window(ctx, r); err != nil {
		return err
	}
	for i, f := range r.Plan.Fills {
		fs := FillStatus{Table: f.Table.Plain()}
		err := e.pool.QueryRow(ctx, `SELECT coalesce(sum(rows) FILTER (WHERE done), 0)::bigint, coalesce(sum(rows), 0)::bigint,
				coalesce((SELECT pass FROM sluice.fill WHERE version = $1 AND fill = $2), 0), coalesce((SELECT repaired FROM sluice.fill WHERE version = $1 AND fill = $2), 0)
			FROM sluice.range WHERE version = $1 AND fill = $2`, r.Version, i).Scan(&fs.Done, &fs.Total, &fs.Pass, &fs.Repaired)
		if err != nil {
			return err
		}
		cs.Fills = append(cs.Fills, fs)
	}
	rows, err := e.pool.Query(ctx, "SELECT kind, verdict, detail, run, at FROM sluice.evidence WHERE version = $1 ORDER BY id", r.Version)
	if err != nil {
		return err
	}
	if cs.Evidence, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Evidence]); err != nil {
		return err
	}
	rows, err = e.pool.Query(ctx, "SELECT digest, reads, run, at FROM sluice.application WHERE version = $1 ORDER BY id", r.Version)
	if err != nil {
		return err
	}
	cs.Applications, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Application])
	return err
}

func (e *Engine) window(ctx context.Context, r *Revision) (*Window, error) {
	w := Window{After: "switch", Of: r.Plan.Window}
	column := "switched_at"
	if r.Phase == Tombstoned {
		w, column = Window{After: "tombstone", Of: r.Plan.DropWindow}, "tombstoned_at"
	} else if r.Phase != Switched {
		return nil, nil
	}
	var passed float64
	if err := e.pool.QueryRow(ctx, "SELECT extract(epoch FROM clock_timestamp() - "+column+")::float8 FROM sluice.revision WHERE version = $1", r.Version).Scan(&passed); err != nil {
		return nil, err
	}
	w.Left = max(0, w.Of-time.Duration(passed*float64(time.Second)))
	return &w, nil
}

// InFlight is how many changes are between two shapes.
func (st *Status) InFlight() int {
	n := 0
	for _, c := range st.Changes {
		if c.Phase.InFlight() {
			n++
		}
	}
	return n
}
