package compile

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/migrate/catalog"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// Constraints bind at contract: until then an old application version may write what they forbid. The check before the switch
// and before the tombstone says which rows stand in the way.

func (b *builder) addCheck(op *change.AddCheck) error {
	t, at, err := b.table(op.Table)
	if err != nil {
		return err
	}
	if err := b.refuseVolatile(op.Check); err != nil {
		return err
	}
	if err := b.newConstraint(t, op.Name); err != nil {
		return err
	}
	b.plan.Checks = append(b.plan.Checks, plan.Check{
		What:   fmt.Sprintf("rows of %s against check %s", t.Name.Plain(), op.Name),
		Count:  fmt.Sprintf("SELECT count(*) FROM %s WHERE NOT (%s)", at, op.Check),
		Remedy: "mend the rows; the constraint would refuse them",
	})
	b.constrain(t, at, op.Name, "CHECK ("+op.Check+")", plan.AccessExclusive)
	return nil
}

func (b *builder) addForeignKey(op *change.AddForeignKey) error {
	t, at, err := b.table(op.Table)
	if err != nil {
		return err
	}
	ref, refAt, err := b.table(op.References)
	if err != nil {
		return err
	}
	if err := b.newConstraint(t, op.Name); err != nil {
		return err
	}
	var equal, given []string
	for i, c := range op.Columns {
		if _, err := b.column(t, c); err != nil {
			return err
		}
		if _, err := b.column(ref, op.To[i]); err != nil {
			return err
		}
		equal = append(equal, "r."+quote(op.To[i])+" = t."+quote(c))
		given = append(given, "t."+quote(c)+" IS NOT NULL")
	}
	if t.Partitioned {
		return refusal.New("table %q is partitioned, and the database cannot add a foreign key to it without scanning under a lock", t.Name.Plain()).
			Remedy("add it to each partition with raw SQL, then to the table")
	}
	b.plan.Checks = append(b.plan.Checks, plan.Check{
		What: fmt.Sprintf("rows of %s that refer to nothing in %s", t.Name.Plain(), ref.Name.Plain()),
		Count: fmt.Sprintf("SELECT count(*) FROM %s t WHERE %s AND NOT EXISTS (SELECT FROM %s r WHERE %s)",
			at, strings.Join(given, " AND "), refAt, strings.Join(equal, " AND ")),
		Remedy: "add the missing rows or mend the references",
	})
	def := fmt.Sprintf("FOREIGN KEY (%s) REFERENCES %s (%s)", quoteAll(op.Columns), refAt, quoteAll(op.To))
	if op.OnDelete != "" {
		def += " ON DELETE " + op.OnDelete
	}
	b.constrain(t, at, op.Name, def, plan.ShareRowExclusive)
	return nil
}

// constrain adds a constraint for writers to come, then has the database look at the rows that are there.
func (b *builder) constrain(t *catalog.Table, at change.TableName, name, def string, lock plan.Lock) {
	b.plan.Tombstone = append(b.plan.Tombstone, plan.Step{
		What: "bind writers to " + name, Table: t.Name.Plain(), Lock: lock,
		SQL:  []string{fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s NOT VALID", at, quote(name), def)},
		Undo: []string{fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", at, quote(name))},
	}, plan.Step{
		What: "validate " + name + " for the rows that are there", Table: t.Name.Plain(), Lock: plan.ShareUpdateExclusive, Scans: true,
		SQL: []string{fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", at, quote(name))},
	})
}

func (b *builder) addUnique(op *change.AddUnique) error {
	t, at, err := b.table(op.Table)
	if err != nil {
		return err
	}
	for _, c := range op.Columns {
		if _, err := b.column(t, c); err != nil {
			return err
		}
	}
	if err := b.newConstraint(t, op.Name); err != nil {
		return err
	}
	if err := b.concurrentIndex(t, op.Name); err != nil {
		return err
	}
	b.checkDuplicates(t, at, op.Name, op.Columns, "")
	b.plan.Tombstone = append(b.plan.Tombstone, b.indexStep(t, at, op.Name, "UNIQUE ", "USING btree ("+quoteAll(op.Columns)+")"), plan.Step{
		What: "make " + op.Name + " a constraint", Table: t.Name.Plain(), Lock: plan.AccessExclusive,
		SQL:  []string{fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s UNIQUE USING INDEX %s", at, quote(op.Name), quote(op.Name))},
		Undo: []string{fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", at, quote(op.Name))},
	})
	return nil
}

func (b *builder) newConstraint(t *catalog.Table, name string) error {
	for _, k := range t.Constraints {
		if k.Name == name && k.Kind != "r" {
			return refusal.New("table %q already has a constraint %q", t.Name.Plain(), name).Remedy("choose another name")
		}
	}
	return nil
}

func (b *builder) checkDuplicates(t *catalog.Table, at change.TableName, name string, columns []string, where string) {
	var given []string
	for _, c := range columns {
		given = append(given, quote(c)+" IS NOT NULL")
	}
	if where != "" {
		given = append(given, "("+where+")")
	}
	b.plan.Checks = append(b.plan.Checks, plan.Check{
		What: fmt.Sprintf("values of %s that occur more than once for %s", t.Name.Plain(), name),
		Count: fmt.Sprintf("SELECT count(*) FROM (SELECT FROM %s WHERE %s GROUP BY %s HAVING count(*) > 1) d",
			at, strings.Join(given, " AND "), quoteAll(columns)),
		Remedy: "remove the duplicates; the unique index would refuse them",
	})
}
