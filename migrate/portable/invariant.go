package portable

import (
	"fmt"

	"github.com/sluice-ci/sluice/migrate/plan"
)

// empty holds for a record whose new columns are all NULL; "" stands for the row of a statement.
func (r *reshape) empty(record string) string {
	return all(r.new, func(n side) string { return record + quote(n.name) + " IS NULL" })
}

func (r *reshape) isUp() string {
	return all(r.new, func(n side) string { return r.same(quote(n.name), r.cast(n.expr, n.column), n.column) })
}

func (r *reshape) isDown() string {
	return all(r.old, func(o side) string { return r.same(quote(o.name), r.cast(o.expr, o.column), o.column) })
}

// pending selects rows whose new columns are empty although up gives something for them.
func (r *reshape) pending() string {
	return r.empty("") + " AND NOT " + all(r.new, func(n side) string { return "(" + n.expr + ") IS NULL" })
}

// mismatch selects rows that break the invariant: not filled, or neither side is computed from the other.
func (r *reshape) mismatch() string {
	return "(" + r.pending() + ") OR (NOT " + r.isUp() + " AND NOT " + r.isDown() + ")"
}

// unchanged holds for an update that leaves one side as it was.
func (r *reshape) unchanged(s []side) string {
	return all(s, func(c side) string { return r.same("NEW."+quote(c.name), "OLD."+quote(c.name), c.column) })
}

// loss counts the rows of which the new columns hold more than the old ones can carry back.
func (r *reshape) loss(buried [][2]string) plan.Loss {
	where := "NOT " + r.empty("") + " AND NOT " + r.isUp()
	renamed := ""
	for _, p := range buried {
		renamed += fmt.Sprintf(", t.%s AS %s", quote(p[1]), quote(p[0]))
	}
	name := quote(r.table.name)
	return plan.Loss{
		What:       fmt.Sprintf("rows of %s whose new columns hold what the old ones cannot", r.table.name),
		Count:      fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", name, where),
		Tombstoned: fmt.Sprintf("SELECT count(*) FROM (SELECT t.*%s FROM %s t) AS %s WHERE %s", renamed, name, name, where),
	}
}

func all(s []side, f func(side) string) string {
	var parts []string
	for _, c := range s {
		parts = append(parts, f(c))
	}
	return and(parts)
}
