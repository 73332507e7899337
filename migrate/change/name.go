package change

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxName is the longest identifier in bytes that PostgreSQL keeps (NAMEDATALEN - 1).
const MaxName = 63

// A TableName is a table or index with its schema, exactly as the database holds it.
type TableName struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
}

// String quotes the parts for SQL.
func (t TableName) String() string {
	if t.Schema == "" {
		return Quote(t.Name)
	}
	return Quote(t.Schema) + "." + Quote(t.Name)
}

// Plain is for people: schema.name without quotes.
func (t TableName) Plain() string {
	if t.Schema == "" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// Quote makes an SQL identifier of a name.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Literal makes an SQL string of a text, whatever standard_conforming_strings says.
func Literal(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}

// ParseTable reads table, schema.table, or either part in double quotes where it holds a dot.
// Names are taken as they stand: nothing is folded to lower case.
func ParseTable(s, defaultSchema string) (TableName, error) {
	parts, err := splitName(s)
	if err != nil {
		return TableName{}, err
	}
	t := TableName{Schema: defaultSchema, Name: parts[len(parts)-1]}
	if len(parts) == 2 {
		t.Schema = parts[0]
	}
	if len(parts) > 2 {
		return t, fmt.Errorf("%q has more than schema and name; quote a part that holds a dot", s)
	}
	if err := CheckName(t.Schema); err != nil {
		return t, err
	}
	return t, CheckName(t.Name)
}

func splitName(s string) ([]string, error) {
	var parts []string
	for {
		var part string
		if strings.HasPrefix(s, `"`) {
			end := 1
			for {
				i := strings.IndexByte(s[end:], '"')
				if i < 0 {
					return nil, fmt.Errorf("%q has an unclosed quote", s)
				}
				end += i + 1
				if end < len(s) && s[end] == '"' {
					end++
					continue
				}
				break
			}
			part, s = strings.ReplaceAll(s[1:end-1], `""`, `"`), s[end:]
			if s != "" && s[0] != '.' {
				return nil, fmt.Errorf("%q follows a closing quote; expected a dot", s)
			}
		} else if i := strings.IndexByte(s, '.'); i >= 0 {
			part, s = s[:i], s[i:]
		} else {
			part, s = s, ""
		}
		parts = append(parts, part)
		if s == "" {
			return parts, nil
		}
		s = s[1:]
	}
}

// CheckName refuses what the database would not keep as it is.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a name is empty")
	case len(name) > MaxName:
		return fmt.Errorf("name %q has %d bytes; the database keeps %d", name, len(name), MaxName)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return fmt.Errorf("name %q is not valid text", name)
	case strings.HasPrefix(name, "sluice_dropped_"):
		return fmt.Errorf("name %q begins as tombstones do; choose another", name)
	}
	return nil
}
