package compile

import (
	"fmt"

	"github.com/sluice-ci/sluice/migrate/plan"
)

// pending selects rows whose new columns are empty although up gives something for them.
func (r reshape) pending() string {
	var empty, some []string
	for _, n := range r.new {
		empty = append(empty, quote(n.Name)+" IS NULL")
		some = append(some, "("+n.expr+") IS NOT NULL")
	}
	return and(empty) + " AND " + or(some)
}

// notUp selects rows whose new columns are not up(old).
func (r reshape) notUp() string {
	var parts []string
	for _, n := range r.new {
		parts = append(parts, distinct(quote(n.Name), cast(n.expr, n.Type), n.BaseType))
	}
	return or(parts)
}

// isDown selects rows whose old columns are down(new).
func (r reshape) isDown() string {
	var parts []string
	for _, o := range r.old {
		parts = append(parts, same(quote(o.Name), cast(o.expr, o.Type), o.BaseType))
	}
	return and(parts)
}

// mismatch selects rows that break the invariant: not filled, or neither side is computed from the other.
func (r reshape) mismatch() string {
	return "(" + r.pending() + ") OR (" + r.notUp() + " AND NOT " + bracket(r.isDown()) + ")"
}

// loss counts the rows of which the new columns hold more than the old ones can carry back.
func (r reshape) loss() plan.Loss {
	var given []string
	for _, n := range r.new {
		given = append(given, quote(n.Name)+" IS NOT NULL")
	}
	where := or(given) + " AND " + bracket(r.notUp())
	renamed := ""
	for _, o := range r.old {
		renamed += fmt.Sprintf(", t.%s AS %s", quote(Tombstone(o.Name)), quote(o.Name))
	}
	alias := quote(r.at.Name)
	return plan.Loss{
		What:       fmt.Sprintf("rows of %s whose new columns hold what the old ones cannot", r.table.Name.Plain()),
		Count:      fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", r.at, where),
		Tombstoned: fmt.Sprintf("SELECT count(*) FROM (SELECT t.*%s FROM %s t) AS %s WHERE %s", renamed, r.at, alias, where),
	}
}

func bracket(s string) string { return "(" + s + ")" }
