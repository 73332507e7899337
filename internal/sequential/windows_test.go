package sequential

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// spell looks at a stream that has one rate, but another from one look to before another, and gives the look at which a window was shown to be bad,
// or 0.
func spell(t *testing.T, w *Windows, r *rand.Rand, looks int, usually, meanwhile sampler, from, to int) int {
	for look := 1; look <= looks; look++ {
		s := usually
		if look >= from && look < to {
			s = meanwhile
		}
		if w.Add(int64(look), s.draw(r), s.n) {
			return look
		}
	}
	return 0
}

func TestWindowsHoldTheBoundOnFalseAbortsOverTheWholeStream(t *testing.T) {
	for _, looks := range []int{30, 120} {
		for _, span := range []int{1, 10, 120} {
			for _, perLook := range []int64{20, 400} {
				t.Run(fmt.Sprintf("%d looks, windows of %d, %d a look", looks, span, perLook), func(t *testing.T) {
					r := rand.New(rand.NewPCG(11, uint64(perLook)))
					s := newSampler(perLook, staging.acceptable)
					aborted, n := 0, *runs/2
					for range n {
						if spell(t, newRate(t, staging).Windows(int64(span), looks), r, looks, s, s, 0, 0) > 0 {
							aborted++
						}
					}
					atMost(t, aborted, n, usual.FalseAbort, "false aborts")
				})
			}
		}
	}
}

func TestWindowsHoldTheBoundUnderBursts(t *testing.T) {
	const size, looks, perLook = 5, 100, 102 // bursts straddle looks
	r := rand.New(rand.NewPCG(12, 0))
	aborted, n := 0, *runs/2
	for range n {
		test, err := NewRate(staging.acceptable, staging.refused, size, usual)
		require.NoError(t, err)
		w, draw := test.Windows(20, looks), bursts(r, staging.acceptable, size, perLook)
		for look := range looks {
			if errors, total := draw(); w.Add(int64(look), errors, total) {
				aborted++
				break
			}
		}
	}
	atMost(t, aborted, n, usual.FalseAbort, "false aborts")
}

func TestWindowsFindASpellThatALongGoodTimeHides(t *testing.T) {
	const looks, perLook = 60, 100
	good, bad := newSampler(perLook, 0.001), newSampler(perLook, 0.10)
	r := rand.New(rand.NewPCG(13, 0))
	found, n := 0, *runs/4
	for range n {
		at := spell(t, newRate(t, staging).Windows(10, looks), r, looks, good, bad, 50, 56)
		require.True(t, at == 0 || at >= 50, "nothing is wrong before look 50")
		if at > 0 {
			found++
		}
		whole := newRate(t, staging)
		v, _ := watch(t, whole, func() (int64, int64) { return good.draw(r), perLook })
		require.Equal(t, Pass, v, "the plain test has passed long before")
	}
	require.Greater(t, found, n*95/100)
}

func TestWindowsWithoutRequestsShowNothing(t *testing.T) {
	w := newRate(t, staging).Windows(10, 100)
	for look := range 200 {
		require.False(t, w.Add(int64(look), 0, 0))
	}
}

func TestWindowsForgetWhatIsOlderThanTheirSpan(t *testing.T) {
	w := newRate(t, staging).Windows(10, 100)
	require.True(t, w.Add(1, 50, 100))
	require.True(t, w.Add(10, 0, 0))
	require.False(t, w.Add(11, 0, 0))
}
