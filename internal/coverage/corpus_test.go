package coverage_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/coverage"
)

// corpus are reports that real tools wrote about testdata/corpus/src (corpus_generate_test.go), and where each says
// itself how many lines it has and how many of them ran. Covered is a pattern for the number of covered lines, or of
// missed ones.
var corpus = map[string]struct {
	total, covered, missed string
}{
	"lcov.info":        {total: `LF:(\d+)`, covered: `LH:(\d+)`},
	"c8.info":          {total: `LF:(\d+)`, covered: `LH:(\d+)`},
	"coveragepy.info":  {total: `LF:(\d+)`, covered: `LH:(\d+)`},
	"gcovr.xml":        {total: `lines-valid="(\d+)"`, covered: `lines-covered="(\d+)"`},
	"coveragepy.xml":   {total: `lines-valid="(\d+)"`, covered: `lines-covered="(\d+)"`},
	"c8-cobertura.xml": {total: `lines-valid="(\d+)"`, covered: `lines-covered="(\d+)"`},
	"jacoco.xml":       {missed: `<counter type="LINE" missed="(\d+)" covered="\d+"/><counter type="COMPLEXITY"[^>]*/><counter type="METHOD"[^>]*/><counter type="CLASS"[^>]*/></report>`, covered: `<counter type="LINE" missed="\d+" covered="(\d+)"/><counter type="COMPLEXITY"[^>]*/><counter type="METHOD"[^>]*/><counter type="CLASS"[^>]*/></report>`},
	"c8-clover.xml":    {total: `<metrics statements="(\d+)"`, covered: `coveredstatements="(\d+)"`},
	"phpunit.xml":      {total: ` statements="(\d+)"`, covered: `coveredstatements="(\d+)"`},
}

// TestReportsOfRealToolsHaveTheTotalsThatTheyClaim reads each report and compares with its own summary.
func TestReportsOfRealToolsHaveTheTotalsThatTheyClaim(t *testing.T) {
	for name, claims := range corpus {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata/corpus", name))
			require.NoError(t, err)
			number := func(pattern string) uint64 {
				m := regexp.MustCompile(pattern).FindSubmatch(data)
				require.NotNilf(t, m, "%s says %s", name, pattern)
				n, err := strconv.ParseUint(string(m[1]), 10, 64)
				require.NoError(t, err)
				return n
			}
			report, err := read(string(data))
			require.NoError(t, err)
			require.Len(t, report.Files, 1)
			got := report.Counts()
			require.NotZero(t, got.Partial+got.Uncovered(), "the program is not covered whole")
			require.Equal(t, number(claims.covered), got.Covered)
			if claims.total != "" {
				require.Equal(t, number(claims.total), got.Total)
			} else {
				require.Equal(t, number(claims.missed), got.Uncovered())
			}
		})
	}
}

// TestReportsOfRealToolsAreFoundInTheSource: whatever directory they ran in, their file is the one in src.
func TestReportsOfRealToolsAreFoundInTheSource(t *testing.T) {
	tree, err := coverage.OpenTree("testdata/corpus/src")
	require.NoError(t, err)
	defer tree.Close()
	for name := range corpus {
		set := coverage.NewSet(tree.Locate)
		_, err := set.ReadFile(t.Context(), rootOf(t, "testdata/corpus"), name)
		require.NoError(t, err)
		report, err := set.Report()
		require.NoError(t, err)
		require.Truef(t, tree.Has(report.Files[0].Path), "%s speaks of %s", name, report.Files[0].Path)
	}
}
