package coverage_test

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/coverage"
	"github.com/sluice-ci/sluice/internal/coverage/coveragetest"
)

// heldBy is the heap that a set holds after reading, in bytes.
func heldBy(t *testing.T, format string, distinct, repeats int) (held int64) {
	file, err := os.Create(filepath.Join(t.TempDir(), "report"))
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, coveragetest.Write(file, format, distinct, repeats))
	_, err = file.Seek(0, io.SeekStart)
	require.NoError(t, err)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	set := coverage.NewSet(nil)
	require.NoError(t, set.Read(t.Context(), "report", file))
	runtime.GC()
	runtime.ReadMemStats(&after)
	merged, err := set.Report()
	require.NoError(t, err)
	total := uint64(distinct)
	if format == "Go" {
		total *= 2
	}
	require.Equal(t, total, merged.Counts().Total)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

func TestMemoryGrowsWithDistinctLinesAndNotWithRepeatedOnes(t *testing.T) {
	const distinct = 20_000
	for _, format := range coveragetest.Formats {
		t.Run(format, func(t *testing.T) {
			once, often := heldBy(t, format, distinct, 1), heldBy(t, format, distinct, 20)
			require.Less(t, often, once+once/10+100_000, "twenty times the lines")
			require.Less(t, once, int64(100*distinct), "bytes a line")
		})
	}
}
