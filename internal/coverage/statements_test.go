package coverage

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const statementsSource = `package p

// A comment.
func f(a, b int) (n int) {
	n = a

	// why
	if a > b {
		n++
	} else if a == b { n = 0 } else {
		n--
	}
	for i := 0; i < 3; i++ {
		switch {
		case i == 1:
			n += i
		default:
		}
	}
	defer func() {
		n = 7
	}()
	s := ` + "`raw\n\ntext`" + `
	_ = s
	return n
}
`

func TestStatementsOwnTheirLinesButNotThoseOfStatementsWithin(t *testing.T) {
	found, err := goStatements([]byte(statementsSource))
	require.NoError(t, err)
	type place struct{ line, col uint32 }
	lines := map[place][]uint32{}
	for _, s := range found {
		lines[place{s.line, s.col}] = s.lines
	}
	want := map[place][]uint32{
		{5, 2}: {5},
		{8, 2}: {8}, {9, 3}: {9},
		{10, 9}: {10, 12}, {10, 21}: {10}, {11, 3}: {11},
		{13, 2}: {13, 19}, {14, 3}: {14, 15, 17, 18}, {16, 4}: {16},
		{20, 2}: {20, 22}, {21, 3}: {21},
		{23, 2}: {23, 24, 25}, {26, 2}: {26}, {27, 2}: {27},
	}
	require.Len(t, lines, len(want))
	for at, l := range want {
		require.ElementsMatchf(t, l, lines[at], "statement at %d:%d", at.line, at.col)
	}
}

// TestStatementsAreThoseThatGoCounts measures this very package and compares block by block.
func TestStatementsAreThoseThatGoCounts(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "cover.out")
	runIn(t, ".", nil, "go", "test", "-run=^$", "-coverprofile="+profile, ".")
	report := reportOf(t, profile)
	whole, exact := 0, 0
	for _, f := range report.Files {
		source, err := os.ReadFile(filepath.Base(f.Path))
		require.NoError(t, err)
		var total uint64
		for _, u := range units(Statements, f, source) {
			total += u.count
			if u.count > 1 {
				whole++
			} else {
				exact++
			}
		}
		require.Equal(t, f.Counts().Total, total, f.Path)
	}
	require.Zero(t, whole, "blocks that the source does not explain")
	require.Greater(t, exact, 500)
}
