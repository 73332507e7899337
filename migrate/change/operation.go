package change

import (
	"fmt"
	"reflect"
	"strings"
)

// An Operation holds exactly one of its fields.
type Operation struct {
	AddColumn     *AddColumn     `json:"addColumn,omitempty" doc:"Add a column."`
	DropColumn    *DropColumn    `json:"dropColumn,omitempty" doc:"Drop a column: at contract it is renamed away, later dropped."`
	RenameColumn  *RenameColumn  `json:"renameColumn,omitempty" doc:"Give a column a new name; both names live until contract."`
	ChangeType    *ChangeType    `json:"changeType,omitempty" doc:"Give a column a new type, under a new name; both live until contract."`
	SplitColumn   *SplitColumn   `json:"splitColumn,omitempty" doc:"Split one column into several."`
	MergeColumns  *MergeColumns  `json:"mergeColumns,omitempty" doc:"Merge several columns into one."`
	MoveColumn    *MoveColumn    `json:"moveColumn,omitempty" doc:"Move a column to a table that refers to this one, a row to a row."`
	SetNotNull    *SetNotNull    `json:"setNotNull,omitempty" doc:"Forbid NULL in a column."`
	DropNotNull   *DropNotNull   `json:"dropNotNull,omitempty" doc:"Allow NULL in a column."`
	SetDefault    *SetDefault    `json:"setDefault,omitempty" doc:"Set a column's default for rows to come."`
	DropDefault   *DropDefault   `json:"dropDefault,omitempty" doc:"Remove a column's default."`
	AddCheck      *AddCheck      `json:"addCheck,omitempty" doc:"Add a check constraint; it binds at contract, when no old writer is left."`
	AddUnique     *AddUnique     `json:"addUnique,omitempty" doc:"Add a unique constraint; it binds at contract."`
	AddForeignKey *AddForeignKey `json:"addForeignKey,omitempty" doc:"Add a foreign key; it binds at contract."`
	CreateIndex   *CreateIndex   `json:"createIndex,omitempty" doc:"Build an index without blocking writers."`
	DropIndex     *DropIndex     `json:"dropIndex,omitempty" doc:"Drop an index, at contract."`
	CreateTable   *CreateTable   `json:"createTable,omitempty" doc:"Create a table."`
	DropTable     *DropTable     `json:"dropTable,omitempty" doc:"Drop a table: at contract it is renamed away, later dropped."`
	RenameTable   *RenameTable   `json:"renameTable,omitempty" doc:"Give a table a new name; the new one is a view until contract."`
	AddEnumValue  *AddEnumValue  `json:"addEnumValue,omitempty" doc:"Add a value to an enum type."`
	Baseline      *Baseline      `json:"baseline,omitempty" doc:"Take over from another migration tool, whose history is checked; nothing is run."`
	SQL           *SQL           `json:"sql,omitempty" doc:"Raw SQL from files beside change.yaml: linted, never called safe."`
}

// PresentColumn names the column that an operation changes.
type PresentColumn struct {
	Table  string `json:"table" doc:"Table, or schema.table."`
	Column string `json:"column" doc:"Present column."`
}

// AddColumn adds one column. Rows that exist get the default, or the value of Up, in batches.
type AddColumn struct {
	Table   string `json:"table" doc:"Table, or schema.table."`
	Column  string `json:"column" doc:"Name of the new column."`
	Type    string `json:"type" doc:"SQL type."`
	NotNull bool   `json:"notNull,omitempty" doc:"Forbid NULL, from contract on; needs default or up."`
	Default string `json:"default,omitempty" doc:"SQL expression for rows that give no value."`
	Up      string `json:"up,omitempty" doc:"SQL expression over the row for existing rows and for writers that do not know the column; NULL counts as not given."`
	Comment string `json:"comment,omitempty" doc:"Comment on the column."`
}

// DropColumn removes one column at contract.
type DropColumn struct {
	PresentColumn
	Down string `json:"down,omitempty" doc:"SQL expression over the row that gives old readers a value where new writers leave NULL; required when the column is NOT NULL without default."`
}

// RenameColumn gives a column a second name, then takes the first away.
type RenameColumn struct {
	PresentColumn
	To string `json:"to" doc:"New name."`
}

// ChangeType copies a column into a new one of another type.
type ChangeType struct {
	PresentColumn
	To   string `json:"to,omitempty" doc:"Name of the column with the new type. Leave it out only for a widening that rewrites nothing, such as varchar(20) to text."`
	Type string `json:"type" doc:"New SQL type."`
	Up   string `json:"up,omitempty" doc:"SQL expression for the new value. Default: a cast."`
	Down string `json:"down,omitempty" doc:"SQL expression for the old value. Default: a cast."`
}

// SplitColumn copies one column into several.
type SplitColumn struct {
	PresentColumn
	Into []NewColumn `json:"into" doc:"The columns that take its place."`
	Down string      `json:"down" doc:"SQL expression over the new columns for the old value."`
}

// MergeColumns copies several columns into one.
type MergeColumns struct {
	Table   string      `json:"table" doc:"Table, or schema.table."`
	Columns []OldColumn `json:"columns" doc:"Present columns, each with the expression that restores it."`
	Into    NewColumn   `json:"into" doc:"The column that takes their place."`
}

// MoveColumn moves a column to another table.
type MoveColumn struct {
	PresentColumn
	Into string   `json:"into" doc:"Table that the column moves to, or schema.table."`
	By   []string `json:"by" doc:"Columns of that table with a foreign key to this one; they must be unique, so that a row belongs to a row."`
	As   string   `json:"as" doc:"Name of the column there."`
	Type string   `json:"type,omitempty" doc:"SQL type there. Default: as it is here."`
	Up   string   `json:"up,omitempty" doc:"SQL expression over the row of this table for the new value. Default: the column."`
	Down string   `json:"down,omitempty" doc:"SQL expression over the row of the other table for the old value. Default: the column."`
}

// NewColumn is a column that replaces an old one.
type NewColumn struct {
	Name    string `json:"name" doc:"Name of the new column."`
	Type    string `json:"type" doc:"SQL type."`
	Up      string `json:"up" doc:"SQL expression over the old columns."`
	NotNull bool   `json:"notNull,omitempty" doc:"Forbid NULL, from contract on."`
	Default string `json:"default,omitempty" doc:"Default, from contract on."`
}

// OldColumn is a column that goes.
type OldColumn struct {
	Name string `json:"name" doc:"Present column."`
	Down string `json:"down" doc:"SQL expression over the new column for the old value."`
}

// SetNotNull forbids NULL at contract; until then Up stands in for it.
type SetNotNull struct {
	PresentColumn
	Up string `json:"up,omitempty" doc:"SQL expression over the row that replaces NULL, in existing rows and in those that old writers bring. Without it no row may hold NULL at contract."`
}

// DropNotNull allows NULL at contract.
type DropNotNull struct {
	PresentColumn
	Down string `json:"down" doc:"SQL expression over the row that stands in for NULL until contract, while old readers expect a value."`
}

// SetDefault changes what rows to come get.
type SetDefault struct {
	PresentColumn
	Default string `json:"default" doc:"SQL expression."`
}

// DropDefault removes a default at contract, since old writers count on it.
type DropDefault struct {
	PresentColumn
}

// AddCheck adds a check constraint.
type AddCheck struct {
	Table string `json:"table" doc:"Table, or schema.table."`
	Name  string `json:"name" doc:"Name of the constraint."`
	Check string `json:"check" doc:"SQL condition over the row."`
}

// AddUnique adds a unique constraint.
type AddUnique struct {
	Table   string   `json:"table" doc:"Table, or schema.table."`
	Name    string   `json:"name" doc:"Name of the constraint."`
	Columns []string `json:"columns" doc:"Columns that are unique together."`
}

// AddForeignKey adds a foreign key.
type AddForeignKey struct {
	Table      string   `json:"table" doc:"Table, or schema.table."`
	Name       string   `json:"name" doc:"Name of the constraint."`
	Columns    []string `json:"columns" doc:"Columns that refer."`
	References string   `json:"references" doc:"Table referred to, or schema.table."`
	To         []string `json:"to" doc:"Columns referred to."`
	OnDelete   string   `json:"onDelete,omitempty" doc:"NO ACTION, RESTRICT, CASCADE, SET NULL or SET DEFAULT."`
}

// CreateIndex builds an index concurrently.
type CreateIndex struct {
	Table   string   `json:"table" doc:"Table, or schema.table."`
	Name    string   `json:"name" doc:"Name of the index."`
	Columns []string `json:"columns,omitempty" doc:"Columns, in order."`
	Expr    string   `json:"expression,omitempty" doc:"SQL expression in place of columns."`
	Method  string   `json:"method,omitempty" doc:"btree, hash, gin, gist, brin or spgist. Default btree."`
	Where   string   `json:"where,omitempty" doc:"Condition of a partial index."`
	Include []string `json:"include,omitempty" doc:"Columns stored but not ordered by."`
	Unique  bool     `json:"unique,omitempty" doc:"Forbid duplicates: built at contract, when no old writer is left."`
}

// DropIndex drops an index at contract.
type DropIndex struct {
	Name string `json:"name" doc:"Index, or schema.index."`
}

// CreateTable creates a table.
type CreateTable struct {
	Table      string        `json:"table" doc:"Table, or schema.table."`
	Columns    []TableColumn `json:"columns" doc:"Columns, in order."`
	PrimaryKey []string      `json:"primaryKey" doc:"Columns of the primary key."`
}

// TableColumn is a column of a new table.
type TableColumn struct {
	Name    string `json:"name" doc:"Name."`
	Type    string `json:"type" doc:"SQL type."`
	NotNull bool   `json:"notNull,omitempty" doc:"Forbid NULL."`
	Default string `json:"default,omitempty" doc:"SQL expression."`
}

// DropTable removes a table at contract.
type DropTable struct {
	Table string `json:"table" doc:"Table, or schema.table."`
}

// RenameTable gives a table a second name, then takes the first away.
type RenameTable struct {
	Table string `json:"table" doc:"Present name, or schema.table."`
	To    string `json:"to" doc:"New name, in the same schema."`
}

// AddEnumValue adds a label to an enum type; PostgreSQL cannot take it away again.
type AddEnumValue struct {
	Type  string `json:"enum" doc:"Enum type, or schema.type."`
	Value string `json:"value" doc:"New label."`
	After string `json:"after,omitempty" doc:"Label that it follows in order. Default: the last."`
}

// SQL runs scripts that lie beside change.yaml, a statement a transaction.
type SQL struct {
	Tables   []string `json:"tables" doc:"Tables that the scripts touch; no other change may be under way on them."`
	Expand   string   `json:"expand,omitempty" doc:"File with additive statements, run by expand."`
	Undo     string   `json:"undo,omitempty" doc:"File that undoes expand; without it there is no rollback."`
	Contract string   `json:"contract,omitempty" doc:"File with what is left to do when nobody reads the old shape; run after both windows."`
}

// Kind is the key under which the operation stands in the file, or "" when it holds not exactly one.
func (o Operation) Kind() string {
	kind, n := "", 0
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			kind, _, _ = strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			n++
		}
	}
	if n != 1 {
		return ""
	}
	return kind
}

// Body is the one operation that o holds.
func (o Operation) Body() any {
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			return v.Field(i).Interface()
		}
	}
	return nil
}

func (o Operation) String() string { return fmt.Sprintf("%s %+v", o.Kind(), o.Body()) }
