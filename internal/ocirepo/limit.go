package ocirepo

import (
	"context"
	"sync"
)

// Requests in flight to one host. Fast registries are bounded by round trips,
// so the start is generous; a 429 halves it.
const (
	startInFlight = 16
	maxInFlight   = 32
)

// limiter bounds the requests in flight, additively more on success and half
// as many when the host asks to slow down (the congestion control of Chiu and Jain).
type limiter struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever a slot may be free
	limit   float64
	busy    int
}

func newLimiter() *limiter { return &limiter{limit: startInFlight, changed: make(chan struct{})} }

func (l *limiter) acquire(ctx context.Context) error {
	for {
		l.mu.Lock()
		if l.busy < int(l.limit) {
			l.busy++
			l.mu.Unlock()
			return nil
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// release frees a slot; slowDown says that the host answered 429 or 503.
func (l *limiter) release(slowDown bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy--
	if slowDown {
		l.limit = max(1, l.limit/2)
	} else {
		l.limit = min(maxInFlight, l.limit+1/l.limit)
	}
	close(l.changed)
	l.changed = make(chan struct{})
}
