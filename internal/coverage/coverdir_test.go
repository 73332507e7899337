package coverage

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const countedProgram = `package main

import "os"

func twice(n int) int {
	if n > 10 {
		return n + n
	}
	return 2 * n
}

func never() {
	os.Exit(3)
}

func main() {
	f := func() int { return 7 }
	switch len(os.Args) {
	case 1:
		twice(1)
	case 2:
		twice(f() + 10)
	default:
		never()
	}
}
`

// coverDir builds an instrumented program and runs it once for each list of arguments.
func coverDir(t testing.TB, runs ...[]string) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "program")
	require.NoError(t, os.Mkdir(source, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(source, "main.go"), []byte(countedProgram), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(source, "go.mod"), []byte("module example.com/program\n\ngo 1.22\n"), 0o644))
	data := filepath.Join(dir, "data")
	require.NoError(t, os.Mkdir(data, 0o755))
	runIn(t, source, nil, "go", "build", "-cover", "-o", "program", ".")
	for _, args := range runs {
		runIn(t, source, []string{"GOCOVERDIR=" + data}, "./program", args...)
	}
	return data
}

func runIn(t testing.TB, dir string, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false"), env...)
	out, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
}

func reportOf(t testing.TB, name string) *Report {
	t.Helper()
	set := NewSet(nil)
	dir, err := os.OpenRoot(filepath.Dir(name))
	require.NoError(t, err)
	defer dir.Close()
	digest, err := set.ReadFile(context.Background(), dir, filepath.Base(name))
	require.NoError(t, err)
	require.Len(t, digest, 64)
	report, err := set.Report()
	require.NoError(t, err)
	for _, f := range report.Files {
		for i := range f.Spans {
			f.Spans[i].seen &= 3 // passes are numbered differently
		}
	}
	return report
}

func TestCoverDirEqualsItsTextFormat(t *testing.T) {
	for name, runs := range map[string][][]string{
		"one run":  {{}},
		"two runs": {{}, {"x"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := coverDir(t, runs...)
			text := filepath.Join(t.TempDir(), "cover.out")
			runIn(t, dir, nil, "go", "tool", "covdata", "textfmt", "-i="+dir, "-o="+text)
			require.Equal(t, reportOf(t, text), reportOf(t, dir))

			merged := t.TempDir()
			runIn(t, dir, nil, "go", "tool", "covdata", "merge", "-i="+dir, "-o="+merged)
			require.Equal(t, reportOf(t, text), reportOf(t, merged))
		})
	}
}

func TestCoverDirIsRefused(t *testing.T) {
	read := func(dir string) error {
		parent, err := os.OpenRoot(filepath.Dir(dir))
		require.NoError(t, err)
		defer parent.Close()
		_, err = NewSet(nil).ReadFile(context.Background(), parent, filepath.Base(dir))
		return err
	}
	require.ErrorContains(t, read(t.TempDir()), "without covmeta files")

	killed := coverDir(t, []string{})
	counters, err := filepath.Glob(filepath.Join(killed, "covcounters.*"))
	require.NoError(t, err)
	whole, err := os.ReadFile(counters[0])
	require.NoError(t, err)
	for n := 0; n < len(whole); n++ {
		require.NoError(t, os.WriteFile(counters[0], whole[:n], 0o644))
		require.Errorf(t, read(killed), "counters cut after %d bytes", n)
	}
	require.NoError(t, os.Remove(counters[0]))
	require.ErrorContains(t, read(killed), "killed before they wrote their counters")

	metas, err := filepath.Glob(filepath.Join(killed, "covmeta.*"))
	require.NoError(t, err)
	meta, err := os.ReadFile(metas[0])
	require.NoError(t, err)
	for n := 0; n < len(meta); n++ {
		_, err := parseCoverMeta(meta[:n])
		require.Errorf(t, err, "meta-data cut after %d bytes", n)
	}
}

func FuzzCoverDir(f *testing.F) {
	dir := coverDir(f, []string{})
	files, err := os.ReadDir(dir)
	require.NoError(f, err)
	var seeds [][]byte
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(dir, file.Name()))
		require.NoError(f, err)
		seeds = append(seeds, data)
	}
	f.Add(seeds[0], seeds[1])
	f.Add(seeds[1], seeds[0])
	f.Fuzz(func(t *testing.T, meta, counters []byte) {
		m, err := parseCoverMeta(meta)
		if err != nil {
			return
		}
		c := coverCounters{}
		if err := c.add(counters, m.hash); err != nil {
			return
		}
		set := NewSet(nil)
		if err := set.addProgram(m, c); err != nil {
			return
		}
		if report, err := set.Report(); err == nil {
			require.LessOrEqual(t, report.Counts().Covered, report.Counts().Total)
		}
	})
}
