package compile

import (
	"fmt"

	"github.com/sluice-ci/sluice/migrate/catalog"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
)

// A derive gives one column a value where a writer leaves it NULL.
type derive struct {
	table  *catalog.Table
	at     change.TableName
	column catalog.Column
	expr   string
	// follow keeps the value in step with the row for as long as nobody has set it to something else.
	follow bool
	// displaces records the rows whose NULL was replaced, so that rollback can put it back.
	displaces bool
	actual    string // the column's name, when it bears a tombstone's
}

func (d derive) name() string {
	if d.actual != "" {
		return d.actual
	}
	return d.column.Name
}

// function writes the trigger function.
func (d derive) function(b *builder) string {
	renamed := map[string]string{}
	if d.actual != "" {
		renamed[d.column.Name] = d.actual
	}
	col := quote(d.name())
	now := scope{table: d.table, record: "NEW", renamed: renamed}
	before := scope{table: d.table, record: "OLD", renamed: renamed}
	declare := fmt.Sprintf("  sluice_value %s;\n", d.column.Type)
	body := fmt.Sprintf("  IF NEW.%s IS NULL THEN\n%s    NEW.%s := sluice_value;\n%s", col,
		now.eval("    ", []string{"sluice_value"}, []string{d.expr}), col, d.record(b))
	if d.follow {
		body += fmt.Sprintf("  ELSIF TG_OP = 'UPDATE' THEN\n    IF %s THEN\n%s      IF %s THEN\n%s        NEW.%s := sluice_value;\n      END IF;\n    END IF;\n",
			same("NEW."+col, "OLD."+col, d.column.BaseType),
			before.eval("      ", []string{"sluice_value"}, []string{d.expr}), same("OLD."+col, "sluice_value", d.column.BaseType),
			now.eval("        ", []string{"sluice_value"}, []string{d.expr}), col)
	}
	return b.functionSQL(b.function(""), declare, body+"  END IF;\n", d.displaces)
}

// record notes a replaced NULL in the engine's own table; the function runs with the migrator's rights for that.
func (d derive) record(b *builder) string {
	if !d.displaces || b.scratch != nil {
		return ""
	}
	return fmt.Sprintf("    INSERT INTO %s.displaced (version, relation, attribute, key, value) VALUES (%s, %s, %s, %s, NEW.%s::text)\n      ON CONFLICT (version, relation, attribute, key) DO UPDATE SET value = EXCLUDED.value;\n",
		quote(StateSchema), change.Literal(b.change.Version), change.Literal(d.at.String()), change.Literal(d.column.Name), keyArray("NEW.", d.table.Key), quote(d.name()))
}

func keyArray(prefix string, key []string) string {
	s := "ARRAY["
	for i, k := range key {
		if i > 0 {
			s += ", "
		}
		s += prefix + quote(k) + "::text"
	}
	return s + "]"
}

// conditions keep the function from being called where it has nothing to do.
func (d derive) conditions() (insert, update string) {
	col := quote(d.name())
	insert = "NEW." + col + " IS NULL"
	update = insert
	if d.follow {
		for _, name := range mentioned(columnNames(d.table), d.expr) {
			c, _ := d.table.Column(name)
			update += " OR " + distinct("OLD."+quote(name), "NEW."+quote(name), c.BaseType)
		}
	}
	return insert, update
}

// install is the step that attaches the function.
func (d derive) install(b *builder, what string) {
	insert, update := d.conditions()
	at := d.at.String()
	b.plan.Expand = append(b.plan.Expand, plan.Step{
		What: what, Table: d.table.Name.Plain(), Lock: plan.ShareRowExclusive,
		SQL:  append([]string{d.function(b)}, b.triggersSQL(at, insert, update)...),
		Undo: b.dropTriggersSQL(at),
	})
}

// fill writes the value into the rows that exist.
func (d derive) fill(b *builder) error {
	col := quote(d.column.Name)
	f := plan.Fill{
		Table: d.at, EstRows: d.table.Rows, Set: []plan.Assign{{Column: d.column.Name, Expr: d.expr}},
		Pending: col + " IS NULL AND (" + d.expr + ") IS NOT NULL",
	}
	f.Mismatch = f.Pending
	if d.displaces {
		f.Displaces = d.column.Name
	}
	b.filled = append(b.filled, d.table.Name.Plain()+"."+d.column.Name)
	if err := b.setKey(&f, d.table); err != nil {
		return err
	}
	b.plan.Fills = append(b.plan.Fills, f)
	return nil
}
