package compile

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/migrate/catalog"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
)

// A reshape keeps old and new columns in step: rename, change of type, split and merge are all this.
//
// The invariant of a row is that the new columns are up(old), or that the old ones are down(new): a row that a new application
// wrote may hold what the old shape cannot represent.
type reshape struct {
	what  string
	table *catalog.Table
	at    change.TableName
	old   []side
	new   []side
}

// A side is one column of either shape with the expression that computes it from the other.
type side struct {
	catalog.Column
	expr       string
	setNotNull bool
	setDefault string
}

func (b *builder) reshape(r reshape) error {
	if err := b.checkReshape(r); err != nil {
		return err
	}
	at := r.at.String()
	b.addColumns(r)
	b.plan.Expand = append(b.plan.Expand, plan.Step{
		What: "keep old and new columns in step, whoever writes (" + r.what + ")", Table: r.table.Name.Plain(), Lock: plan.ShareRowExclusive,
		SQL:  append([]string{r.dualFunction(b, nil)}, b.triggersSQL(at, "", r.updateCondition())...),
		Undo: b.dropTriggersSQL(at),
	})
	f := plan.Fill{Table: r.at, EstRows: r.table.Rows, Pending: r.pending(), Mismatch: r.mismatch()}
	if err := b.setKey(&f, r.table); err != nil {
		return err
	}
	for _, n := range r.new {
		f.Set = append(f.Set, plan.Assign{Column: n.Name, Expr: n.expr})
		b.filled = append(b.filled, r.table.Name.Plain()+"."+n.Name)
	}
	b.plan.Fills = append(b.plan.Fills, f)
	b.plan.Losses = append(b.plan.Losses, r.loss())
	for _, n := range r.new {
		if n.setNotNull {
			b.notNullAtContract(r.table, r.at, n.Name)
		}
	}
	b.tombstoneColumns(r)
	return nil
}

func (b *builder) checkReshape(r reshape) error {
	for _, o := range r.old {
		if err := b.claim(r.table, o.Name); err != nil {
			return err
		}
		if err := b.replaceable(r.table, o.Column); err != nil {
			return err
		}
		if err := b.refuseVolatile(o.expr); err != nil {
			return err
		}
	}
	for _, n := range r.new {
		if err := b.absent(r.table, n.Name); err != nil {
			return err
		}
		if err := b.refuseVolatile(n.expr); err != nil {
			return err
		}
	}
	for _, n := range r.new {
		n.NotNull = false
		r.table.Columns = append(r.table.Columns, n.Column)
		if err := b.claim(r.table, n.Name); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) addColumns(r reshape) {
	var add, drop []string
	for _, n := range r.new {
		def := "ADD COLUMN " + quote(n.Name) + " " + n.Type
		if n.Collation != "" {
			def += " COLLATE " + n.Collation
		}
		add = append(add, def)
		drop = append(drop, "DROP COLUMN IF EXISTS "+quote(n.Name))
	}
	b.plan.Expand = append(b.plan.Expand, plan.Step{
		What: "add the new columns, empty (" + r.what + ")", Table: r.table.Name.Plain(), Lock: plan.AccessExclusive,
		SQL:  []string{"ALTER TABLE " + r.at.String() + " " + strings.Join(add, ", ")},
		Undo: []string{"ALTER TABLE " + r.at.String() + " " + strings.Join(drop, ", ")},
	})
}

// dualFunction writes the function that decides by value which side was written, and computes the other.
func (r reshape) dualFunction(b *builder, renamed map[string]string) string {
	in := scope{table: r.table, record: "NEW", renamed: renamed}
	var declare strings.Builder
	var ups, downs, upExprs, downExprs, assignUp, assignUnset, assignDown, equal []string
	for i, n := range r.new {
		v := fmt.Sprintf("sluice_up%d", i)
		fmt.Fprintf(&declare, "  %s %s;\n", v, n.Type)
		ups, upExprs = append(ups, v), append(upExprs, n.expr)
		assignUp = append(assignUp, fmt.Sprintf("    NEW.%s := %s;\n", quote(n.Name), v))
		assignUnset = append(assignUnset, fmt.Sprintf("    IF NEW.%[1]s IS NULL THEN NEW.%[1]s := %[2]s; END IF;\n", quote(n.Name), v))
		equal = append(equal, same("NEW."+quote(n.Name), v, n.BaseType))
	}
	for i, o := range r.old {
		v := fmt.Sprintf("sluice_down%d", i)
		fmt.Fprintf(&declare, "  %s %s;\n", v, o.Type)
		downs, downExprs = append(downs, v), append(downExprs, o.expr)
		actual := o.Name
		if t, ok := renamed[o.Name]; ok {
			actual = t
		}
		assignDown = append(assignDown, fmt.Sprintf("  NEW.%s := %s;\n", quote(actual), v))
	}
	body := in.eval("  ", downs, downExprs) + strings.Join(assignDown, "")
	if renamed != nil { // under the tombstone only the new side is written
		return b.functionSQL(b.function(""), declare.String(), body, false)
	}
	declare.WriteString("  sluice_forward boolean := false;\n  sluice_both boolean := false;\n  sluice_unset boolean := false;\n  sluice_old boolean;\n  sluice_new boolean;\n")
	body = fmt.Sprintf(`  IF TG_OP = 'INSERT' THEN
    sluice_forward := %s;
    sluice_both := NOT sluice_forward AND %s;
  ELSE
    sluice_old := %s;
    sluice_new := %s;
    sluice_forward := sluice_old AND (NOT sluice_new OR NOT (%s));
    sluice_both := sluice_old AND sluice_new AND NOT sluice_forward;
    sluice_unset := NOT sluice_old AND sluice_new AND %s;
  END IF;
  IF sluice_forward THEN
%s%s    RETURN NEW;
  END IF;
  IF sluice_both THEN -- a writer that keeps both in step itself is left alone; otherwise the new side counts
    BEGIN
%s      IF %s THEN RETURN NEW; END IF;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END IF;
  IF sluice_unset THEN -- a row that the backfill has not reached: what the writer left out comes from the old side
%s%s  END IF;
`, r.unset("NEW", r.new), r.given("NEW", r.old), r.changed(r.old), r.changed(r.new), notBackfilling, r.unset("OLD", r.new),
		in.eval("    ", ups, upExprs), strings.Join(assignUp, ""), in.eval("      ", ups, upExprs), and(equal),
		in.eval("    ", ups, upExprs), strings.Join(assignUnset, "")) + body
	return b.functionSQL(b.function(""), declare.String(), body, false)
}

func (r reshape) unset(record string, s []side) string {
	var parts []string
	for _, c := range s {
		parts = append(parts, record+"."+quote(c.Name)+" IS NULL")
	}
	return and(parts)
}

func (r reshape) given(record string, s []side) string {
	var parts []string
	for _, c := range s {
		parts = append(parts, record+"."+quote(c.Name)+" IS NOT NULL")
	}
	return or(parts)
}

func (r reshape) changed(s []side) string {
	var parts []string
	for _, c := range s {
		parts = append(parts, distinct("OLD."+quote(c.Name), "NEW."+quote(c.Name), c.BaseType))
	}
	return or(parts)
}

// updateCondition keeps the function from being called for updates that touch neither side, and for those of a backfill.
func (r reshape) updateCondition() string {
	return r.changed(r.old) + " OR (" + notBackfilling + " AND " + r.changed(r.new) + ")"
}
