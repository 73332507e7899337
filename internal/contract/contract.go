// Package contract holds a task's folder to the rules that every Sluice task
// keeps: one declaration for binary, task.yaml and README, a restricted pod, no
// shell, images of the tree or by digest, a thin main and a listed set of
// dependencies.
//
// Each task calls it in one line:
//
//	func TestContract(t *testing.T) { contract.Check(t, newCommand()) }
//
// What is generated (the README table, deps.txt) is rewritten with
// `go test ./tasks/<name> -update`; without the flag a stale one fails.
package contract

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/task"
)

// Module is the path that a step's ko:// image begins with.
const Module = "github.com/sluice-ci/sluice"

var update = flag.Bool("update", false, "rewrite generated files instead of failing on stale ones")

// Update tells whether the test was asked to rewrite generated files.
func Update() bool { return *update }

// Check runs every rule against the task's folder, which is the test's working
// directory.
func Check(t *testing.T, c *task.Command) {
	t.Helper()
	spec := load(t)
	t.Run("tekton accepts it", func(t *testing.T) { validate(t, spec) })
	t.Run("one name", func(t *testing.T) { names(t, c, spec) })
	t.Run("params are flags", func(t *testing.T) { params(t, c, spec) })
	t.Run("workspaces are flags", func(t *testing.T) { workspaces(t, c, spec) })
	t.Run("results are declared", func(t *testing.T) { results(t, c, spec) })
	t.Run("steps pass every flag", func(t *testing.T) { steps(t, c, spec) })
	t.Run("steps are restricted", func(t *testing.T) { restricted(t, spec) })
	t.Run("main is thin", func(t *testing.T) { thinMain(t) })
	t.Run("README table is fresh", func(t *testing.T) { readme(t, c) })
	t.Run("dependencies are listed", func(t *testing.T) { dependencies(t) })
}

func load(t *testing.T) *v1.Task {
	t.Helper()
	data, err := os.ReadFile("task.yaml")
	require.NoError(t, err, "each task has its interface in task.yaml")
	var spec v1.Task
	require.NoError(t, yaml.UnmarshalStrict(data, &spec), "reading task.yaml")
	return &spec
}

// validate asks Tekton's own webhook code, with the defaults that it sets.
func validate(t *testing.T, spec *v1.Task) {
	copied := spec.DeepCopy()
	copied.SetDefaults(context.Background())
	if err := copied.Validate(context.Background()); err != nil {
		require.NoError(t, err)
	}
}

func names(t *testing.T, c *task.Command, spec *v1.Task) {
	dir, err := os.Getwd()
	require.NoError(t, err)
	require.Equal(t, "tekton.dev/v1", spec.APIVersion)
	require.Equal(t, "Task", spec.Kind)
	require.Equal(t, filepath.Base(dir), spec.Name, "metadata.name is the folder's name")
	require.Equal(t, spec.Name, c.Name, "the command's name is the folder's name")
	require.NotEmpty(t, spec.Labels["app.kubernetes.io/version"], "the task has a version label")
	require.Truef(t, strings.HasPrefix(fold(spec.Spec.Description), fold(c.Summary)),
		"spec.description begins with the command's summary %q, and is %q", c.Summary, spec.Spec.Description)
}

// fold makes texts comparable that differ in line breaks only.
func fold(s string) string { return strings.Join(strings.Fields(s), " ") }

func thinMain(t *testing.T) {
	data, err := os.ReadFile("main.go")
	require.NoError(t, err)
	require.LessOrEqual(t, bytes.Count(data, []byte("\n")), 40,
		"main.go holds flags and wiring; move the rest to a file named by what it does")
}
