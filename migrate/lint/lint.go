// Package lint judges raw SQL for PostgreSQL by its words: which lock a statement takes, what it destroys, whom
// it blocks. It is a net, not a parser; what it does not recognise it does not call safe.
//
// The rules follow what squawk and strong_migrations have collected; the locks are those of the PostgreSQL manual, section 13.3.
// The phase decides much: destroying something is right only in contract.
package lint

import (
	"regexp"
	"strings"

	"github.com/sluice-ci/sluice/migrate/plan"
)

// Phase is where a statement stands.
type Phase int

// The phases of raw SQL.
const (
	Expand Phase = iota
	Undo
	Contract
)

// A rule recognises one hazard.
type rule struct {
	code    string
	match   *regexp.Regexp
	unless  *regexp.Regexp
	phases  []Phase
	refused bool
	text    string
	remedy  string
}

func re(s string) *regexp.Regexp { return regexp.MustCompile(`(?is)` + s) }

var (
	additive = []Phase{Expand}
	always   = []Phase{Expand, Undo, Contract}
	lasting  = []Phase{Expand, Contract}
)

var rules = []rule{
	{"SL101", re(`\bdrop\s+(table|column|schema|view|type|function|sequence|materialized|database|owned)\b`), nil, additive, true,
		"drops something outside of contract", "move it into the contract script"},
	{"SL102", re(`^\s*(truncate|delete\s+from)\b`), nil, additive, true, "deletes rows outside of contract", "move it into the contract script"},
	{"SL103", re(`\brename\s+(to|column|constraint)\b|\brename\s+\S+\s+to\b`), nil, additive, true,
		"renames what old application versions use", "use renameColumn or renameTable, which keep both names"},
	{"SL104", re(`\balter\s+(column\s+)?\S+\s+(set\s+data\s+)?type\b`), nil, additive, true,
		"changes a type in place: the table is rewritten while nobody reads or writes it", "use changeType"},
	{"SL105", re(`\bset\s+not\s+null\b`), nil, lasting, true, "scans the table while nobody reads or writes it, and binds old writers", "use setNotNull"},
	{"SL106", re(`\balter\s+(column\s+)?\S+\s+drop\s+default\b`), nil, additive, true, "old writers may count on the default", "use dropDefault"},
	{"SL201", re(`^\s*create\s+(unique\s+)?index\b`), re(`\bconcurrently\b`), lasting, true, "blocks writers while the index is built", "add CONCURRENTLY, or use createIndex"},
	{"SL202", re(`^\s*drop\s+index\b`), re(`\bconcurrently\b`), lasting, true, "blocks readers and writers until the index is free", "add CONCURRENTLY, or use dropIndex"},
	{"SL203", re(`\badd\s+constraint\b.*\b(check|foreign\s+key)\b`), re(`\bnot\s+valid\b`), lasting, true,
		"scans the table under a lock that blocks writers", "add NOT VALID, then VALIDATE CONSTRAINT in a statement of its own; or use addCheck, addForeignKey"},
	{"SL204", re(`\badd\s+(constraint\s+\S+\s+)?(unique|primary\s+key|exclude)\b`), re(`\busing\s+index\b`), lasting, true,
		"builds an index while nobody reads or writes the table", "build the index concurrently, then add the constraint USING INDEX; or use addUnique"},
	{"SL205", re(`^\s*(vacuum\s+(\(.*\bfull\b.*\)|full)|cluster|lock\s+table|lock\s)`), nil, always, true, "locks the whole table for as long as it takes", "leave it out of migrations"},
	{"SL206", re(`^\s*reindex\b`), re(`\bconcurrently\b`), always, true, "blocks writers while the index is rebuilt", "use REINDEX … CONCURRENTLY"},
	{"SL207", re(`^\s*refresh\s+materialized\s+view\b`), re(`\bconcurrently\b`), always, true, "blocks readers while the view is filled", "use REFRESH MATERIALIZED VIEW CONCURRENTLY"},
	{"SL208", re(`^\s*update\b`), nil, lasting, true, "updates in one transaction: every row it touches stays locked until the end", "use up and down expressions; a backfill writes in small batches"},
	{"SL209", re(`\badd\s+(column\s+)?.*\b((big|small)?serial[248]?\b|generated\s+always\s+as\s*\()`), nil, lasting, true,
		"rewrites the table while nobody reads or writes it", "add a plain column, fill it, then attach the sequence"},
	{"SL210", re(`\badd\s+(column\s+)?.*\bdefault\s+.*\b(random|gen_random_uuid|uuid_generate_v[14]|clock_timestamp|timeofday|nextval)\s*\(`), nil, lasting, true,
		"rewrites the table: the default gives another value for each row", "use addColumn, which sets the default first and fills in batches"},
	{"SL211", re(`^\s*(begin|commit|rollback|start\s+transaction|savepoint|set\s+session)\b`), nil, always, true, "manages transactions or the session by itself", "leave it out: each statement is a transaction of its own"},
	{"SL212", re(`\bset\s+(un)?logged\b|\bset\s+tablespace\b|\bset\s+access\s+method\b`), nil, always, true, "rewrites the table while nobody reads or writes it", "do it in a maintenance window, outside of migrations"},
	{"SL213", re(`\bdisable\s+trigger\b|\bsession_replication_role\b`), nil, always, true, "turns triggers off, the dual write among them", "leave triggers on"},
	{"SL214", re(`\bcascade\b`), re(`\bon\s+(delete|update)\s+cascade\b`), always, true, "CASCADE takes along what nobody listed", "drop each object by name"},
	{"SL215", re(`\btimestamp\b`), re(`\bwith\s+time\s+zone\b|\bcurrent_timestamp\b`), additive, false, "timestamp without time zone means a different instant for each session", "use timestamptz"},
	{"SL216", re(`\b(char|character)\s*\(`), re(`\bvarchar|varying\b`), additive, false, "char(n) pads with blanks", "use text"},
	{"SL217", re(`^\s*(grant|revoke)\b`), nil, additive, false, "changes privileges", "make sure that old versions keep theirs"},
	{"SL218", re(`^\s*do\s`), nil, always, false, "a DO block hides its statements from the lint", "write them out"},
}

var literal = regexp.MustCompile(`(?s)'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/`)

// Statement gives the hazards of one statement.
func Statement(sql string, phase Phase) []plan.Hazard {
	words := literal.ReplaceAllString(sql, "''")
	var found []plan.Hazard
	for _, r := range rules {
		in := false
		for _, p := range r.phases {
			in = in || p == phase
		}
		if !in || !r.match.MatchString(words) || (r.unless != nil && r.unless.MatchString(words)) {
			continue
		}
		found = append(found, plan.Hazard{Rule: r.code, Text: r.text, Remedy: r.remedy, Refused: r.refused})
	}
	return found
}

var locks = []struct {
	match *regexp.Regexp
	lock  plan.Lock
}{
	{re(`^\s*(create\s+(unique\s+)?index\s+concurrently|drop\s+index\s+concurrently|reindex\b.*\bconcurrently)\b`), plan.ShareUpdateExclusive},
	{re(`\bvalidate\s+constraint\b|\bset\s+statistics\b|^\s*(analyze|vacuum)\b`), plan.ShareUpdateExclusive},
	{re(`^\s*create\s+(unique\s+)?index\b`), plan.Share},
	{re(`^\s*create\s+(or\s+replace\s+)?(constraint\s+)?trigger\b|\bforeign\s+key\b`), plan.ShareRowExclusive},
	{re(`^\s*(alter\s+table|alter\s+index|drop\s|truncate|lock|cluster|create\s+(or\s+replace\s+)?rule)\b`), plan.AccessExclusive},
	{re(`^\s*(create|comment|grant|revoke|insert|update|delete|alter\s+type|select|do)\b`), plan.NoLock},
}

// Lock is the strongest table lock that a statement takes, as far as its words tell; the strongest there is when they do not.
func Lock(sql string) plan.Lock {
	words := literal.ReplaceAllString(sql, "''")
	for _, l := range locks {
		if l.match.MatchString(strings.TrimSpace(words)) {
			return l.lock
		}
	}
	return plan.AccessExclusive
}
