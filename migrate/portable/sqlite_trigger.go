package portable

import (
	"fmt"
	"strings"
)

// SQLite's BEFORE triggers cannot change the row, so these come after and update it by its key. They decide by value and end
// by value: an update of theirs that calls them again finds both sides in step, whatever recursive_triggers says.

func (liteDialect) dual(r *reshape) []string {
	t := r.table
	up := sets(r.new, func(n side) string { return n.expr })
	keep := sets(r.new, func(n side) string { return "coalesce(" + quote(n.name) + ", " + n.expr + ")" })
	down := sets(r.old, func(o side) string { return o.expr })
	isUp, isDown, oldSame, newSame := r.isUp(), r.isDown(), r.unchanged(r.old), r.unchanged(r.new)
	guards := ""
	for _, o := range r.old {
		if mandatory(o.column) {
			guards += forbidNull(t, o.name)
		}
	}
	insert := rowUpdate(t, up, r.empty("NEW.")) +
		rowUpdate(t, down, "NOT "+r.empty("NEW.")+" AND NOT "+isUp+" AND NOT "+isDown) + guards
	update := rowUpdate(t, up, "NOT "+oldSame+" AND "+newSame+" AND ("+r.empty("")+" OR NOT "+isDown+") AND NOT "+isUp) +
		rowUpdate(t, keep, oldSame+" AND NOT "+newSame+" AND "+r.empty("OLD.")+" AND NOT "+isUp) +
		rowUpdate(t, down, "NOT "+newSame+" AND NOT "+isUp+" AND NOT "+isDown) + guards
	return []string{liteTrigger(r.trigger, "insert", t, "", insert), liteTrigger(r.trigger, "update", t, "NOT ("+oldSame+" AND "+newSame+")", update)}
}

func (d liteDialect) derived(v *derive) []string {
	t, col := v.table, quote(v.column.name)
	missing := col + " IS NULL AND (" + v.expr + ") IS NOT NULL"
	give := ""
	if v.displaces {
		give = "  " + v.displace(" FROM "+quote(t.name), t.isKey("NEW")+" AND "+missing) + ";\n"
	}
	give += rowUpdate(t, col+" = "+v.expr, missing)
	guard := ""
	if v.mandatory {
		guard = forbidNull(t, v.column.name)
	}
	when, follow := "NEW."+col+" IS NULL", ""
	if sources := t.mentioned(v.expr); v.follow && len(sources) > 0 {
		var before []string
		for _, c := range sources {
			when += " OR NOT " + d.same("NEW."+quote(c.name), "OLD."+quote(c.name), c)
			before = append(before, "OLD."+quote(c.name)+" AS "+quote(c.name))
		}
		was := fmt.Sprintf("(SELECT %s FROM (SELECT %s) AS %s)", v.expr, strings.Join(before, ", "), quote(t.name))
		follow = rowUpdate(t, col+" = "+v.expr, "NEW."+col+" IS NOT NULL AND "+d.same("NEW."+col, "OLD."+col, v.column)+" AND "+
			d.same("OLD."+col, was, v.column)+" AND NOT "+d.same(col, v.expr, v.column))
	}
	return []string{liteTrigger(v.trigger, "insert", t, "NEW."+col+" IS NULL", give+guard), liteTrigger(v.trigger, "update", t, when, give+follow+guard)}
}

func (liteDialect) dropTriggers(_ *table, name string) []string {
	return []string{"DROP TRIGGER IF EXISTS " + quote(name+"_insert"), "DROP TRIGGER IF EXISTS " + quote(name+"_update")}
}

func liteTrigger(name, event string, t *table, when, body string) string {
	if when != "" {
		when = " WHEN " + when
	}
	return fmt.Sprintf("CREATE TRIGGER %s AFTER %s ON %s FOR EACH ROW%s BEGIN\n%sEND", quote(name+"_"+event), strings.ToUpper(event), quote(t.name), when, body)
}

// rowUpdate updates the row that a trigger was called for.
func rowUpdate(t *table, set, where string) string {
	return fmt.Sprintf("  UPDATE %s SET %s WHERE %s AND %s;\n", quote(t.name), set, t.isKey("NEW"), where)
}

// forbidNull does for a column what its NOT NULL did.
func forbidNull(t *table, column string) string {
	return fmt.Sprintf("  SELECT RAISE(ABORT, %s) FROM %s WHERE %s AND %s IS NULL;\n",
		literal("NOT NULL constraint failed: "+t.name+"."+column), quote(t.name), t.isKey("NEW"), quote(column))
}

func sets(s []side, value func(side) string) string {
	var parts []string
	for _, c := range s {
		parts = append(parts, quote(c.name)+" = "+value(c))
	}
	return strings.Join(parts, ", ")
}
