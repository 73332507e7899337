package portable

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
)

// TestRandomLivesWithInterruptionsLoseNothing takes a change forth and back in random order, with runs that are cut short at random
// moments, while both application versions write.
func TestRandomLivesWithInterruptionsLoseNothing(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		for seed := range uint64(6) {
			w := newWorld(t, p, people, migrate.Options{})
			w.use(splitYAML)
			l := &randomLife{world: w, random: rand.New(rand.NewPCG(seed, 1))}
			l.live()
			w.sameNames("concat(first_name, ' ', last_name)", l.writers...)
		}
	})
}

type randomLife struct {
	*world
	random  *rand.Rand
	writers []*writer
}

func (l *randomLife) live() {
	l.t.Helper()
	old := l.begin(1, oldInsert, oldUpdate)
	for turn := 0; ; turn++ {
		l.do("expand", migrate.Expanded)
		l.do("backfill", migrate.Verified)
		fresh := l.begin(2, newInsert, newUpdate)
		l.do("switch", migrate.Switched)
		require.Zero(l.t, l.number(splitWrong))
		if turn < 3 && l.random.IntN(2) == 0 {
			fresh.stop()
			l.do("rollback", migrate.RolledBack)
			continue
		}
		old.stop()
		l.do("contract", migrate.Tombstoned)
		if turn < 3 && l.random.IntN(2) == 0 {
			l.do("lift", migrate.Switched)
			old = l.begin(1, oldInsert, oldUpdate)
			require.Zero(l.t, l.number(splitWrong))
			fresh.stop()
			l.do("rollback", migrate.RolledBack)
			continue
		}
		if l.random.IntN(2) == 0 {
			l.interrupt("lift")
		}
		l.do("contract", migrate.Completed)
		fresh.stop()
		return
	}
}

// begin starts a writer whose parity of row numbers is its version's.
func (l *randomLife) begin(version int, insert, update string) *writer {
	wr := l.writer(2*len(l.writers)+version, insert, update)
	l.writers = append(l.writers, wr)
	return wr
}

// do carries a change into a phase by one action, often after attempts that are interrupted.
func (l *randomLife) do(action string, to migrate.Phase) {
	l.t.Helper()
	time.Sleep(3 * time.Millisecond)
	for l.random.IntN(3) > 0 && l.phase() != to {
		l.interrupt(action)
	}
	for range 3 { // a contract may have to begin with the tombstone again
		if l.phase() == to {
			return
		}
		require.NoError(l.t, act(l.ctx, l.engine, l.change, action), action)
		time.Sleep(3 * time.Millisecond)
	}
	require.Equal(l.t, to, l.phase())
}

func (l *randomLife) interrupt(action string) {
	ctx, stop := context.WithTimeout(l.ctx, time.Duration(1+l.random.IntN(80))*time.Millisecond)
	defer stop()
	_ = act(ctx, l.engine, l.change, action)
}

func (l *randomLife) phase() migrate.Phase {
	l.t.Helper()
	at, err := l.engine.Stands(l.ctx, l.change)
	require.NoError(l.t, err)
	return at.Phase
}
