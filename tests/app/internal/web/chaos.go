package web

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
)

// Chaos fails a share of the requests on purpose, so that a team can rehearse what its canary analysis and its alerts
// do before a release has a real fault. Health and metrics are never failed: the instance must stay in service.
type Chaos struct {
	rate float64
	mu   sync.Mutex
	rng  *rand.Rand
}

// NewChaos fails requests with probability rate, 0 to 1. The same seed fails the same requests of a sequence.
// A rate of 0 gives nil, which fails none.
func NewChaos(rate float64, seed uint64) (*Chaos, error) {
	if !(rate >= 0 && rate <= 1) {
		return nil, fmt.Errorf("chaos error rate %v is not between 0 and 1", rate)
	}
	if rate == 0 {
		return nil, nil
	}
	return &Chaos{rate: rate, rng: rand.New(rand.NewPCG(seed, seed))}, nil
}

func (c *Chaos) fail(next http.Handler) http.Handler {
	if c == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		hit := c.rng.Float64() < c.rate
		c.mu.Unlock()
		if hit {
			answer(w, http.StatusServiceUnavailable, problem{"failed on purpose (--chaos-error-rate)"})
			return
		}
		next.ServeHTTP(w, r)
	})
}
