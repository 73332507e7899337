package ocirepo

import (
	"context"
	"errors"
	"io"
	"time"
)

var errStalled = errors.New("no byte moved for too long")

// stallWatch cancels a request in which no byte moves. A deadline for the whole
// request would either cut large blobs or never fire.
type stallWatch struct {
	timer  *time.Timer
	after  time.Duration
	cancel context.CancelCauseFunc
}

func watchStall(ctx context.Context, after time.Duration) (context.Context, *stallWatch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &stallWatch{after: after, cancel: cancel}
	w.timer = time.AfterFunc(after, func() { cancel(errStalled) })
	return ctx, w
}

func (w *stallWatch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

func (w *stallWatch) reader(r io.Reader) io.Reader { return &watchedReader{r, w} }

func (w *stallWatch) readCloser(r io.ReadCloser) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{w.reader(r), r}
}

type watchedReader struct {
	r io.Reader
	w *stallWatch
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.w.timer.Reset(r.w.after)
	}
	return n, err
}
