package change

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

func TestParseRefusesWhatHasNoMeaningAndSaysWhatToWrite(t *testing.T) {
	for _, c := range []struct{ name, folder, yaml, says string }{
		{"a folder without version", "split", "operations: [{dropTable: {table: t}}]", "must be named <version>_<name>"},
		{"an unknown key", "1_x", "operation: []", "unknown field"},
		{"no operation", "1_x", "operations: []", "name at least one"},
		{"two operations in one entry", "1_x", "operations: [{dropTable: {table: t}, dropIndex: {name: i}}]", "exactly one operation an entry"},
		{"an entry without operation", "1_x", "operations: [{}]", "exactly one operation an entry"},
		{"a missing key", "1_x", "operations: [{dropColumn: {table: t}}]", "operations[0].dropColumn: column is missing"},
		{"a missing nested key", "1_x", "operations: [{splitColumn: {table: t, column: c, down: x, into: [{name: a, type: text}]}}]", "up is missing"},
		{"a long name", "1_x", "operations: [{dropColumn: {table: t, column: " + strings.Repeat("x", 64) + "}}]", "has 64 bytes; the database keeps 63"},
		{"a tombstone's name", "1_x", "operations: [{dropColumn: {table: t, column: sluice_dropped_a}}]", "begins as tombstones do"},
		{"an expression of two statements", "1_x", "operations: [{dropColumn: {table: t, column: c, down: \"1; DROP TABLE t\"}}]", "holds a semicolon"},
		{"an expression that leaves its brackets", "1_x", "operations: [{dropColumn: {table: t, column: c, down: \"1), b = (2\"}}]", "did not open"},
		{"an expression that is a list", "1_x", "operations: [{dropColumn: {table: t, column: c, down: \"1, 2\"}}]", "comma outside of brackets"},
		{"an expression with a comment", "1_x", "operations: [{dropColumn: {table: t, column: c, down: \"1 -- x\"}}]", "holds a comment"},
		{"an open quote", "1_x", "operations: [{dropColumn: {table: t, column: c, down: \"'x\"}}]", "leaves a quote open"},
		{"a parameter", "1_x", "operations: [{dropColumn: {table: t, column: c, down: \"$1\"}}]", "holds a parameter"},
		{"a backslash in a plain string", "1_x", `operations: [{dropColumn: {table: t, column: c, down: "'\\'"}}]`, "backslash in a plain string"},
		{"NOT NULL without value", "1_x", "operations: [{addColumn: {table: t, column: c, type: int, notNull: true}}]", "needs default or up"},
		{"default and up", "1_x", "operations: [{addColumn: {table: t, column: c, type: int, default: 1, up: 2}}]", "not both"},
		{"a serial", "1_x", "operations: [{addColumn: {table: t, column: c, type: bigserial}}]", "is not a type but a sequence"},
		{"a type with more", "1_x", "operations: [{addColumn: {table: t, column: c, type: int not null}}]", "holds more than a type"},
		{"a change of type in its own place", "1_x", "operations: [{changeType: {table: t, column: c, to: c, type: int}}]", "must differ from column"},
		{"up without a new name", "1_x", "operations: [{changeType: {table: t, column: c, type: int, up: x}}]", "need to, the name of the new column"},
		{"a move without a new name", "1_x", "operations: [{moveColumn: {table: t, column: c, into: u, by: [id], as: c}}]", "as must differ from column"},
		{"an index on nothing", "1_x", "operations: [{createIndex: {table: t, name: i}}]", "give columns or expression"},
		{"an unknown index method", "1_x", "operations: [{createIndex: {table: t, name: i, columns: [a], method: b-tree}}]", "is none of btree"},
		{"a foreign key of unequal sides", "1_x", "operations: [{addForeignKey: {table: t, name: k, columns: [a, b], references: r, to: [a]}}]", "differ in number"},
		{"a script that is not there", "1_x", "operations: [{sql: {tables: [t], expand: expand.sql}}]", `file "expand.sql" is not beside`},
		{"a script in the place of the plan", "1_x", "operations: [{sql: {tables: [t], expand: plan.sql}}]", "is for the rendered plan"},
		{"a baseline of an unknown tool", "1_x", "operations: [{baseline: {tool: rails, versions: ['1']}}]", "is none of atlas, flyway"},
		{"a baseline that is not alone", "1_x", "operations: [{baseline: {tool: goose, versions: ['1']}}, {dropTable: {table: t}}]", "stands alone"},
		{"an allowance without reason", "1_x", "operations: [{dropTable: {table: t}}]\nallow: [{rule: SL1, reason: \" \"}]", "needs a rule and a reason"},
		{"a duration without unit", "1_x", "operations: [{dropTable: {table: t}}]\ncontract: {minAge: 30}", "write it as 30m"},
		{"a table name of three parts", "1_x", "operations: [{dropTable: {table: a.b.c}}]", "more than schema and name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.folder, []byte(c.yaml), nil)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestTableNamesAreTakenAsTheyStand(t *testing.T) {
	for in, want := range map[string]TableName{
		"People": {"public", "People"}, "app.people": {"app", "people"}, `"a.b"."c""d"`: {"a.b", `c"d`}, `app."x.y"`: {"app", "x.y"},
	} {
		got, err := ParseTable(in, "public")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.Equal(t, `"a.b"."c""d"`, TableName{"a.b", `c"d`}.String())
}

func TestEveryTemplateIsAValidChange(t *testing.T) {
	for i, kind := range Templates() {
		dir := t.TempDir()
		path, err := New(dir, "x", kind, time.Unix(int64(1e9+i), 0))
		require.NoError(t, err)
		d, err := Load(dir)
		require.NoError(t, err, kind)
		require.Equal(t, kind, d.Changes[0].Operations[0].Kind(), path)
	}
	_, err := New(t.TempDir(), "x", "nonsense", time.Now())
	require.ErrorContains(t, err, "there are addColumn")
}

func TestTheSumNamesTheFirstChangeThatDiffers(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"one", "two", "three"} {
		_, err := New(dir, name, "addColumn", time.Unix(int64(1e9+i), 0))
		require.NoError(t, err)
	}
	d, err := Load(dir)
	require.NoError(t, err)
	first := d.Sum
	folders, err := filepath.Glob(filepath.Join(dir, "*_*"))
	require.NoError(t, err)
	file := filepath.Join(folders[1], FileName)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(data, '\n'), 0o644))
	_, err = Load(dir)
	require.ErrorContains(t, err, "_two")
	require.NoError(t, WriteSum(dir))
	d, err = Load(dir)
	require.NoError(t, err)
	require.NotEqual(t, first, d.Sum, "the chain carries on")
	require.NoError(t, os.RemoveAll(folders[2]))
	_, err = Load(dir)
	require.ErrorContains(t, err, "which is gone")
	require.NoError(t, os.Remove(filepath.Join(dir, SumFile)))
	_, err = Load(dir)
	require.ErrorContains(t, err, "migrate-plan hash")
}

func TestAnAtlasDirectoryIsTakenAsItIs(t *testing.T) {
	d, err := Load("testdata/atlas")
	require.NoError(t, err)
	require.Len(t, d.Changes, 2)
	require.Equal(t, "20260101000000_first", d.Changes[0].ID())
	require.True(t, d.Changes[0].Raw)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/atlas")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "20260102000000_second.sql"), []byte("DROP TABLE t;"), 0o644))
	_, err = Load(dir)
	require.ErrorContains(t, err, "checksum mismatch")
}

func TestTheSchemaKnowsEveryOperation(t *testing.T) {
	var s map[string]any
	require.NoError(t, json.Unmarshal(Schema(), &s))
	operation := s["$defs"].(map[string]any)["Operation"].(map[string]any)["properties"].(map[string]any)
	for _, kind := range Templates() {
		require.Contains(t, operation, kind)
	}
	for name, def := range s["$defs"].(map[string]any) {
		for key, p := range def.(map[string]any)["properties"].(map[string]any) {
			require.NotEmpty(t, p.(map[string]any)["description"], "%s.%s", name, key)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range templates {
		f.Add([]byte("operations:\n" + text))
	}
	f.Add([]byte("operations: [{baseline: {tool: liquibase, table: a.b, versions: ['1.sql::1::ada']}}]"))
	f.Add([]byte("operations: [{sql: {tables: [a.b], expand: x.sql}}]\nallow: [{rule: a, reason: b}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("1_x", data, map[string]string{"x.sql": "SELECT 1"})
		if err != nil {
			return
		}
		require.NotEmpty(t, c.Operations)
		out, err := yaml.Marshal(c)
		require.NoError(t, err)
		again, err := Parse("1_x", out, c.Scripts)
		require.NoError(t, err, "what was accepted is accepted again: %s", out)
		require.Equal(t, c, again)
	})
}

// FuzzExpression holds that what is accepted cannot reach outside of the parentheses that a statement puts around it.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{"a || 'b''c'", `E'\'' || "x"")"`, "$a$ ) $a$", "f(x, ARRAY[1,2])[1]", "1)", "'", "a /* b", "U&'\\0041'", "$1", "x::text", "\u00a0a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if CheckExpression(s) != nil {
			return
		}
		tokens, err := Tokens("(" + s + ") + (1)")
		require.NoError(t, err)
		depth, closed := 0, 0
		for _, token := range tokens {
			switch token.Text {
			case "(":
				if token.Kind == Symbol {
					depth++
				}
			case ")":
				if token.Kind == Symbol {
					if depth--; depth == 0 {
						closed++
					}
				}
			}
		}
		require.Zero(t, depth)
		require.Equal(t, 2, closed, "two groups: the expression and what follows it")
	})
}
