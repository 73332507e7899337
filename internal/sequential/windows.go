package sequential

import "math"

// Windows tests every recent stretch of one stream, up to a given length, so that a bad spell is found however good the time before it was.
//
// A likelihood ratio starts afresh with every batch, and their average, over all starts that there will be, is again a
// non-negative supermartingale that starts at 1; leaving out those that started too long ago only makes it smaller. So the bound on
// false aborts holds at every look at once. (For tests that may start at any moment see J. Shin, A. Ramdas and A. Rinaldo,
// "E-detectors: A Nonparametric Framework for Sequential Change Detection", New England J. of Statistics in Data Science, 2023.)
type Windows struct {
	up, down, limit float64
	span            int64
	left, of        int // starts that will still come, and all of them
	starts          []start
}

type start struct {
	at  int64
	log float64
}

// Windows of r's rates and of its bound on false aborts, each at most span long, in the unit of the times given to Add, of a stream that is looked
// at so often at most. What comes later is only counted in windows that began before.
func (r *Rate) Windows(span int64, looks int) *Windows {
	return &Windows{up: r.up, down: r.down, limit: r.fail, span: span, left: looks, of: looks}
}

// Add takes a batch that ends at a time, later than the one before, and tells whether a window that ends there is shown to be worse than acceptable.
func (w *Windows) Add(at, errors, total int64) (bad bool) {
	if w.left > 0 {
		w.left--
		w.starts = append(w.starts, start{at: at})
	}
	for len(w.starts) > 1 && at-w.starts[0].at >= w.span {
		w.starts = w.starts[1:]
	}
	most := math.Inf(-1)
	for i := range w.starts {
		w.starts[i].log += float64(errors)*w.up + float64(total-errors)*w.down
		most = max(most, w.starts[i].log)
	}
	return most >= w.limit && w.Evidence() >= w.limit // the average is no more than the most
}

// Evidence is the natural log of the averaged likelihood ratio; at the negative log of the false-abort bound it decides.
func (w *Windows) Evidence() float64 {
	most := math.Inf(-1)
	for _, s := range w.starts {
		most = math.Max(most, s.log)
	}
	if math.IsInf(most, -1) {
		return most
	}
	sum := 0.0
	for _, s := range w.starts {
		sum += math.Exp(s.log - most)
	}
	return most + math.Log(sum) - math.Log(float64(w.of))
}
