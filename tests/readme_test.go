// Package tests holds the tree as a whole to what its README says.
package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/contract"
)

func TestREADMEListsEveryTaskAndPipeline(t *testing.T) {
	data, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	fresh := string(data)
	for _, kind := range []string{"task", "pipeline"} {
		fresh = replaceBetween(t, fresh, "<!-- "+kind+"s -->\n", "<!-- /"+kind+"s -->", rows(t, kind))
	}
	if fresh == string(data) {
		return
	}
	if !contract.Update() {
		require.Equal(t, fresh, string(data), "the tables of README.md are stale: make update")
	}
	require.NoError(t, os.WriteFile("../README.md", []byte(fresh), 0o644))
}

// rows writes the table of all tasks or pipelines: the name and the first sentence
// of the description.
func rows(t *testing.T, kind string) string {
	files, err := filepath.Glob("../" + kind + "s/*/" + kind + ".yaml")
	require.NoError(t, err)
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | what it does |\n| --- | --- |\n", kind)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var object struct {
			Spec struct{ Description string }
		}
		require.NoError(t, yaml.Unmarshal(data, &object))
		name := filepath.Base(filepath.Dir(file))
		sentence, _, _ := strings.Cut(strings.Join(strings.Fields(object.Spec.Description), " "), ". ")
		fmt.Fprintf(&b, "| [%s](%ss/%s) | %s. |\n", name, kind, name, strings.TrimSuffix(sentence, "."))
	}
	return b.String()
}

func replaceBetween(t *testing.T, text, begin, end, with string) string {
	before, rest, ok := strings.Cut(text, begin)
	require.Truef(t, ok, "README.md has the line %s", begin)
	_, after, ok := strings.Cut(rest, end)
	require.Truef(t, ok, "README.md has the line %s", end)
	return before + begin + with + end + after
}
