package catalog

import (
	"context"

	"github.com/jackc/pgx/v5"
)

func (t *Table) readColumns(ctx context.Context, q Querier) error {
	rows, err := q.Query(ctx, `SELECT a.attname, a.attnum, pg_catalog.format_type(a.atttypid, a.atttypmod),
			pg_catalog.format_type(a.atttypid, NULL),
			coalesce((SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
				FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
				WHERE co.oid = a.attcollation AND a.attcollation <> ty.typcollation), ''),
			a.attnotnull, coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''),
			a.attgenerated <> '', a.attidentity <> '', coalesce(pg_catalog.col_description(a.attrelid, a.attnum), '')
		FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type ty ON ty.oid = a.atttypid
		LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, t.OID)
	if err != nil {
		return err
	}
	t.Columns, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (c Column, err error) {
		return c, r.Scan(&c.Name, &c.Number, &c.Type, &c.BaseType, &c.Collation, &c.NotNull, &c.Default, &c.Generated, &c.Identity, &c.Comment)
	})
	return err
}

func (t *Table) readIndexes(ctx context.Context, q Querier) error {
	rows, err := q.Query(ctx, `SELECT c.relname, i.indkey::int2[], i.indnkeyatts, pg_catalog.pg_get_indexdef(i.indexrelid), m.amname,
			i.indisunique, i.indisprimary, i.indisvalid, coalesce(con.conname, ''),
			i.indexprs IS NULL AND i.indpred IS NULL AND 0 = ALL (i.indoption::int2[])
				AND NOT EXISTS (SELECT FROM unnest(i.indclass::oid[]) k JOIN pg_catalog.pg_opclass oc ON oc.oid = k WHERE NOT oc.opcdefault)
		FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = c.relam
		LEFT JOIN pg_catalog.pg_constraint con ON con.conindid = i.indexrelid AND con.conrelid = i.indrelid AND con.contype IN ('p','u','x')
		WHERE i.indrelid = $1 ORDER BY i.indisprimary DESC, i.indnkeyatts, c.relname`, t.OID)
	if err != nil {
		return err
	}
	t.Indexes, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (x Index, err error) {
		return x, r.Scan(&x.Name, &x.Columns, &x.KeyColumns, &x.Def, &x.Method, &x.Unique, &x.Primary, &x.Valid, &x.Constraint, &x.Plain)
	})
	if err != nil {
		return err
	}
	for _, x := range t.Indexes {
		if key := t.keyOf(x); key != nil {
			t.Key, t.KeyIndex = key, x.Name
			break
		}
	}
	return nil
}

// keyOf gives the columns of an index that orders every row exactly once.
func (t *Table) keyOf(x Index) []string {
	if !x.Unique || !x.Valid || !x.Plain || x.Method != "btree" {
		return nil
	}
	var key []string
	for _, n := range x.Columns[:x.KeyColumns] {
		c, ok := t.Column(t.ByNumber(n))
		if !ok || !c.NotNull {
			return nil
		}
		key = append(key, c.Name)
	}
	return key
}

func (t *Table) readConstraints(ctx context.Context, q Querier) error {
	rows, err := q.Query(ctx, `SELECT conname, CASE WHEN confrelid = $1 AND contype = 'f' AND conrelid <> $1 THEN 'r' ELSE contype::text END,
			CASE WHEN confrelid = $1 AND contype = 'f' AND conrelid <> $1 THEN confkey ELSE coalesce(conkey, '{}') END,
			pg_catalog.pg_get_constraintdef(oid), conrelid::regclass::text, confrelid, coalesce(confkey, '{}'), condeferrable, convalidated,
			coalesce(pg_catalog.pg_get_expr(conbin, conrelid), '')
		FROM pg_catalog.pg_constraint
		WHERE (conrelid = $1 OR confrelid = $1) AND contype <> 't' AND contype <> 'n' ORDER BY conname, oid`, t.OID)
	if err != nil {
		return err
	}
	t.Constraints, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (c Constraint, err error) {
		return c, r.Scan(&c.Name, &c.Kind, &c.Columns, &c.Def, &c.Referring, &c.Refers, &c.To, &c.Deferrable, &c.Validated, &c.Expression)
	})
	return err
}

func (t *Table) readTriggers(ctx context.Context, q Querier) error {
	rows, err := q.Query(ctx, `SELECT tgname FROM pg_catalog.pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal ORDER BY tgname`, t.OID)
	if err != nil {
		return err
	}
	if t.Triggers, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return err
	}
	return q.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_subscription_rel WHERE srrelid = $1)`, t.OID).Scan(&t.Subscribed)
}

// Dependents lists what would break or vanish with a column, or with the whole table when column is 0: views, rules,
// policies, other tables' constraints, statistics. Indexes, constraints and defaults of the table itself are not among them.
func (t *Table) Dependents(ctx context.Context, q Querier, column int16) ([]string, error) {
	rows, err := q.Query(ctx, `SELECT DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
		FROM pg_catalog.pg_depend d
		WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = $1 AND ($2 = 0 OR d.refobjsubid = $2)
			AND (d.classid = 'pg_catalog.pg_rewrite'::regclass OR d.classid = 'pg_catalog.pg_policy'::regclass
				OR (d.classid = 'pg_catalog.pg_attrdef'::regclass AND EXISTS (SELECT FROM pg_catalog.pg_attrdef ad
					JOIN pg_catalog.pg_attribute a ON a.attrelid = ad.adrelid AND a.attnum = ad.adnum
					WHERE ad.oid = d.objid AND a.attgenerated <> ''))
				OR d.classid = 'pg_catalog.pg_proc'::regclass OR d.classid = 'pg_catalog.pg_publication_rel'::regclass
				OR (d.classid = 'pg_catalog.pg_trigger'::regclass AND $2 <> 0)) ORDER BY 1`, t.OID, column)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
