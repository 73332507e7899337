package images_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/images"
)

func TestIgnorePatterns(t *testing.T) {
	for _, test := range []struct {
		patterns      string
		ignored, kept string // blank-separated paths
	}{
		{"", "", "a .git"},
		{"# a comment\n\n  \n", "", "a"},
		{"node_modules", "node_modules node_modules/a/b", "a/node_modules node_modules2"},
		{"/dist/", "dist dist/a", "a/dist"},
		{"./tmp/../x", "x x/y", "tmp"},
		{"*.log", "a.log b.log/c", "a/b.log alog"},
		{"**/*.log", "a.log a/b.log a/b/c.log", "a/b.txt"},
		{"**.log", "a.log a/b.log", "a.txt"},
		{"a/**", "a/b a/b/c", "b a.txt"},
		{"a/**/z", "a/z a/b/z a/b/c/z/y", "a/b z"},
		{"a?c", "abc aüc", "ac abbc a/c"},
		{"[a-c]x", "ax bx", "dx -x"},
		{`[\d]x`, "dx", "1x"},
		{"[^a]x", "bx", "ax"},
		{"a/**b", "a/b a/c/b", "a/xb"},
		{`[\]\-]`, "] -", "a"},
		{`\*`, "*", "a"},
		{"a.b", "a.b", "axb"},
		{"*\n!keep", "a b/c", "keep keep/d"},
		{"docs\n!docs/README.md\ndocs/README.md", "docs/README.md", "x"},
		{"docs\n!docs/README.md", "docs docs/a", "docs/README.md"},
		{"\ufeffa\r\nb\r\n", "a b", "c"},
		{"*\n.\n/", "a", ""},
	} {
		ignore, err := images.ParseIgnore(strings.NewReader(test.patterns))
		require.NoError(t, err)
		for _, name := range strings.Fields(test.ignored) {
			require.Truef(t, ignore.Ignores(name), "%q ignores %q", test.patterns, name)
		}
		for _, name := range strings.Fields(test.kept) {
			require.Falsef(t, ignore.Ignores(name), "%q keeps %q", test.patterns, name)
		}
	}
}

func TestABadIgnorePatternIsNamedWithItsLine(t *testing.T) {
	_, err := images.ParseIgnore(strings.NewReader("a\n[b\n"))
	require.EqualError(t, err, `reading line 2, "[b": syntax error in pattern`)
	_, err = images.ParseIgnore(strings.NewReader("!"))
	require.EqualError(t, err, "reading line 1: an exception names nothing")
}

func FuzzParseIgnore(f *testing.F) {
	for _, seed := range []string{"a", "!a", "[a-z]*", `[\]]`, "**/x/**", `\`, "[", "[^", "[a-\\]]", "!"} {
		f.Add(seed, "a/b")
	}
	f.Fuzz(func(t *testing.T, patterns, name string) {
		ignore, err := images.ParseIgnore(strings.NewReader(patterns))
		if err != nil {
			return
		}
		if ignore.Ignores(name) && !strings.Contains(patterns, "!") {
			require.True(t, ignore.Ignores(name+"/below"), "what covers a directory covers all below it")
		}
	})
}
