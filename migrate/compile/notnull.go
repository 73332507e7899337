package compile

import (
	"fmt"

	"github.com/sluice-ci/sluice/migrate/catalog"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

func (b *builder) setNotNull(op *change.SetNotNull) error {
	t, at, c, err := b.present(op.PresentColumn)
	if err != nil {
		return err
	}
	if c.NotNull {
		return refusal.Misconfigure("column %q of %q is NOT NULL already", op.Column, t.Name.Plain()).Remedy("delete the operation")
	}
	if err := b.claim(t, op.Column); err != nil {
		return err
	}
	if op.Up != "" {
		if err := b.refuseVolatile(op.Up); err != nil {
			return err
		}
		d := derive{table: t, at: at, column: c, expr: op.Up, displaces: true}
		if err := d.fill(b); err != nil {
			return err
		}
		d.install(b, "replace NULL in "+op.Column+" when an old writer brings it; the row is recorded for rollback")
		defer func() { b.plan.Drop = append(b.plan.Drop, b.dropTriggersStep(d)) }()
	}
	b.notNullAtContract(t, at, op.Column)
	return nil
}

// notNullAtContract counts NULLs before reads are switched, and forbids them when no old writer is left.
func (b *builder) notNullAtContract(t *catalog.Table, at change.TableName, column string) {
	b.plan.Checks = append(b.plan.Checks, plan.Check{
		What:   fmt.Sprintf("NULLs in %s.%s", t.Name.Plain(), column),
		Count:  fmt.Sprintf("SELECT count(*) FROM %s WHERE %s IS NULL", at, quote(column)),
		Remedy: "mend the rows, or have up give a value for them",
	})
	b.plan.Tombstone = append(b.plan.Tombstone, b.notNullSteps(t, at, column)...)
}

// notNullSteps get to SET NOT NULL without a scan under a strong lock: a validated check constraint spares it
// (since PostgreSQL 12).
func (b *builder) notNullSteps(t *catalog.Table, at change.TableName, column string) []plan.Step {
	name, table := b.constraint(column), at.String()
	dropCheck := fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", table, name)
	return []plan.Step{
		{
			What: "refuse new NULLs in " + column, Table: t.Name.Plain(), Lock: plan.AccessExclusive,
			SQL:  []string{fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID", table, name, quote(column))},
			Undo: []string{dropCheck},
		}, {
			What: "make sure that no row holds NULL in " + column, Table: t.Name.Plain(), Lock: plan.ShareUpdateExclusive, Scans: true,
			SQL: []string{fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", table, name)},
		}, {
			What: "set " + column + " NOT NULL; the check spares the scan", Table: t.Name.Plain(), Lock: plan.AccessExclusive,
			SQL:  []string{fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", table, quote(column)), dropCheck},
			Undo: []string{fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", table, quote(column))},
		},
	}
}

func (b *builder) dropNotNull(op *change.DropNotNull) error {
	t, at, c, err := b.present(op.PresentColumn)
	if err != nil {
		return err
	}
	if err := b.claim(t, op.Column); err != nil {
		return err
	}
	if !c.NotNull || b.isPrimary(t, c) || c.Identity {
		return refusal.New("NOT NULL cannot be taken from column %q of %q: it has none, is an identity or belongs to the primary key", op.Column, t.Name.Plain()).
			Remedy("delete the operation")
	}
	if err := b.refuseVolatile(op.Down); err != nil {
		return err
	}
	d := derive{table: t, at: at, column: c, expr: op.Down}
	d.install(b, "replace NULL in "+op.Column+" while old readers expect a value")
	step := b.dropTriggersStep(d)
	step.What = "allow NULL in " + op.Column
	step.SQL = append(step.SQL, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", at, quote(op.Column)))
	step.Irreversible = "rows may hold NULL from now on"
	b.plan.Drop = append(b.plan.Drop, step)
	return nil
}

func (b *builder) setDefault(op *change.SetDefault) error {
	return b.alterDefault(op.PresentColumn, op.Default, &b.plan.Expand)
}

func (b *builder) dropDefault(op *change.DropDefault) error {
	return b.alterDefault(op.PresentColumn, "", &b.plan.Tombstone)
}

func (b *builder) alterDefault(of change.PresentColumn, expr string, phase *[]plan.Step) error {
	t, at, c, err := b.present(of)
	if err != nil {
		return err
	}
	if err := b.claim(t, c.Name); err != nil {
		return err
	}
	if c.Generated || c.Identity {
		return refusal.New("column %q of %q is generated; it has no default to change", c.Name, t.Name.Plain()).Remedy("use raw SQL")
	}
	alter := func(def string) string {
		if def == "" {
			return fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", at, quote(c.Name))
		}
		return fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", at, quote(c.Name), def)
	}
	*phase = append(*phase, plan.Step{
		What: "change the default of " + c.Name + " for rows to come", Table: t.Name.Plain(), Lock: plan.AccessExclusive,
		SQL: []string{alter(expr)}, Undo: []string{alter(c.Default)},
	})
	return nil
}
