package coverage_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/coverage"
)

func percent(t testing.TB, s string) coverage.Percent {
	t.Helper()
	p, err := coverage.ParsePercent(s)
	require.NoError(t, err)
	return p
}

func TestReachesComparesIntegersAndNeverRounds(t *testing.T) {
	for _, c := range []struct {
		covered, total uint64
		minimum        string
		want           bool
	}{
		{80, 100, "80", true},
		{7995, 10000, "80", false}, // 79.95 % prints as 80.0 % where one decimal is rounded
		{79999999, 100000000, "80", false},
		{7995, 10000, "79.95", true},
		{7994, 10000, "79.95", false},
		{2, 3, "66.666666", true},
		{2, 3, "66.666667", false},
		{0, 0, "0", true},
		{0, 0, "0.000001", false}, // nothing out of nothing reaches nothing
		{0, 10, "0", true},
		{10, 10, "100", true},
		{9, 10, "100", false},
		{math.MaxUint64 - 1, math.MaxUint64, "100", false}, // beyond what 64 bits could multiply
		{math.MaxUint64, math.MaxUint64, "100", true},
	} {
		require.Equalf(t, c.want, coverage.Counts{Covered: c.covered, Total: c.total}.Reaches(percent(t, c.minimum)),
			"%d of %d against %s", c.covered, c.total, c.minimum)
	}
}

func TestPercentIsRoundedDown(t *testing.T) {
	for _, c := range []struct {
		covered, total uint64
		want           string
		float          float64
	}{
		{79999, 100000, "79.99", 79.99},
		{4, 5, "80.00", 80},
		{1, 3, "33.33", 33.33},
		{712, 1000, "71.20", 71.2},
		{0, 7, "0.00", 0},
		{0, 0, "none", 0},
		{5, 5, "100.00", 100},
		{math.MaxUint64 - 1, math.MaxUint64, "99.99", 99.99},
	} {
		counts := coverage.Counts{Covered: c.covered, Total: c.total}
		require.Equal(t, c.want, counts.Percent())
		require.Equal(t, c.float, counts.Float())
	}
}

func TestParsePercentRefusesWhatItCannotHoldExactly(t *testing.T) {
	for _, s := range []string{"80", "80%", " 79.95 % ", "0", "100", "100.000000", "0.000001"} {
		_, err := coverage.ParsePercent(s)
		require.NoErrorf(t, err, "%q", s)
	}
	for _, s := range []string{"", "%", "-1", "+80", "101", "100.000001", "80.", ".5", "8e1", "0.0000001", "NaN", "Inf",
		"80,5", "80 percent", "٨٠", "0x50", "99999999999999999999"} {
		_, err := coverage.ParsePercent(s)
		require.Errorf(t, err, "%q", s)
	}
}

func FuzzPercent(f *testing.F) {
	for _, seed := range []string{"80", "79.95%", " 0.000001 ", "100.0", "1e2", "-5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := coverage.ParsePercent(text)
		if err != nil {
			return
		}
		again, err := coverage.ParsePercent(p.String())
		require.NoError(t, err)
		require.Equal(t, p, again)
		require.True(t, coverage.Counts{Covered: 3, Total: 3}.Reaches(p))
		require.Equal(t, p.IsZero(), coverage.Counts{Total: 3}.Reaches(p))
	})
}
