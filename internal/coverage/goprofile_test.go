package coverage_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/cover"

	"github.com/sluice-ci/sluice/internal/coverage"
)

// read merges texts, each as if it were a file of its own.
func read(texts ...string) (*coverage.Report, error) {
	set := coverage.NewSet(nil)
	for _, text := range texts {
		if err := set.Read(context.Background(), "cover.out", strings.NewReader(text)); err != nil {
			return nil, err
		}
	}
	return set.Report()
}

func totals(t *testing.T, texts ...string) coverage.Counts {
	t.Helper()
	report, err := read(texts...)
	require.NoError(t, err)
	return report.Counts()
}

func counts(covered, total uint64) coverage.Counts {
	return coverage.Counts{Covered: covered, Total: total}
}

func TestGoProfilesMergeByPlace(t *testing.T) {
	for name, c := range map[string]struct {
		profiles []string
		want     coverage.Counts
	}{
		"one": {[]string{"mode: set\na.go:1.1,2.2 3 1\na.go:3.1,4.2 2 0\n"}, counts(3, 5)},
		"repeated by -coverpkg, covered by the second test binary": {
			[]string{"mode: set\na.go:1.1,2.2 3 0\nb.go:1.1,2.2 4 0\na.go:1.1,2.2 3 1\nb.go:1.1,2.2 4 0\n"}, counts(3, 7)},
		"repeated in another order": {
			[]string{"mode: count\na.go:5.1,6.2 1 0\na.go:1.1,2.2 3 0\na.go:3.1,4.2 1 7\na.go:1.1,2.2 3 1\na.go:5.1,6.2 1 2\n"}, counts(5, 5)},
		"two files of two runs": {
			[]string{"mode: set\na.go:1.1,2.2 3 0\n", "mode: set\na.go:1.1,2.2 3 1\n"}, counts(3, 3)},
		"modes mixed, since covered is covered": {
			[]string{"mode: set\na.go:1.1,2.2 3 1\n", "mode: atomic\na.go:1.1,2.2 3 0\n"}, counts(3, 3)},
		"a second mode line by concatenation": {
			[]string{"mode: set\na.go:1.1,2.2 3 0\nmode: set\na.go:1.1,2.2 3 1\n"}, counts(3, 3)},
		"carriage returns, a byte order mark, blank lines, no last newline": {
			[]string{"\xef\xbb\xbfmode: set\r\na.go:1.1,2.2 3 1\r\n\r\na.go:3.1,4.2 2 0"}, counts(3, 5)},
		"file names with colons and blanks": {
			[]string{"mode: set\nC:/my work/a.go:1.1,2.2 3 1\nC:/my work/a.go:3.1,4.2 1 0\na.go:1.1,2.2:9.go:1.1,2.2 1 0\n"}, counts(3, 5)},
		"counts beyond 64 bits": {
			[]string{"mode: count\na.go:1.1,2.2 3 99999999999999999999999999\na.go:3.1,4.2 1 00\n"}, counts(3, 4)},
		"same start, different end, are two blocks": {
			[]string{"mode: set\na.go:1.1,1.9 1 1\na.go:1.1,2.2 1 0\n"}, counts(1, 2)},
		"an untested package is 0 %": {
			[]string{"mode: set\nm/tested/a.go:1.1,2.2 1 1\nm/untested/b.go:1.1,2.2 9 0\n"}, counts(1, 10)},
		"blocks without statements weigh nothing": {
			[]string{"mode: set\na.go:1.1,1.3 0 0\na.go:2.1,3.2 1 1\n"}, counts(1, 1)},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, totals(t, c.profiles...)) })
	}
}

func TestGoProfilesAreRefusedWithTheLineToBlame(t *testing.T) {
	for name, c := range map[string]struct{ profile, want string }{
		"empty":                {"", "it is empty"},
		"blank":                {" \n\n", "it is empty"},
		"mode line only":       {"mode: set\n", "no block of statements"},
		"no mode line":         {"a.go:1.1,2.2 3 1\n", "begins no known format"},
		"unknown mode":         {"mode: line\na.go:1.1,2.2 3 1\n", `line 1: mode "line"`},
		"truncated":            {"mode: set\na.go:1.1,2.2 3 1\na.go:3.1,4", "line 3"},
		"cut in the count":     {"mode: set\na.go:1.1,2.2 3 ", "line 2"},
		"negative":             {"mode: set\na.go:1.1,2.2 -3 1\n", "line 2"},
		"negative count":       {"mode: set\na.go:1.1,2.2 3 -1\n", "line 2"},
		"no file name":         {"mode: set\n:1.1,2.2 3 1\n", "line 2"},
		"line beyond 32 bits":  {"mode: set\na.go:4294967296.1,2.2 3 1\n", "line 2"},
		"only empty blocks":    {"mode: set\na.go:1.1,1.3 0 1\n", "no statements at all"},
		"changed statements":   {"mode: set\na.go:1.1,2.2 3 1\na.go:1.1,2.2 4 1\n", "has 4 statements here and 3 before"},
		"binary":               {"mode: set\n\x00\x01\x02\n", "line 2"},
		"UTF-16":               {"\xff\xfem\x00o\x00d\x00e\x00", "UTF-16"},
		"HTML of go tool":      {"<!DOCTYPE html>\n<html>", "root of no known coverage report"},
		"a line without end":   {"mode: set\n" + strings.Repeat("x", 2<<20), "longer than"},
		"blocks of two builds": {"mode: set\na.go:1.1,9.2 3 1\nmode: set\na.go:1.1,7.2 2 1\n", "two versions of the file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(c.profile)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestUnequalBlockListsAreExplained(t *testing.T) {
	report, err := read("mode: set\na.go:1.1,2.2 3 1\na.go:5.1,6.2 1 1\n", "mode: set\na.go:1.1,2.2 3 1\n")
	require.NoError(t, err)
	require.Equal(t, counts(4, 4), report.Counts())
	require.Len(t, report.Notes, 1)
	require.Contains(t, report.Notes[0], "a.go: the profiles list different blocks")
}

// FuzzGoProfile holds the parser against golang.org/x/tools/cover: whatever both accept has one total.
func FuzzGoProfile(f *testing.F) {
	profile := filepath.Join(f.TempDir(), "cover.out")
	goCommand(f, "../strictjson", "test", "-coverprofile="+profile, ".")
	written, err := os.ReadFile(profile)
	require.NoError(f, err)
	f.Add(string(written))
	f.Add("mode: set\na.go:1.1,2.2 3 1\na.go:3.1,4.2 2 0\n")
	f.Add("mode: count\nb/a.go:1.1,2.2 3 1\nb/a.go:1.1,2.2 3 0\nC:/x.go:3.1,4.2 2 0\n")
	f.Add("mode: atomic\r\na.go:1.1,1.3 0 0\r\n")
	f.Add("mode: set\nmode: set\n")
	f.Fuzz(func(t *testing.T, text string) {
		ours, err := read(text)
		theirs, theirErr := cover.ParseProfilesFromReader(strings.NewReader(text))
		if err != nil || theirErr != nil {
			return
		}
		var want coverage.Counts
		for _, p := range theirs {
			for _, b := range p.Blocks {
				want.Total += uint64(b.NumStmt)
				if b.Count > 0 {
					want.Covered += uint64(b.NumStmt)
				}
			}
		}
		require.Equal(t, want, ours.Counts())
	})
}
