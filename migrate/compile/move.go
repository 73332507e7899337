package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/migrate/catalog"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// A move keeps a column in step with its successor in another table, whose rows refer to the first table's, one to one.
//
// The invariant is a reshape's, over the pair of rows. No row is ever added or removed: a value whose row in the other table is missing
// stays where it is, holds up the switch, and comes along when the application adds that row.
type move struct {
	from, into     *catalog.Table
	fromAt, intoAt change.TableName
	old, new       side
	join           string // condition under which two rows belong together
	match          string // the same between a row of from and the record NEW of into
	matched        string // the same between a row of into and the record NEW of from
	attached       string // a row of into refers to a row at all
	moved          string // it was made to refer to another
}

func (b *builder) moveColumn(op *change.MoveColumn) error {
	m, err := b.newMove(op)
	if err != nil {
		return err
	}
	if err := b.checkMove(m); err != nil {
		return err
	}
	f := plan.Fill{
		Table: m.intoAt, EstRows: m.into.Rows, Pending: m.pending(), Mismatch: m.mismatch(),
		Set: []plan.Assign{{Column: m.new.Name, Expr: fmt.Sprintf("SELECT (%s) FROM %s WHERE %s FOR SHARE", m.new.expr, m.fromAt, m.join)}},
	}
	if err := b.setKey(&f, m.into); err != nil {
		return err
	}
	b.filled = append(b.filled, m.into.Name.Plain()+"."+m.new.Name)
	b.plan.Fills = append(b.plan.Fills, f)
	b.plan.Checks = append(b.plan.Checks, plan.Check{
		What:   fmt.Sprintf("values of %s.%s without a row in %s", m.from.Name.Plain(), m.old.Name, m.into.Name.Plain()),
		Count:  fmt.Sprintf("SELECT count(*) FROM %s WHERE (%s) IS NOT NULL AND NOT EXISTS (SELECT FROM %s WHERE %s)", m.fromAt, m.new.expr, m.intoAt, m.join),
		Remedy: "add the missing rows, and the values come along; or set those that are meant to go to NULL",
	})
	b.plan.Losses = append(b.plan.Losses, m.loss())
	b.hazard("SL308", fmt.Sprintf("old and new versions that write the same row of %s and %s at the same moment wait for each other: one of them gets a deadlock error", m.from.Name.Plain(), m.into.Name.Plain()),
		"have the application repeat a transaction that ends with 40P01")
	b.installMove(m)
	b.buryMove(m)
	b.indexesLeft(m.from, m.old.Column)
	return nil
}

func (b *builder) newMove(op *change.MoveColumn) (move, error) {
	var m move
	var err error
	if m.from, m.fromAt, m.old.Column, err = b.present(op.PresentColumn); err != nil {
		return m, err
	}
	if m.into, m.intoAt, err = b.table(op.Into); err != nil {
		return m, err
	}
	if m.from.Name.Name == m.into.Name.Name {
		return m, refusal.New("both tables bear the name %q", m.from.Name.Name).Remedy("rename one of them first, in a change of its own")
	}
	if op.Type == "" {
		op.Type = m.old.Type
	}
	if m.new.Column, err = b.newColumn(m.into, op.As, op.Type); err != nil {
		return m, err
	}
	m.new.expr, m.old.expr = op.Up, op.Down
	if op.Up == "" {
		m.new.expr = quote(op.Column)
	}
	if op.Down == "" {
		m.old.expr = quote(op.As)
	}
	return m, b.joinBy(&m, op.By)
}

// joinBy finds the foreign key that makes a row of one table belong to one row of the other.
func (b *builder) joinBy(m *move, by []string) error {
	var numbers []int16
	for _, name := range by {
		c, err := b.column(m.into, name)
		if err != nil {
			return err
		}
		numbers = append(numbers, c.Number)
	}
	unique := slices.ContainsFunc(m.into.Indexes, func(x catalog.Index) bool {
		return x.Unique && x.Plain && x.Valid && x.KeyColumns == len(numbers) && !slices.ContainsFunc(numbers, func(n int16) bool { return !slices.Contains(x.Columns[:x.KeyColumns], n) })
	})
	if !unique {
		return refusal.New("%s of %q is not unique: several rows would share one value", strings.Join(by, ", "), m.into.Name.Plain()).
			Remedy("add a unique constraint first (addUnique), in a change of its own")
	}
	for _, k := range m.into.Constraints {
		if k.Kind != "f" || k.Refers != m.from.OID || !slices.Equal(k.Columns, numbers) {
			continue
		}
		if k.Deferrable {
			return refusal.New("foreign key %q is deferrable: a row could come before the one that it refers to", k.Name).Remedy("make it NOT DEFERRABLE with ALTER TABLE … ALTER CONSTRAINT first")
		}
		m.pair(by, k.To)
		return nil
	}
	return refusal.New("no foreign key leads from %s of %q to %q", strings.Join(by, ", "), m.into.Name.Plain(), m.from.Name.Plain()).
		Remedy("add it first (addForeignKey), in a change of its own; name its columns in its order")
}

// pair writes the join, in SQL and in the triggers.
func (m *move) pair(by []string, to []int16) {
	var join, match, matched, attached, moved []string
	for i, name := range by {
		here, there := quote(m.from.Name.Name)+"."+quote(m.from.ByNumber(to[i])), quote(m.into.Name.Name)+"."+quote(name)
		join = append(join, here+" = "+there)
		match = append(match, here+" = NEW."+quote(name))
		matched = append(matched, there+" = NEW."+quote(m.from.ByNumber(to[i])))
		attached = append(attached, quote(name)+" IS NOT NULL")
		moved = append(moved, "OLD."+quote(name)+" IS DISTINCT FROM NEW."+quote(name))
	}
	m.join, m.match, m.matched, m.attached, m.moved = and(join), and(match), and(matched), and(attached), or(moved)
}

func (b *builder) checkMove(m move) error {
	if m.old.NotNull {
		return refusal.New("column %q of %q is NOT NULL: a new version adds the row before the one that holds the value", m.old.Name, m.from.Name.Plain()).
			Remedy("drop NOT NULL first (dropNotNull), in a change of its own")
	}
	if m.old.Default != "" {
		b.hazard("SL303", fmt.Sprintf("the default %s of %q stays behind", m.old.Default, m.old.Name), "add setDefault for "+m.new.Name+" in a change after contract")
	}
	if err := b.claim(m.from, m.old.Name); err != nil {
		return err
	}
	if err := b.replaceable(m.from, m.old.Column); err != nil {
		return err
	}
	for _, expr := range []string{m.old.expr, m.new.expr} {
		if err := b.refuseVolatile(expr); err != nil {
			return err
		}
	}
	if err := b.absent(m.into, m.new.Name); err != nil {
		return err
	}
	m.into.Columns = append(m.into.Columns, m.new.Column)
	return b.claim(m.into, m.new.Name)
}

// up is the new value as a subquery over a row of into; it reads the first table, or what stands in for it.
func (m move) up(from string) string {
	return fmt.Sprintf("(SELECT %s FROM %s WHERE %s)", cast(m.new.expr, m.new.Type), from, m.join)
}

func (m move) pending() string {
	return quote(m.new.Name) + " IS NULL AND " + m.up(m.fromAt.String()) + " IS NOT NULL"
}

func (m move) mismatch() string {
	value := fmt.Sprintf("(SELECT %s.%s FROM %s WHERE %s)", quote(m.from.Name.Name), quote(m.old.Name), m.fromAt, m.join)
	return fmt.Sprintf("(%s) OR (%s AND %s AND NOT (%s))", m.pending(), m.attached, distinct(quote(m.new.Name), m.up(m.fromAt.String()), m.new.BaseType),
		same(value, cast(m.old.expr, m.old.Type), m.old.BaseType))
}

func (m move) loss() plan.Loss {
	buried := fmt.Sprintf("(SELECT t.*, t.%s AS %s FROM %s t) AS %s", quote(Tombstone(m.old.Name)), quote(m.old.Name), m.fromAt, quote(m.from.Name.Name))
	count := func(from string) string {
		return fmt.Sprintf("SELECT count(*) FROM %s WHERE %s IS NOT NULL AND %s", m.intoAt, quote(m.new.Name), distinct(quote(m.new.Name), m.up(from), m.new.BaseType))
	}
	return plan.Loss{
		What:  fmt.Sprintf("rows of %s whose %s holds what %s.%s cannot", m.into.Name.Plain(), m.new.Name, m.from.Name.Plain(), m.old.Name),
		Count: count(m.fromAt.String()), Tombstoned: count(buried),
	}
}
