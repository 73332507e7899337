package coverage_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/coverage"
)

func TestParsePatchReadsWhatGitWrites(t *testing.T) {
	for name, c := range map[string]struct {
		diff     string
		old, new string
		added    []uint32
		opaque   bool
	}{
		"changed":                      {"diff --git a/x.go b/x.go\nindex 1..2 100644\n--- a/x.go\n+++ b/x.go\n@@ -1,2 +1,3 @@ func x\n a\n+b\n c\n", "x.go", "x.go", []uint32{2}, false},
		"added":                        {"diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\n+b\n", "", "x", []uint32{1, 2}, false},
		"added, empty":                 {"diff --git a/x b/x\nnew file mode 100644\nindex 0..1\n", "", "x", nil, false},
		"deleted":                      {"diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", "x", "", nil, false},
		"renamed":                      {"diff --git a/x b/y z\nsimilarity index 100%\nrename from x\nrename to y z\n", "x", "y z", nil, false},
		"renamed, edit":                {"diff --git a/x b/y\nrename from x\nrename to y\n--- a/x\n+++ b/y\n@@ -3 +3 @@\n-a\n+b\n", "x", "y", []uint32{3}, false},
		"binary":                       {"diff --git a/x.png b/x.png\nindex 1..2 100644\nBinary files a/x.png and b/x.png differ\n", "x.png", "x.png", nil, true},
		"submodule":                    {"diff --git a/sub b/sub\nindex 1..2 160000\n--- a/sub\n+++ b/sub\n@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2\n", "sub", "sub", []uint32{1}, true},
		"symbolic link":                {"diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+to\n\\ No newline at end of file\n", "", "l", []uint32{1}, true},
		"quoted name":                  {"diff --git \"a/caf\\303\\251.go\" \"b/caf\\303\\251.go\"\n--- \"a/caf\\303\\251.go\"\n+++ \"b/caf\\303\\251.go\"\n@@ -1 +1 @@\n-a\n+b\n", "café.go", "café.go", []uint32{1}, false},
		"no prefix":                    {"diff --git src/x.go src/x.go\n--- src/x.go\n+++ src/x.go\n@@ -1 +1 @@\n-a\n+b\n", "src/x.go", "src/x.go", []uint32{1}, false},
		"a folder b":                   {"diff --git b/x.go b/x.go\n--- b/x.go\n+++ b/x.go\n@@ -1 +1 @@\n-a\n+b\n", "b/x.go", "b/x.go", []uint32{1}, false},
		"mnemonic":                     {"--- i/x.go\n+++ w/x.go\n@@ -1 +1 @@\n-a\n+b\n", "x.go", "x.go", []uint32{1}, false},
		"diff -u":                      {"--- a/x.go\t2026-01-01 00:00:00\n+++ b/x.go\t2026-01-02 00:00:00\n@@ -1 +1 @@\n-a\n+b\n", "x.go", "x.go", []uint32{1}, false},
		"with a letter":                {"From 1234 Mon Sep 17\nSubject: x\n---\n x.go | 2 +-\n\ndiff --git a/x.go b/x.go\n--- a/x.go\n+++ b/x.go\n@@ -1 +1 @@\n-a\n+b\n-- \n2.39.5\n", "x.go", "x.go", []uint32{1}, false},
		"CRLF":                         {"--- a/x.go\r\n+++ b/x.go\r\n@@ -1,2 +1,2 @@\r\n a\r\n-b\r\n+c\r\n", "x.go", "x.go", []uint32{2}, false},
		"lines that look like headers": {"--- a/x.sql\n+++ b/x.sql\n@@ -1,2 +1,2 @@\n--- drop\n+++ add\n same\n", "x.sql", "x.sql", []uint32{1}, false},
		"two hunks":                    {"--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n a\n+b\n@@ -10,2 +11 @@\n-c\n d\n", "x", "x", []uint32{2}, false},
	} {
		t.Run(name, func(t *testing.T) {
			patch, err := coverage.ParsePatch(strings.NewReader(c.diff))
			require.NoError(t, err)
			require.Len(t, patch.Files, 1)
			f := patch.Files[0]
			require.Equal(t, []string{c.old, c.new}, []string{f.Old, f.New})
			require.Equal(t, c.opaque, f.Opaque)
			require.Equal(t, c.added, f.Added())
		})
	}
}

func TestParsePatchRefusesWhatItCannotTrust(t *testing.T) {
	for name, c := range map[string]struct{ diff, want string }{
		"empty":                  {"", "no changed file"},
		"a page":                 {"<html>404</html>\n", "no changed file"},
		"cut within a hunk":      {"--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n", "truncated"},
		"cut before the next":    {"--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\ndiff --git a/y b/y\n", "lines of it are missing"},
		"hunk without file":      {"@@ -1 +1 @@\n-a\n+b\n", "a hunk before any file"},
		"hunk header of noise":   {"--- a/x\n+++ b/x\n@@ 1 2 @@\n", "is not the header of a hunk"},
		"hunks out of order":     {"--- a/x\n+++ b/x\n@@ -5 +5 @@\n-a\n+b\n@@ -1 +1 @@\n-a\n+b\n", "begins before the end"},
		"more lines than said":   {"--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-a\n-b\n", "more lines than its header says"},
		"merge":                  {"diff --cc x.go\nindex 1,2..3\n--- a/x.go\n+++ b/x.go\n@@@ -1,1 -1,1 +1,1 @@@\n", "a combined diff"},
		"line numbers too large": {"--- a/x\n+++ b/x\n@@ -99999999999 +1 @@\n", "is not the header of a hunk"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := coverage.ParsePatch(strings.NewReader(c.diff))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestLinesMapBackToWhereTheyWere(t *testing.T) {
	patch, err := coverage.ParsePatch(strings.NewReader("--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n 1\n+new\n 2\n@@ -5,2 +5,0 @@\n-5\n-6\n@@ -8,0 +8,2 @@\n+x\n+y\n"))
	require.NoError(t, err)
	f := patch.Files[0]
	after := "1\nnew\n2\n3\n4\n7\n8\n"
	_, err = f.Before([]byte(after))
	require.Error(t, err, "the last hunk does not fit")
	after = "1\nnew\n2\n3\n4\n7\n8\nx\ny\n10\n"
	before, err := f.Before([]byte(after))
	require.NoError(t, err)
	require.Equal(t, "1\n2\n3\n4\n5\n6\n7\n8\n10\n", string(before))
	old := strings.Split(string(before), "\n")
	for i, text := range strings.Split(strings.TrimSuffix(after, "\n"), "\n") {
		line, unchanged := f.OldLine(uint32(i + 1))
		switch text {
		case "new", "x", "y":
			require.Falsef(t, unchanged, "line %d", i+1)
		default:
			require.Truef(t, unchanged, "line %d", i+1)
			require.Equal(t, text, old[line-1])
		}
	}
}

func FuzzPatch(f *testing.F) {
	f.Add("diff --git a/x b/y\nrename from x\nrename to y\n--- a/x\n+++ b/y\n@@ -1,2 +1,2 @@\n-a\n+b\n c\n", "b\nc\n")
	f.Add("--- /dev/null\n+++ b/y\n@@ -0,0 +1 @@\n+b\n", "b\n")
	f.Add("diff --git \"a/\\303\" \"b/\\303\"\nBinary files differ\n", "")
	f.Fuzz(func(t *testing.T, diff, after string) {
		patch, err := coverage.ParsePatch(strings.NewReader(diff))
		if err != nil {
			return
		}
		require.NotEmpty(t, patch.Files)
		for _, file := range patch.Files {
			added := file.Added()
			before, err := file.Before([]byte(after))
			if err != nil || len(before) > 1<<16 {
				continue
			}
			for _, line := range added {
				_, unchanged := file.OldLine(line)
				require.False(t, unchanged)
			}
		}
	})
}
