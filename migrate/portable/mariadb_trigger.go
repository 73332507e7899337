package portable

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/migrate/change"
)

// MariaDB's BEFORE triggers change the row that is written. They decide by value, and call nothing, so they cannot call each other.

func (d mariaDialect) dual(r *reshape) []string {
	t := r.table
	var declare, ups, downs, upExprs, downExprs, setUp, setKeep, setDown, hold, inStep []string
	for i, n := range r.new {
		v := fmt.Sprintf("sluice_up%d", i)
		declare = append(declare, fmt.Sprintf("DECLARE %s TYPE OF %s.%s;", v, quote(t.name), quote(n.name)))
		ups, upExprs = append(ups, v), append(upExprs, n.expr)
		setUp = append(setUp, fmt.Sprintf("SET NEW.%s = %s;", quote(n.name), v))
		setKeep = append(setKeep, fmt.Sprintf("SET NEW.%[1]s = coalesce(NEW.%[1]s, %[2]s);", quote(n.name), v))
		inStep = append(inStep, d.same("NEW."+quote(n.name), v, n.column))
	}
	guards := ""
	for i, o := range r.old {
		v := fmt.Sprintf("sluice_down%d", i)
		declare = append(declare, fmt.Sprintf("DECLARE %s TYPE OF %s.%s;", v, quote(t.name), quote(o.name)))
		downs, downExprs = append(downs, v), append(downExprs, o.expr)
		setDown = append(setDown, fmt.Sprintf("SET NEW.%s = %s;", quote(o.name), v))
		hold = append(hold, fmt.Sprintf("SET NEW.%[1]s = NEW.%[1]s;", quote(o.name))) // given, where it was left out
		if mandatory(o.column) {
			guards += mariaForbidNull(o.name)
		}
	}
	declare = append(declare, "DECLARE sluice_in_step BOOLEAN DEFAULT FALSE;")
	lines := func(s []string) string { return strings.Join(s, " ") + "\n" }
	evalUp, evalDown := mariaEval(t, "NEW", ups, upExprs), mariaEval(t, "NEW", downs, downExprs)
	compare := "BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN END;\n" + evalUp + "SET sluice_in_step = " + and(inStep) + ";\nEND;\n"
	reverse := evalDown + lines(setDown)
	insert := "IF " + r.empty("NEW.") + " THEN\n" + evalUp + lines(setUp) + "ELSE\n" + compare +
		"IF sluice_in_step THEN " + lines(hold) + "ELSE\n" + reverse + "END IF;\nEND IF;\n"
	update := "IF NOT " + r.unchanged(r.old) + " AND " + r.unchanged(r.new) + " THEN\n" + evalUp + lines(setUp) +
		"ELSEIF NOT " + r.unchanged(r.new) + " THEN\n" + compare + "IF NOT sluice_in_step THEN\n" +
		"IF " + r.unchanged(r.old) + " AND " + r.empty("OLD.") + " THEN\n" + evalUp + lines(setKeep) + "END IF;\n" + reverse + "END IF;\nEND IF;\n"
	return []string{
		mariaTrigger(r.trigger, "insert", "BEFORE INSERT", t, lines(declare)+insert+guards),
		mariaTrigger(r.trigger, "update", "BEFORE UPDATE", t, lines(declare)+update+guards),
	}
}

func (d mariaDialect) derived(v *derive) []string {
	t, col := v.table, quote(v.column.name)
	now, before := mariaEval(t, "NEW", []string{"sluice_value"}, []string{v.expr}), mariaEval(t, "OLD", []string{"sluice_value"}, []string{v.expr})
	declare := fmt.Sprintf("DECLARE sluice_value TYPE OF %s.%s;\n", quote(t.name), col)
	give := now + "SET NEW." + col + " = sluice_value;\n"
	record, noteInsert, noteUpdate, forget := "", "", "", ""
	seen := "@" + strings.TrimPrefix(v.trigger, "~") // the key of a new row is known only after it is written
	if v.displaces {
		record = fmt.Sprintf("REPLACE INTO sluice_displaced (version, relation, attribute, row_key, value) VALUES (%s, %s, %s, %s, %s);\n",
			literal(v.version), literal(t.name), literal(v.column.name), rowKey(d, t.keyFor(), "NEW."), d.characters("NEW."+col))
		forget, noteInsert, noteUpdate = "SET "+seen+" = FALSE;\n", "SET "+seen+" = sluice_value IS NOT NULL;\n", "IF sluice_value IS NOT NULL THEN\n"+record+"END IF;\n"
	}
	guard := ""
	if v.mandatory {
		guard = mariaForbidNull(v.column.name)
	}
	follow := ""
	if v.follow {
		follow = "ELSEIF " + d.same("NEW."+col, "OLD."+col, v.column) + " THEN\n" + before + "IF " + d.same("OLD."+col, "sluice_value", v.column) + " THEN\n" + give + "END IF;\n"
	}
	missing := "IF NEW." + col + " IS NULL THEN\n" + give
	triggers := []string{
		mariaTrigger(v.trigger, "insert", "BEFORE INSERT", t, declare+forget+missing+noteInsert+"END IF;\n"+guard),
		mariaTrigger(v.trigger, "update", "BEFORE UPDATE", t, declare+missing+noteUpdate+follow+"END IF;\n"+guard),
	}
	if v.displaces {
		triggers = append(triggers, mariaTrigger(v.trigger, "inserted", "AFTER INSERT", t, "IF "+seen+" THEN\n"+record+"END IF;\n"))
	}
	return triggers
}

func (mariaDialect) dropTriggers(_ *table, name string) []string {
	return each([]string{"_insert", "_update", "_inserted"}, func(event string) string { return "DROP TRIGGER IF EXISTS " + quote(name+event) })
}

func mariaTrigger(name, event, when string, t *table, body string) string {
	return fmt.Sprintf("CREATE OR REPLACE TRIGGER %s %s ON %s FOR EACH ROW BEGIN\n%sEND", quote(name+"_"+event), when, quote(t.name), body)
}

func mariaForbidNull(column string) string {
	return fmt.Sprintf("IF NEW.%s IS NULL THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048, MESSAGE_TEXT = %s; END IF;\n",
		quote(column), literal("Column '"+column+"' cannot be null"))
}

// mariaEval assigns expressions to variables of the enclosing block without touching the author's text: each column that it could name
// becomes a variable, and the table a row of them, so that the bare name and table.column both mean what they mean in a query.
func mariaEval(t *table, record string, variables, exprs []string) string {
	var b strings.Builder
	columns := t.mentioned(exprs...)
	row := false
	for _, e := range exprs {
		row = row || change.Identifiers(e)[t.name]
	}
	b.WriteString("BEGIN\n")
	if row {
		fmt.Fprintf(&b, "DECLARE %[1]s ROW TYPE OF %[1]s;\nBEGIN\n", quote(t.name))
	}
	for _, c := range columns {
		fmt.Fprintf(&b, "DECLARE %s TYPE OF %s.%[1]s DEFAULT %[3]s.%[1]s;\n", quote(c.name), quote(t.name), record)
	}
	for _, c := range columns {
		if row {
			fmt.Fprintf(&b, "SET %s.%s = %s.%[2]s;\n", quote(t.name), quote(c.name), record)
		}
	}
	for i, v := range variables {
		fmt.Fprintf(&b, "SET %s = (%s);\n", v, exprs[i])
	}
	if row {
		b.WriteString("END;\n")
	}
	b.WriteString("END;\n")
	return b.String()
}
