package coverage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/cover"

	"github.com/sluice-ci/sluice/internal/coverage"
)

func goCommand(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoErrorf(t, err, "go %s in %s\n%s%s", strings.Join(args, " "), dir, out, stderr.String())
	return string(out)
}

// copyOfModule lays the module's source, at the version that go.mod asks for, into a directory that can be written.
func copyOfModule(t *testing.T, path string) string {
	t.Helper()
	var module struct{ Dir string }
	require.NoError(t, json.Unmarshal([]byte(goCommand(t, ".", "mod", "download", "-json", path)), &module))
	require.NotEmpty(t, module.Dir)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(module.Dir)))
	require.NoError(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(p, 0o755) // the module cache is read-only
	}))
	return dir
}

// requireSameAsGoTool compares with `go tool cover -func`, which prints one decimal, and with the sum of the blocks as
// golang.org/x/tools/cover reads them, which is what that command adds up.
func requireSameAsGoTool(t *testing.T, dir, profile string) {
	t.Helper()
	set := coverage.NewSet(nil)
	_, err := set.ReadFile(context.Background(), rootOf(t, filepath.Dir(profile)), filepath.Base(profile))
	require.NoError(t, err)
	report, err := set.Report()
	require.NoError(t, err)
	got := report.Counts()

	theirs, err := cover.ParseProfiles(profile)
	require.NoError(t, err)
	var want coverage.Counts
	for _, p := range theirs {
		for _, b := range p.Blocks {
			want.Total += uint64(b.NumStmt)
			if b.Count > 0 {
				want.Covered += uint64(b.NumStmt)
			}
		}
	}
	require.Equal(t, want, got)
	require.NotZero(t, got.Covered)

	lines := strings.Split(strings.TrimSpace(goCommand(t, dir, "tool", "cover", "-func="+profile)), "\n")
	total := strings.Fields(lines[len(lines)-1])
	require.Equal(t, "total:", total[0])
	require.Equal(t, total[len(total)-1], fmt.Sprintf("%.1f%%", 100*float64(got.Covered)/float64(got.Total)))
	t.Logf("%s statements, %s by go tool cover", got, total[len(total)-1])
}

func TestTotalsEqualThoseOfGoToolCover(t *testing.T) {
	for _, module := range []string{"github.com/google/uuid", "github.com/go-logr/logr", "golang.org/x/sync"} {
		t.Run(module, func(t *testing.T) {
			t.Parallel()
			dir := copyOfModule(t, module)
			profile := filepath.Join(dir, "cover.out")
			goCommand(t, dir, "test", "-mod=mod", "-short", "-covermode=count", "-coverpkg=./...", "-coverprofile="+profile, "./...")
			requireSameAsGoTool(t, dir, profile)
		})
	}
	// Examples and fuzz seeds alone, so that it takes seconds; but every block of every package is there, once for each
	// test program that the package is part of.
	t.Run("all internal packages of this project", func(t *testing.T) {
		t.Parallel()
		profile := filepath.Join(t.TempDir(), "cover.out")
		goCommand(t, "../..", "test", "-run=^(Example|Fuzz)", "-covermode=count", "-coverpkg=./internal/...", "-coverprofile="+profile, "./internal/...")
		requireSameAsGoTool(t, "../..", profile)
	})
}
