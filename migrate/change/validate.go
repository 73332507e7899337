package change

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// expressions are the keys whose value is an SQL expression; names those whose value is an identifier.
var (
	expressions = []string{"up", "down", "default", "check", "where", "expression"}
	names       = []string{"column", "name", "to", "as", "by", "columns", "include", "primaryKey"}
	tables      = []string{"table", "into", "references", "enum"}
	methods     = []string{"", "btree", "hash", "gin", "gist", "brin", "spgist"}
	onDelete    = []string{"", "NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"}
)

func (c *Change) validate() error {
	if len(c.Operations) == 0 {
		return fmt.Errorf("operations is empty: name at least one")
	}
	if err := CheckName(c.Schema); err != nil {
		return err
	}
	for _, s := range c.SearchPath {
		if err := CheckName(s); err != nil {
			return fmt.Errorf("searchPath: %w", err)
		}
	}
	for _, a := range c.Allow {
		if a.Rule == "" || strings.TrimSpace(a.Reason) == "" {
			return fmt.Errorf("allow: an entry needs a rule and a reason")
		}
	}
	for i, o := range c.Operations {
		kind := o.Kind()
		if kind == "" {
			return fmt.Errorf("operations[%d]: give exactly one operation an entry", i)
		}
		if err := checkFields(reflect.ValueOf(o.Body()).Elem(), c.Schema); err != nil {
			return fmt.Errorf("operations[%d].%s: %w", i, kind, err)
		}
		if err := c.checkMeaning(o); err != nil {
			return fmt.Errorf("operations[%d].%s: %w", i, kind, err)
		}
	}
	return nil
}

// checkFields walks one operation: required keys are there, names fit, expressions stand alone.
func checkFields(v reflect.Value, schema string) error {
	for _, field := range reflect.VisibleFields(v.Type()) {
		if field.Anonymous {
			continue
		}
		key, opt, _ := strings.Cut(field.Tag.Get("json"), ",")
		f := v.FieldByIndex(field.Index)
		if f.IsZero() || (f.Kind() == reflect.Slice && f.Len() == 0) {
			if opt == "" {
				return fmt.Errorf("%s is missing", key)
			}
			continue
		}
		if err := checkField(key, f, schema); err != nil {
			return err
		}
	}
	return nil
}

func checkField(key string, f reflect.Value, schema string) error {
	switch f.Kind() {
	case reflect.Struct:
		if err := checkFields(f, schema); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	case reflect.Slice:
		for i := range f.Len() {
			if err := checkField(key, f.Index(i), schema); err != nil {
				return err
			}
		}
	case reflect.String:
		return checkText(key, f.String(), schema)
	}
	return nil
}

func checkText(key, s, schema string) error {
	var err error
	switch {
	case slices.Contains(expressions, key):
		err = CheckExpression(s)
	case slices.Contains(names, key):
		err = CheckName(s)
	case slices.Contains(tables, key):
		_, err = ParseTable(s, schema)
	case key == "type":
		err = checkType(s)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// checkType refuses what is more than the name of a type: a serial would bring a sequence and a default of its own.
func checkType(s string) error {
	tokens, err := Tokens(s)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		switch t.Text {
		case "serial", "bigserial", "smallserial", "serial2", "serial4", "serial8":
			return fmt.Errorf("%q is not a type but a sequence and a default; use an integer type and identity in raw SQL", s)
		case "default", "not", "null", "primary", "unique", "references", "check", "generated", "collate", "using":
			return fmt.Errorf("%q holds more than a type; use the operation's own keys", s)
		}
	}
	return nil
}

func (c *Change) checkMeaning(o Operation) error {
	switch op := o.Body().(type) {
	case *AddColumn:
		if op.NotNull && op.Default == "" && op.Up == "" {
			return fmt.Errorf("notNull needs default or up: existing rows and old writers would have no value")
		}
		if op.Up != "" && op.Default != "" {
			return fmt.Errorf("give up or default, not both: with a default a writer that does not know the column cannot be told from one that does")
		}
	case *RenameColumn:
		if op.To == op.Column {
			return fmt.Errorf("to is the present name")
		}
	case *ChangeType:
		if op.To == op.Column {
			return fmt.Errorf("to must differ from column: both live until contract; leave it out for a widening that rewrites nothing")
		}
		if op.To == "" && (op.Up != "" || op.Down != "") {
			return fmt.Errorf("up and down need to, the name of the new column: both live until contract")
		}
	case *MoveColumn:
		if op.As == op.Column {
			return fmt.Errorf("as must differ from column: a statement that joins the tables could not be told from one that reads the old column")
		}
	case *CreateIndex:
		if (len(op.Columns) > 0) == (op.Expr != "") {
			return fmt.Errorf("give columns or expression")
		}
		if !slices.Contains(methods, op.Method) {
			return fmt.Errorf("method %q is none of %s", op.Method, strings.Join(methods[1:], ", "))
		}
	case *DropIndex:
		_, err := ParseTable(op.Name, c.Schema)
		return err
	case *AddForeignKey:
		if len(op.Columns) != len(op.To) {
			return fmt.Errorf("columns and to differ in number")
		}
		if !slices.Contains(onDelete, op.OnDelete) {
			return fmt.Errorf("onDelete %q is none of %s", op.OnDelete, strings.Join(onDelete[1:], ", "))
		}
	case *Baseline:
		return op.check(c)
	case *SQL:
		return c.checkScripts(op)
	}
	return nil
}

func (c *Change) checkScripts(op *SQL) error {
	if op.Expand == "" && op.Contract == "" {
		return fmt.Errorf("give expand or contract, the name of a file beside change.yaml")
	}
	for _, t := range op.Tables {
		if _, err := ParseTable(t, c.Schema); err != nil {
			return err
		}
	}
	for _, f := range []string{op.Expand, op.Undo, op.Contract} {
		if f == RenderedFile {
			return fmt.Errorf("file %q is for the rendered plan; give the script another name", f)
		}
		if _, there := c.Scripts[f]; f != "" && !there {
			return fmt.Errorf("file %q is not beside change.yaml", f)
		}
	}
	return nil
}
