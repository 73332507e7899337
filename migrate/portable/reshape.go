package portable

import (
	"fmt"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// A reshape keeps old and new columns in step: rename, change of type, split and merge are all this.
//
// The invariant of a row is that the new columns are up(old), or that the old ones are down(new).
type reshape struct {
	grammar
	what     string
	trigger  string
	table    *table
	old, new []side
}

// A side is one column of either shape with the expression that computes it from the other.
type side struct {
	column
	expr       string
	setNotNull bool
	setDefault string
}

func (b *builder) reshape(r *reshape) error {
	r.grammar, r.trigger = b.dialect, b.trigger()
	if err := b.checkReshape(r); err != nil {
		return err
	}
	t := r.table
	var defs, added []string
	for _, n := range r.new {
		defs, added = append(defs, quote(n.name)+" "+n.sqlType), append(added, n.name)
	}
	b.plan.Expand = append(b.plan.Expand, plan.Step{
		What: "add the new columns, empty (" + r.what + ")", Table: t.name, Lock: b.instant(), SQL: b.addColumns(t.name, defs), Undo: b.dropColumns(t.name, added),
	}, b.attach(t, r.trigger, "keep old and new columns in step, whoever writes ("+r.what+")", b.dual(r)))
	for _, o := range r.old {
		if mandatory(o.column) {
			b.relax(t, o.column)
		}
	}
	f := plan.Fill{Table: change.TableName{Name: t.name}, Key: t.keyFor(), EstRows: t.rows, Pending: r.pending(), Mismatch: r.mismatch()}
	for _, n := range r.new {
		f.Set = append(f.Set, plan.Assign{Column: n.name, Expr: n.expr})
		b.filled = append(b.filled, n.name)
	}
	b.plan.Fills = append(b.plan.Fills, keepStamps(f, t))
	back := f
	back.EstRows, back.Set, back.Pending = 0, nil, "NOT "+r.isUp()+" AND NOT "+r.isDown()+" AND NOT "+r.empty("")
	for _, o := range r.old {
		back.Set = append(back.Set, plan.Assign{Column: o.name, Expr: o.expr})
	}
	b.plan.Backward = append(b.plan.Backward, keepStamps(back, t))
	if err := b.bury(r); err != nil {
		return err
	}
	for _, n := range r.new {
		if n.setNotNull {
			b.notNullAtContract(t, n)
		}
	}
	return nil
}

// attach is the step that creates triggers.
func (b *builder) attach(t *table, name, what string, create []string) plan.Step {
	return plan.Step{What: what, Table: t.name, Lock: b.instant(), SQL: create, Undo: b.dropTriggers(t, name)}
}

// relax takes NOT NULL from a column that new writers leave out: where triggers come after the check at once, otherwise before the
// triggers end with the tombstone. The triggers go on refusing NULL.
func (b *builder) relax(t *table, c column) {
	step := plan.Step{
		What: "let the triggers refuse NULL in " + c.name + ", instead of the column", Table: t.name, Lock: b.online(), Scans: true,
		SQL: b.setNull(t.name, c, true), Undo: b.setNull(t.name, c, false),
	}
	if b.relaxesFirst() {
		b.plan.Expand = append(b.plan.Expand, step)
	} else {
		b.plan.Settle = append(b.plan.Settle, step)
	}
}

func mandatory(c column) bool { return c.notNull && c.defined == "" }

// keepStamps keeps a fill from moving the columns that every update sets.
func keepStamps(f plan.Fill, t *table) plan.Fill {
	for _, c := range t.columns {
		if c.stamped {
			f.Set = append(f.Set, plan.Assign{Column: c.name, Expr: quote(c.name)})
		}
	}
	return f
}

func (b *builder) checkReshape(r *reshape) error {
	t := r.table
	if len(t.key) == 0 {
		return noKey(t)
	}
	for _, o := range r.old {
		if err := b.replaceable(t, o.column); err != nil {
			return err
		}
		if err := b.pure(t, o.expr); err != nil {
			return err
		}
	}
	for _, n := range r.new {
		if err := b.pure(t, n.expr); err != nil {
			return err
		}
		if err := b.added(t, n.column); err != nil {
			return err
		}
	}
	return nil
}

func noKey(t *table) error {
	return refusal.New("table %q has no key to walk along", t.name).
		Remedy("add a primary key of NOT NULL columns, or a unique index over such; a backfill must be able to stop and go on")
}

// bury renames the old columns away, and drops them later.
func (b *builder) bury(r *reshape) error {
	t := r.table
	var there, back [][2]string
	var dead, defaults, defaultsBack []string
	for _, o := range r.old {
		d, err := b.tombstone(o.name)
		if err != nil {
			return err
		}
		there, back, dead = append(there, [2]string{o.name, d}), append(back, [2]string{d, o.name}), append(dead, d)
		b.plan.Old = append(b.plan.Old, plan.Column{Table: change.TableName{Name: t.name}, Column: o.name})
	}
	for _, n := range r.new {
		if n.setDefault == "" {
			continue
		}
		set := b.setDefault(t.name, n.column, n.setDefault)
		if set == nil {
			b.refuse("SL303", fmt.Sprintf("the default %s cannot be given to %q: this database sets one only with a new column", n.setDefault, n.name),
				"have the application write the value, then allow SL303 with the reason")
			continue
		}
		defaults, defaultsBack = append(defaults, set...), append(defaultsBack, b.setDefault(t.name, n.column, "")...)
	}
	step := plan.Step{What: "rename the old columns away; late readers fail (" + r.what + ")", Table: t.name, Lock: b.instant()}
	if b.triggersFollow() {
		step.SQL, step.Undo = append(defaults, b.renameColumns(t.name, there)...), append(b.renameColumns(t.name, back), defaultsBack...)
	} else {
		step.What = "end the dual write and rename the old columns away; late readers fail (" + r.what + ")"
		step.SQL = append(defaults, b.alone(t.name, append(b.dropTriggers(t, r.trigger), b.renameColumns(t.name, there)...))...)
		step.Undo = append(b.alone(t.name, append(b.renameColumns(t.name, back), b.dual(r)...)), defaultsBack...)
	}
	b.plan.Tombstone = append(b.plan.Tombstone, step)
	b.plan.Losses = append(b.plan.Losses, r.loss(there))
	b.archive(t, there)
	b.dropBuried(t, r.trigger, there, dead, r.what)
	return nil
}

// dropBuried takes the triggers, the indexes that hold the old columns, and the columns.
func (b *builder) dropBuried(t *table, trigger string, buried [][2]string, dead []string, what string) {
	sql := b.dropTriggers(t, trigger)
	gone := map[string]bool{}
	for _, p := range buried {
		for _, x := range t.holding(p[0]) {
			if !gone[x.name] {
				sql = append(sql, b.dialect.dropIndex(t.name, x.name))
			}
			gone[x.name] = true
		}
	}
	b.plan.Drop = append(b.plan.Drop, plan.Step{
		What: "drop the old columns and what is left of the dual write (" + what + ")", Table: t.name, Lock: b.instant(),
		Scans: b.transactional(), // SQLite writes every row anew
		SQL:   append(sql, b.dropColumns(t.name, dead)...), Irreversible: "the old columns are gone",
	})
}

// archive copies keys and old values aside before they are dropped, when the change asks for it.
func (b *builder) archive(t *table, buried [][2]string) {
	if !b.change.Contract.Archive {
		return
	}
	columns := quoteAll(t.key)
	for _, p := range buried {
		columns += fmt.Sprintf(", %s AS %s", quote(p[1]), quote(p[0]))
	}
	name := quote(fmt.Sprintf("sluice_archive_%s_%02d", b.change.Version, b.op))
	b.plan.Drop = append(b.plan.Drop, plan.Step{
		What: "copy keys and old values into " + name, Table: t.name, Lock: b.online(), Scans: true,
		SQL: []string{"DROP TABLE IF EXISTS " + name, fmt.Sprintf("CREATE TABLE %s AS SELECT %s FROM %s", name, columns, quote(t.name))},
	})
}
