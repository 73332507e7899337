package plan

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/migrate/change"
)

// Update is the statement that writes pending rows, within a range when one is given as a condition.
func (f *Fill) Update(within string) string { return f.update(f.Pending, within) }

// Repair is the statement that writes rows which break the invariant.
func (f *Fill) Repair(within string) string { return f.update(f.Mismatch, within) }

func (f *Fill) update(which, within string) string {
	var set []string
	for _, a := range f.Set {
		set = append(set, fmt.Sprintf("%s = (%s)", change.Quote(a.Column), a.Expr))
	}
	where := "(" + which + ")"
	if within != "" {
		where = within + " AND " + where
	}
	return fmt.Sprintf("UPDATE /* sluice */ %s SET %s WHERE %s", f.Table, strings.Join(set, ", "), where)
}

// Mismatches counts the rows that break the invariant, within a range.
func (f *Fill) Mismatches(within string) string {
	return fmt.Sprintf("SELECT /* sluice */ count(*), count(*) FILTER (WHERE %s) FROM %s WHERE %s", f.Mismatch, f.Table, within)
}

// Within is the condition "above lo, up to hi" over the key, with one text parameter a key column, beginning at $1; either
// bound may be left out.
func (f *Fill) Within(lo, hi bool) string {
	var conds []string
	n := 1
	for _, bound := range []struct {
		given bool
		op    string
	}{{lo, ">"}, {hi, "<="}} {
		if !bound.given {
			continue
		}
		var values []string
		for _, k := range f.Key {
			values = append(values, fmt.Sprintf("$%d::text::%s", n, k.Type))
			n++
		}
		conds = append(conds, fmt.Sprintf("%s %s %s", f.row(), bound.op, row(values)))
	}
	if len(conds) == 0 {
		return "true"
	}
	return strings.Join(conds, " AND ")
}

// KeyNames lists the key columns, quoted.
func (f *Fill) KeyNames() []string {
	var names []string
	for _, k := range f.Key {
		names = append(names, change.Quote(k.Name))
	}
	return names
}

func (f *Fill) row() string { return row(f.KeyNames()) }

func row(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// KeyText is the key of a row as an array of texts.
func (f *Fill) KeyText() string {
	var parts []string
	for _, n := range f.KeyNames() {
		parts = append(parts, n+"::text")
	}
	return "ARRAY[" + strings.Join(parts, ", ") + "]"
}
