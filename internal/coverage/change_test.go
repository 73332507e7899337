package coverage_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/coverage"
)

const changedSource = `package shop

func A(n int) int {
	if n > 1 { return 1 }
	// A comment.
	return 2
}
`

const changedProfile = `mode: set
example.com/shop/a.go:3.19,4.11 1 1
example.com/shop/a.go:4.11,4.23 1 0
example.com/shop/a.go:6.2,6.10 1 0
`

// changeOf measures a diff against a small module.
func changeOf(t *testing.T, diff, profile string, files map[string]string) (*coverage.Change, error) {
	t.Helper()
	all := map[string]string{"go.mod": "module example.com/shop\n", "a.go": changedSource}
	for name, text := range files {
		all[name] = text
	}
	tree := treeOf(t, all)
	patch, err := coverage.ParsePatch(strings.NewReader(diff))
	require.NoError(t, err)
	return patch.Measure(reportIn(t, tree, profile), tree, func(path string) bool { return strings.HasPrefix(path, "skipped/") })
}

func reportIn(t *testing.T, tree *coverage.Tree, profile string) *coverage.Report {
	t.Helper()
	set := coverage.NewSet(tree.Locate)
	require.NoError(t, set.Read(t.Context(), "cover.out", strings.NewReader(profile)))
	report, err := set.Report()
	require.NoError(t, err)
	return report
}

func TestPatchCoverageCountsChangedStatements(t *testing.T) {
	head := "--- a/a.go\n+++ b/a.go\n"
	for name, c := range map[string]struct {
		diff  string
		files map[string]string
		want  coverage.Counts
	}{
		"both statements of a line":     {head + "@@ -4 +4 @@\n-x\n+\tif n > 1 { return 1 }\n", nil, counts(1, 2)},
		"a comment is no statement":     {head + "@@ -5 +5 @@\n-x\n+\t// A comment.\n", nil, counts(0, 0)},
		"a signature is no statement":   {head + "@@ -3 +3 @@\n-x\n+func A(n int) int {\n", nil, counts(0, 0)},
		"only what changed":             {head + "@@ -6 +6 @@\n-x\n+\treturn 2\n", nil, counts(0, 1)},
		"lines that were only removed":  {head + "@@ -5,2 +4,0 @@\n-x\n-y\n", nil, counts(0, 0)},
		"a renamed file as it was":      {"diff --git a/old.go b/a.go\nsimilarity index 100%\nrename from old.go\nrename to a.go\n", nil, counts(0, 0)},
		"a renamed file, one line":      {"diff --git a/old.go b/a.go\nrename from old.go\nrename to a.go\n--- a/old.go\n+++ b/a.go\n@@ -6 +6 @@\n-x\n+\treturn 2\n", nil, counts(0, 1)},
		"a deleted file":                {"--- a/gone.go\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n", nil, counts(0, 0)},
		"a skipped file":                {"--- /dev/null\n+++ b/skipped/b.go\n@@ -0,0 +1,2 @@\n+package b\n+func B() { B() }\n", map[string]string{"skipped/b.go": "package b\nfunc B() { B() }\n"}, counts(0, 0)},
		"a new file that no test loads": {"--- /dev/null\n+++ b/b/b.go\n@@ -0,0 +1,2 @@\n+package b\n+func B() { B() }\n", map[string]string{"b/b.go": "package b\nfunc B() { B() }\n"}, counts(0, 1)},
		"a new file of types":           {"--- /dev/null\n+++ b/b/b.go\n@@ -0,0 +1,2 @@\n+package b\n+type B int\n", map[string]string{"b/b.go": "package b\ntype B int\n"}, counts(0, 0)},
		"test data":                     {"--- /dev/null\n+++ b/testdata/b.go\n@@ -0,0 +1,2 @@\n+package b\n+func B() { B() }\n", map[string]string{"testdata/b.go": "package b\nfunc B() { B() }\n"}, counts(0, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			change, err := changeOf(t, c.diff, changedProfile, c.files)
			require.NoError(t, err)
			require.Equal(t, c.want, change.Counts())
			require.Empty(t, change.Unmeasured)
		})
	}
}

func TestABlockThatTheSourceDoesNotExplainCountsWhole(t *testing.T) {
	profile := strings.ReplaceAll(changedProfile, "6.2,6.10 1 0", "6.2,6.10 3 0")
	change, err := changeOf(t, "--- a/a.go\n+++ b/a.go\n@@ -6 +6 @@\n-x\n+\treturn 2\n", profile, nil)
	require.NoError(t, err)
	require.Equal(t, counts(0, 3), change.Counts())
}

func TestAPatchOfAnotherCommitIsRefused(t *testing.T) {
	for _, diff := range []string{
		"--- a/a.go\n+++ b/a.go\n@@ -6 +6 @@\n-x\n+\treturn 3\n",
		"--- a/a.go\n+++ b/a.go\n@@ -60 +60 @@\n-x\n+y\n",
		"--- a/b.go\n+++ b/b.go\n@@ -6 +6 @@\n-x\n+y\n",
		"--- a/a.go\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
	} {
		_, err := changeOf(t, diff, changedProfile, nil)
		require.Errorf(t, err, "%s", diff)
	}
}

func TestChangedFilesOfNoReportAreNamed(t *testing.T) {
	change, err := changeOf(t, "--- a/x.js\n+++ b/x.js\n@@ -1 +1 @@\n-a\n+b\n--- a/x.test.js\n+++ b/x.test.js\n@@ -1 +1 @@\n-a\n+b\n--- a/README\n+++ b/README\n@@ -1 +1 @@\n-a\n+b\n",
		"SF:y.js\nDA:1,1\nend_of_record\n", map[string]string{"x.js": "b\n", "y.js": "c\n", "x.test.js": "b\n", "README": "b\n"})
	require.NoError(t, err)
	require.Equal(t, []string{"x.js"}, change.Unmeasured)
}

func TestRegressionsAreUnchangedStatementsThatRanBefore(t *testing.T) {
	tree := treeOf(t, map[string]string{"go.mod": "module example.com/shop\n", "a.go": changedSource})
	report := reportIn(t, tree, changedProfile)
	baseline := reportIn(t, tree, "mode: set\nexample.com/shop/old.go:1.19,2.11 1 1\nexample.com/shop/old.go:2.11,2.23 1 1\nexample.com/shop/old.go:3.2,3.10 1 1\n")
	renamed := "diff --git a/old.go b/a.go\nrename from old.go\nrename to a.go\n--- a/old.go\n+++ b/a.go\n"
	for name, c := range map[string]struct {
		hunks string
		rerun *coverage.Report
		want  []coverage.Regression
	}{
		"moved by two lines and a comment": {"@@ -0,0 +1,2 @@\n+package shop\n+\n@@ -2,0 +5 @@\n+\t// A comment.\n", nil,
			[]coverage.Regression{{Path: "a.go", Line: 4, Count: 1}, {Path: "a.go", Line: 6, Count: 1}}},
		"what changed is the patch's matter": {"@@ -0,0 +1,2 @@\n+package shop\n+\n@@ -3 +5,2 @@\n-x\n+\t// A comment.\n+\treturn 2\n", nil,
			[]coverage.Regression{{Path: "a.go", Line: 4, Count: 1}}},
		"what ran in a second run is flaky": {"@@ -0,0 +1,2 @@\n+package shop\n+\n@@ -2,0 +5 @@\n+\t// A comment.\n", reportIn(t, tree, strings.ReplaceAll(changedProfile, "6.2,6.10 1 0", "6.2,6.10 1 1")),
			[]coverage.Regression{{Path: "a.go", Line: 4, Count: 1}, {Path: "a.go", Line: 6, Count: 1, Flaky: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			patch, err := coverage.ParsePatch(strings.NewReader(renamed + c.hunks))
			require.NoError(t, err)
			require.NoError(t, patch.Fits(tree))
			found, err := patch.Regressions(report, baseline, c.rerun, tree)
			require.NoError(t, err)
			require.Equal(t, c.want, found)
		})
	}
}

func TestConcessionsAreWhatTheChangeAddsAndNotWhatItMoves(t *testing.T) {
	tree := treeOf(t, map[string]string{
		"a.py":       "if x:\n    run()  # pragma: no cover\n",
		"README.md":  "write t.Skip( to skip\n",
		"rules.yaml": "minimums:\n- {path: new, minimum-file: 10, reason: r}\n",
		"Makefile":   "gate:\n\tcoverage-gate --minimum=70 --minimum-file=50\n",
	})
	patch, err := coverage.ParsePatch(strings.NewReader(`--- a/a.py
+++ b/a.py
@@ -1 +1,2 @@
-run()  # pragma: no cover
+if x:
+    run()  # pragma: no cover
--- a/README.md
+++ b/README.md
@@ -0,0 +1 @@
+write t.Skip( to skip
--- a/rules.yaml
+++ b/rules.yaml
@@ -1,2 +1,2 @@
 minimums:
-- {path: old, minimum-file: 90, reason: r}
+- {path: new, minimum-file: 10, reason: r}
--- a/Makefile
+++ b/Makefile
@@ -1,2 +1,2 @@
 gate:
-	coverage-gate --minimum=80 --minimum-file=40
+	coverage-gate --minimum=70 --minimum-file=50
`))
	require.NoError(t, err)
	found, err := patch.Concessions(tree, "rules.yaml")
	require.NoError(t, err)
	require.Equal(t, []coverage.Concession{
		{Path: "rules.yaml", What: "minimum-file of new is set to 10 % (r)"},
		{Path: "rules.yaml", What: "the minimum of old is dropped"},
		{Path: "Makefile", Line: 2, What: "minimum is lowered from 80 to 70 %"},
	}, found)
}
