package compile

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/migrate/catalog"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

func (b *builder) renameColumn(op *change.RenameColumn) error {
	t, at, c, err := b.present(op.PresentColumn)
	if err != nil {
		return err
	}
	n := c
	n.Name, n.Number = op.To, -int16(len(t.Columns))
	r := reshape{
		what: fmt.Sprintf("%s to %s", op.Column, op.To), table: t, at: at,
		old: []side{{Column: c, expr: quote(op.To)}},
		new: []side{{Column: n, expr: quote(op.Column), setNotNull: c.NotNull, setDefault: c.Default}},
	}
	if err := b.reshape(r); err != nil {
		return err
	}
	return b.mirrorIndexes(t, at, c, op.To, true)
}

func (b *builder) changeType(op *change.ChangeType) error {
	t, at, c, err := b.present(op.PresentColumn)
	if err != nil {
		return err
	}
	if op.To == "" {
		return b.widen(t, at, c, op.Type)
	}
	n, err := b.newColumn(t, op.To, op.Type)
	if err != nil {
		return err
	}
	up, down := op.Up, op.Down
	if up == "" {
		up = fmt.Sprintf("%s::%s", quote(op.Column), n.Type)
	}
	if down == "" {
		down = fmt.Sprintf("%s::%s", quote(op.To), c.Type)
	}
	if c.Default != "" {
		b.hazard("SL303", fmt.Sprintf("the default %s of %q stays behind", c.Default, op.Column), "add setDefault for "+op.To+" in a change after contract")
	}
	r := reshape{
		what: fmt.Sprintf("%s to %s %s", op.Column, op.To, op.Type), table: t, at: at,
		old: []side{{Column: c, expr: down}}, new: []side{{Column: n, expr: up, setNotNull: c.NotNull}},
	}
	if err := b.reshape(r); err != nil {
		return err
	}
	return b.mirrorIndexes(t, at, c, op.To, false)
}

// widen changes a type in place where the database rewrites nothing: to text, or to a longer varchar.
func (b *builder) widen(t *catalog.Table, at change.TableName, c catalog.Column, to string) error {
	n, err := b.newColumn(t, c.Name, to)
	if err != nil {
		return err
	}
	if err := b.claim(t, c.Name); err != nil {
		return err
	}
	if n.Type == c.Type { // as a rollback leaves it
		b.hazard("SL307", "column "+c.Name+" already has the type "+c.Type, "")
		return nil
	}
	var from, length int
	_, varchar := fmt.Sscanf(c.Type, "character varying(%d)", &from)
	_, longer := fmt.Sscanf(n.Type, "character varying(%d)", &length)
	free := (c.BaseType == "character varying" && (n.Type == "text" || n.Type == "character varying")) ||
		(varchar == nil && longer == nil && length >= from)
	if !free {
		return refusal.New("changing %q from %s to %s in place would rewrite %q under a lock that blocks readers and writers, or break what old versions write", c.Name, c.Type, n.Type, t.Name.Plain()).
			Remedy("give the new column a name with to, and up and down where a cast is not enough")
	}
	if deps, err := t.Dependents(b.ctx, b.q, c.Number); err != nil || len(deps) > 0 {
		if err != nil {
			return err
		}
		return refusal.New("the type of %q cannot change: %s", c.Name, strings.Join(deps, "; ")).Remedy("give the new column a name with to")
	}
	alter := "ALTER TABLE %s ALTER COLUMN %s TYPE %s"
	b.plan.Expand = append(b.plan.Expand, plan.Step{
		What: fmt.Sprintf("widen %s to %s; no row is rewritten", c.Name, n.Type), Table: t.Name.Plain(), Lock: plan.AccessExclusive,
		SQL:          []string{fmt.Sprintf(alter, at, quote(c.Name), n.Type)},
		Irreversible: "narrowing " + c.Name + " again would rewrite the table; the wider type harms no old version", Stays: true,
	})
	return nil
}

func (b *builder) splitColumn(op *change.SplitColumn) error {
	t, at, c, err := b.present(op.PresentColumn)
	if err != nil {
		return err
	}
	r := reshape{what: "split " + op.Column, table: t, at: at, old: []side{{Column: c, expr: op.Down}}}
	for _, into := range op.Into {
		s, err := b.newSide(t, into, len(r.new))
		if err != nil {
			return err
		}
		r.new = append(r.new, s)
	}
	if err := b.reshape(r); err != nil {
		return err
	}
	b.indexesLeft(t, c)
	return nil
}

func (b *builder) mergeColumns(op *change.MergeColumns) error {
	t, at, err := b.table(op.Table)
	if err != nil {
		return err
	}
	r := reshape{what: "merge into " + op.Into.Name, table: t, at: at}
	for _, o := range op.Columns {
		c, err := b.column(t, o.Name)
		if err != nil {
			return err
		}
		r.old = append(r.old, side{Column: c, expr: o.Down})
	}
	s, err := b.newSide(t, op.Into, 0)
	if err != nil {
		return err
	}
	r.new = []side{s}
	if err := b.reshape(r); err != nil {
		return err
	}
	for _, o := range r.old {
		b.indexesLeft(t, o.Column)
	}
	return nil
}

func (b *builder) newSide(t *catalog.Table, n change.NewColumn, i int) (side, error) {
	c, err := b.newColumn(t, n.Name, n.Type)
	c.Number -= int16(i)
	return side{Column: c, expr: n.Up, setNotNull: n.NotNull, setDefault: n.Default}, err
}

// newColumn asks the database what it calls the type, so that later comparisons see one spelling.
func (b *builder) newColumn(t *catalog.Table, name, sqlType string) (catalog.Column, error) {
	c := catalog.Column{Name: name, Number: -int16(len(t.Columns))}
	err := b.asType(sqlType, &c)
	if err != nil {
		return c, refusal.Misconfigure("type %q is unknown: %w", sqlType, err).Remedy("name a type that the database has on the search path %s", strings.Join(b.plan.SearchPath, ", "))
	}
	return c, nil
}

// asType resolves a type under the change's search path and spells it with its schema.
func (b *builder) asType(sqlType string, c *catalog.Column) error {
	var oid uint32
	var modifier int32
	err := b.underPath(func() error {
		d, err := b.q.Conn().PgConn().Prepare(b.ctx, "", "SELECT NULL::"+sqlType, nil)
		if err != nil {
			return err
		}
		if len(d.Fields) != 1 || len(d.ParamOIDs) > 0 {
			return fmt.Errorf("it is more than a type")
		}
		oid, modifier = d.Fields[0].DataTypeOID, d.Fields[0].TypeModifier
		return nil
	})
	if err != nil {
		return err
	}
	return b.q.QueryRow(b.ctx, "SELECT pg_catalog.format_type($1, $2), pg_catalog.format_type($1, NULL)", oid, modifier).Scan(&c.Type, &c.BaseType)
}
