package migrate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// A pace finds the number of rows that fill one batch's time: an exponential moving average over the time a row took, as
// GitLab's batched background migrations do.
type pace struct {
	aim    time.Duration
	load   int
	perRow float64 // seconds, 0 before the first batch
	most   int64
}

// firstRows is the size of the first batch, before anything is known.
const firstRows = 500

// smoothing is the weight of the newest batch.
const smoothing = 0.3

func newPace(o Options) *pace { return &pace{aim: o.BatchTime, load: o.Load, most: firstRows} }

// rows is how many rows the next batch may hold. It grows at most twofold a batch.
func (p *pace) rows() int64 {
	if p.perRow == 0 {
		return p.most
	}
	return max(1, min(p.most, int64(p.aim.Seconds()/p.perRow)))
}

func (p *pace) observe(rows int64, took time.Duration) {
	if rows <= 0 {
		return
	}
	now := took.Seconds() / float64(rows)
	if p.perRow == 0 {
		p.perRow = now
	} else {
		p.perRow += smoothing * (now - p.perRow)
	}
	p.most = max(p.most, min(2*rows, 1<<30))
	if rows*2 < p.most {
		p.most = max(2*rows, firstRows)
	}
}

// tooSlow halves the batch after one that ran into its timeout.
func (p *pace) tooSlow() {
	n := max(1, p.rows()/2)
	p.most, p.perRow = n, p.aim.Seconds()/float64(n)
}

// rest is how long to sleep after a batch, so that a worker works the given percentage of its time.
func (p *pace) rest(took time.Duration) time.Duration {
	return took * time.Duration(100-p.load) / time.Duration(p.load)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func equal(a, b []string) bool { return slices.Equal(a, b) }

func isNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
