// Package plan is what a change will do to one database, statement by statement, before anything is done.
//
// A plan is made once, reviewed, stored in the database when expand begins, and every later phase runs from
// the stored one: what was reviewed is what runs. Its digest covers every byte of SQL in it. The package holds
// no database code; it renders itself for people (Text) and as JSON.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/migrate/change"
)

// Format is the version of this structure. A plan that another format stored is refused, not guessed at.
const Format = 1

// A Plan is one change on one database.
type Plan struct {
	Format      int      `json:"format"`
	Change      string   `json:"change"`
	Version     string   `json:"version"`
	Description string   `json:"description,omitempty"`
	Tables      []string `json:"tables"` // touched, as schema.name; ["*"] for raw SQL that names none
	SearchPath  []string `json:"searchPath"`

	Expand    []Step  `json:"expand"`
	Fills     []Fill  `json:"fills"`
	Settle    []Step  `json:"settle"` // after the backfill: indexes on filled columns
	Checks    []Check `json:"checks"`
	Tombstone []Step  `json:"tombstone"`
	Drop      []Step  `json:"drop"`
	// Backward fills old columns again when a tombstone is lifted, on databases whose triggers end with it.
	Backward []Fill `json:"backward,omitempty"`

	Losses  []Loss   `json:"losses"`
	Old     []Column `json:"old"` // what nobody may read any more at contract
	Hazards []Hazard `json:"hazards"`

	Window     time.Duration `json:"window"`
	DropWindow time.Duration `json:"dropWindow"`
}

// A Step is one transaction that takes at most one strong table lock, or one statement that runs outside
// of transactions.
type Step struct {
	What string   `json:"what"`
	SQL  []string `json:"sql"`
	// Undo runs in one transaction, except for a step outside of transactions. Empty: nothing has to be undone.
	Undo []string `json:"undo,omitempty"`
	// Irreversible tells why there is no way back once the step has run.
	Irreversible string `json:"irreversible,omitempty"`
	// Stays tells that what an irreversible step leaves behind harms nobody, so a rollback passes over it.
	Stays bool `json:"stays,omitempty"`

	Table string `json:"table,omitempty"`
	Lock  Lock   `json:"lock"`
	// Scans tells that the step reads or writes the whole table, under the long statement timeout.
	Scans bool `json:"scans,omitempty"`
	// Concurrent is the quoted name of the index that the step builds outside of a transaction.
	Concurrent string   `json:"concurrent,omitempty"`
	Outside    bool     `json:"outside,omitempty"` // runs outside of a transaction
	Hazards    []Hazard `json:"hazards,omitempty"`
}

// A Lock is a table lock mode of PostgreSQL (section 13.3.1 of its manual).
type Lock string

// The modes that steps take, weakest first.
const (
	NoLock               Lock = "none"
	AccessShare          Lock = "ACCESS SHARE"
	ShareUpdateExclusive Lock = "SHARE UPDATE EXCLUSIVE"
	Share                Lock = "SHARE"
	ShareRowExclusive    Lock = "SHARE ROW EXCLUSIVE"
	AccessExclusive      Lock = "ACCESS EXCLUSIVE"
)

// The locks of the other databases.
const (
	Online   Lock = "ONLINE"   // MariaDB, ALGORITHM=INPLACE, LOCK=NONE: its metadata lock is exclusive at the begin and the end only
	Metadata Lock = "METADATA" // MariaDB: the exclusive metadata lock of a table
	Writer   Lock = "WRITER"   // SQLite: the one write lock of the database
)

// Blocks says in words whom a lock keeps waiting.
func (l Lock) Blocks() string {
	switch l {
	case AccessExclusive, Metadata:
		return "blocks readers and writers"
	case ShareRowExclusive, Share, Writer:
		return "blocks writers"
	case ShareUpdateExclusive, Online:
		return "blocks neither readers nor writers"
	}
	return "blocks nobody"
}

// A Fill writes columns of existing rows in ranges of a key, and verifies them.
type Fill struct {
	Table change.TableName `json:"table"`
	Key   []KeyColumn      `json:"key"`
	Set   []Assign         `json:"set"`
	// Pending selects rows that still have to be written.
	Pending string `json:"pending"`
	// Mismatch selects rows that break the invariant; a repair writes Set again.
	Mismatch string `json:"mismatch"`
	// Displaces names the column whose NULLs are replaced in place, and therefore recorded for rollback.
	Displaces string `json:"displaces,omitempty"`
	EstRows   int64  `json:"estRows"`
}

// A KeyColumn orders the ranges.
type KeyColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// An Assign sets one column to an expression over the row.
type Assign struct {
	Column string `json:"column"`
	Expr   string `json:"expr"`
}

// A Check counts what must not be there before reads are switched and before the tombstone.
type Check struct {
	What   string `json:"what"`
	Count  string `json:"count"` // SQL that yields one bigint
	Remedy string `json:"remedy"`
}

// A Loss counts the rows that rollback cannot carry back.
type Loss struct {
	What  string `json:"what"`
	Count string `json:"count"` // SQL that yields one bigint, before the tombstone
	// Tombstoned is the same while the old columns bear their tombstone's name.
	Tombstoned string `json:"tombstoned,omitempty"`
}

// A Column of the old shape.
type Column struct {
	Table  change.TableName `json:"table"`
	Column string           `json:"column,omitempty"` // empty: the table itself
}

// A Hazard is what a reviewer should know.
type Hazard struct {
	Rule   string `json:"rule"`
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"`
	// Refused hazards stop the plan; an allowed one carries the author's reason.
	Refused bool   `json:"refused,omitempty"`
	Allowed string `json:"allowed,omitempty"`
}

// Digest is the sha256 of the plan's JSON, as sha256:hex. Estimates of rows are left out: they change by themselves between
// the review and the run.
func (p *Plan) Digest() string {
	reviewed := *p
	reviewed.Fills = slices.Clone(p.Fills)
	for i := range reviewed.Fills {
		reviewed.Fills[i].EstRows = 0
	}
	b, err := json.Marshal(&reviewed)
	if err != nil {
		panic(err) // plain data only: cannot fail
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Longest is the strongest lock of any step.
func (p *Plan) Longest() Lock {
	order := []Lock{NoLock, AccessShare, ShareUpdateExclusive, Share, ShareRowExclusive, AccessExclusive, Online, Writer, Metadata}
	best := 0
	for _, steps := range [][]Step{p.Expand, p.Settle, p.Tombstone, p.Drop} {
		for _, s := range steps {
			for i, l := range order {
				if l == s.Lock && i > best {
					best = i
				}
			}
		}
	}
	return order[best]
}

// AllHazards gathers the hazards of the plan and of its steps.
func (p *Plan) AllHazards() []Hazard {
	all := append([]Hazard{}, p.Hazards...)
	for _, steps := range [][]Step{p.Expand, p.Settle, p.Tombstone, p.Drop} {
		for _, s := range steps {
			all = append(all, s.Hazards...)
		}
	}
	return all
}

// Contracts tells whether anything is left for contract to do.
func (p *Plan) Contracts() bool { return len(p.Tombstone)+len(p.Drop) > 0 }

// DigestAll is one digest over several plans in their order.
func DigestAll(plans []*Plan) string {
	h := sha256.New()
	for _, p := range plans {
		h.Write([]byte(p.Digest() + "\n"))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// LongestOf is the strongest lock of several plans.
func LongestOf(plans []*Plan) Lock {
	all := &Plan{}
	for _, p := range plans {
		all.Expand = append(all.Expand, Step{Lock: p.Longest()})
	}
	return all.Longest()
}
