package compile

import (
	"strings"

	"github.com/sluice-ci/sluice/migrate/change"
)

// noEquality lists the built-in types without an equality operator that compares the whole value.
var noEquality = map[string]bool{
	"json": true, "xml": true, "point": true, "line": true, "lseg": true, "box": true, "path": true, "polygon": true, "circle": true,
}

// compared gives an expression that can be compared: a type without equality is compared as text.
func compared(expr, baseType string) string {
	if noEquality[strings.TrimSuffix(baseType, "[]")] {
		return "(" + expr + ")::text"
	}
	return expr
}

func distinct(a, b, baseType string) string {
	return compared(a, baseType) + " IS DISTINCT FROM " + compared(b, baseType)
}

func same(a, b, baseType string) string {
	return compared(a, baseType) + " IS NOT DISTINCT FROM " + compared(b, baseType)
}

// cast gives the value that a column of the type would hold, so that a numeric's scale or a char's padding is no difference.
func cast(expr, sqlType string) string { return "CAST((" + expr + ") AS " + sqlType + ")" }

func or(parts []string) string  { return join(parts, " OR ") }
func and(parts []string) string { return join(parts, " AND ") }

func join(parts []string, op string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, op) + ")"
}

// mentioned keeps the columns that an expression could name.
func mentioned(columns []string, exprs ...string) []string {
	var found []string
	for _, c := range columns {
		for _, e := range exprs {
			if change.Identifiers(e)[c] {
				found = append(found, c)
				break
			}
		}
	}
	return found
}
