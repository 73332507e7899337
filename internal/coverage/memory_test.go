package coverage_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/coverage"
)

// heldBy is the heap that a set holds after reading, in bytes.
func heldBy(t *testing.T, distinct, repeats int) (held int64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	set := coverage.NewSet(nil)
	require.NoError(t, set.Read(context.Background(), "cover.out", &profileOf{distinct: distinct, repeats: repeats}))
	runtime.GC()
	runtime.ReadMemStats(&after)
	report, err := set.Report()
	require.NoError(t, err)
	require.NotZero(t, report.Counts().Total)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

func TestMemoryGrowsWithDistinctBlocksAndNotWithLines(t *testing.T) {
	const distinct = 20_000
	once, often := heldBy(t, distinct, 1), heldBy(t, distinct, 20)
	require.Less(t, often, once+once/10+100_000, "twenty times the lines")
	require.Less(t, once, int64(100*distinct), "bytes a block")
}
