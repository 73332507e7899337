package migrate

import (
	"crypto/tls"
	"time"
)

// Options says how carefully and how fast the engine works. The zero value of a field means the default given beside it.
type Options struct {
	Run     string      // names this run in the history
	Tool    string      // version of the tool, recorded in the history
	Role    string      // role to SET on every connection
	TLS     *tls.Config // authorities to verify the server against; nil leaves it to sslmode and sslrootcert
	Workers int         // parallel writers of a backfill; 2

	// LockTimeout bounds how long a statement waits for a lock, and with it how long a writer can wait behind it; 500ms. A batch
	// of a backfill as a whole gets no more, since writers wait for its row locks.
	LockTimeout time.Duration
	// StatementTimeout bounds how long a short statement may hold a lock; 5s.
	StatementTimeout time.Duration
	// ScanTimeout bounds statements that read a whole table under a weak lock; 6h.
	ScanTimeout time.Duration
	// RetryFor is how long a lock that is busy is tried again before the run gives up; 2m.
	RetryFor time.Duration

	BatchTime time.Duration // aim for one batch of a backfill; 100ms
	Load      int           // percent of its time that a worker of a backfill works; 100

	// Pause the backfill above these; 0 turns a limit off.
	MaxLag      time.Duration // replay lag of any replica; 10s
	MaxWAL      int64         // bytes of WAL a second
	MaxSessions int           // sessions active besides our own

	LeaseFor  time.Duration // a runner that is silent this long has lost its lease; 30s
	LeaseWait time.Duration // how long to wait for another runner; 0

	Progress func(Progress) // called now and then from one goroutine at a time
}

// Progress is how far a backfill or a verification has come.
type Progress struct {
	Change string
	Table  string
	Phase  string // "backfill" or "verify"
	Done   int64  // rows of the ranges that are done
	Total  int64  // rows counted when the ranges were cut
	Since  time.Time
	Paused string // why the work is paused, or ""
}

// ETA is the time left at the mean speed since this run began, 0 when unknown.
func (p Progress) ETA(doneBefore int64) time.Duration {
	did := p.Done - doneBefore
	if did <= 0 {
		return 0
	}
	return time.Duration(float64(time.Since(p.Since)) * float64(p.Total-p.Done) / float64(did))
}

// WithDefaults fills in what is left out.
func (o Options) WithDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.LockTimeout, 500*time.Millisecond)
	def(&o.StatementTimeout, 5*time.Second)
	def(&o.ScanTimeout, 6*time.Hour)
	def(&o.RetryFor, 2*time.Minute)
	def(&o.BatchTime, 100*time.Millisecond)
	def(&o.LeaseFor, 30*time.Second)
	if o.BatchTime > o.LockTimeout*4/5 {
		o.BatchTime = o.LockTimeout * 4 / 5
	}
	if o.Workers <= 0 {
		o.Workers = 2
	}
	if o.Load <= 0 || o.Load > 100 {
		o.Load = 100
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Run == "" {
		o.Run = "local"
	}
	return o
}
