package coverage_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/cover"

	"github.com/sluice-ci/sluice/internal/coverage"
)

// profileOf is a Go profile of `distinct` blocks, each reported `repeats` times, as -coverpkg=./... writes it: every
// test binary reports every block once more. It is generated while it is read, so that it costs no memory.
type profileOf struct {
	distinct, repeats int
	at                int
	pending           bytes.Buffer
	out               []byte
}

const blocksPerFile = 500

func (p *profileOf) Read(b []byte) (int, error) {
	if p.at == 0 && p.pending.Len() == 0 {
		p.pending.WriteString("mode: atomic\n")
	}
	for p.pending.Len() < len(b) && p.at < p.distinct*p.repeats {
		block := p.at % p.distinct
		line := 10 + 3*(block%blocksPerFile)
		p.out = fmt.Appendf(p.out[:0], "github.com/example/application/internal/component%d/file.go:%d.%d,%d.2 %d %d\n",
			block/blocksPerFile, line, 20+block%40, line+2, 1+block%4, p.at%3)
		p.pending.Write(p.out)
		p.at++
	}
	return p.pending.Read(b)
}

// Bytes are the same for both parsers and made before the clock starts.
func profileBytes(t testing.TB, distinct, repeats int) []byte {
	b, err := io.ReadAll(&profileOf{distinct: distinct, repeats: repeats})
	require.NoError(t, err)
	return b
}

// reportCPU adds the processor time of an operation, which other work on the machine distorts less than the clock.
func reportCPU(b *testing.B) func() {
	spent := func() (t time.Duration) {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := spent()
	return func() { b.ReportMetric(float64((spent()-before).Nanoseconds())/float64(b.N), "cpu-ns/op") }
}

// BenchmarkParse compares with golang.org/x/tools/cover, on profiles in memory: a million blocks once, a tenth of them ten
// times, and the largest promised, a million ten times. B/op shows that memory follows the distinct blocks.
func BenchmarkParse(b *testing.B) {
	for _, size := range []struct{ distinct, repeats int }{{1_000_000, 1}, {100_000, 10}, {1_000_000, 10}} {
		data := profileBytes(b, size.distinct, size.repeats)
		name := fmt.Sprintf("lines=%d/distinct=%d", size.distinct*size.repeats, size.distinct)
		b.Run(name+"/sluice", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			defer reportCPU(b)()
			for b.Loop() {
				set := coverage.NewSet(nil)
				require.NoError(b, set.Read(context.Background(), "cover.out", bytes.NewReader(data)))
				_, err := set.Report()
				require.NoError(b, err)
			}
		})
		b.Run(name+"/x-tools", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			defer reportCPU(b)()
			for b.Loop() {
				_, err := cover.ParseProfilesFromReader(bytes.NewReader(data))
				require.NoError(b, err)
			}
		})
	}
}
