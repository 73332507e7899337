package main

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"

	"github.com/sluice-ci/sluice/internal/promapi"
)

// spectrum is what a histogram counted: observations at or below each bound, and all of them. A native histogram, whose empty buckets are
// not written, is counted at the bounds that were asked for, and has within for each bucket the observations in it, by its upper bound.
type spectrum struct {
	upTo   map[float64]int64
	within map[float64]int64
	total  int64
}

func newSpectrum() spectrum { return spectrum{upTo: map[float64]int64{}, within: map[float64]int64{}} }

// bounds in ascending order, without infinity.
func (s spectrum) bounds() []float64 {
	var all []float64
	for b := range s.upTo {
		if !math.IsInf(b, 1) {
			all = append(all, b)
		}
	}
	slices.Sort(all)
	return all
}

func (s spectrum) add(o spectrum) spectrum {
	for b, n := range o.upTo {
		s.upTo[b] += n
	}
	for b, n := range o.within {
		s.within[b] += n
	}
	s.total += o.total
	return s
}

// above is the number of observations over a bound that the spectrum has.
func (s spectrum) above(bound float64) int64 { return s.total - s.upTo[bound] }

// classic sums increments of _bucket series. Prometheus writes bounds in different ways ("1", "1.0"), so they are compared as numbers.
func classic(all []increment) (spectrum, error) {
	s, infinite := newSpectrum(), false
	for _, i := range all {
		text, ok := i.labels["le"]
		bound, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil || math.IsNaN(bound) {
			return s, fmt.Errorf("%s has no bound in the label le: it is no bucket of a histogram", name(i.labels))
		}
		s.upTo[bound] += i.count
		infinite = infinite || math.IsInf(bound, 1)
	}
	if len(all) > 0 && !infinite {
		return s, fmt.Errorf("%s has no bucket le=\"+Inf\", which counts all requests: do not match le yourself", name(all[0].labels))
	}
	s.total = s.upTo[math.Inf(1)]
	return s, nil
}

// nativeAt is the native histogram of one series at its last sample.
type nativeAt struct {
	ms        int64
	histogram promapi.Histogram
}

// addNative gives what native histograms counted since the last look.
func (n *increments) addNative(series []promapi.Series, bounds []float64) (spectrum, error) {
	all := newSpectrum()
	for _, s := range series {
		id := s.ID()
		before, known := n.native[id]
		for _, sample := range s.Native {
			if err := countable(s, sample.Histogram.Count); err != nil {
				return all, err
			}
			if known && sample.Time <= before.ms {
				continue
			}
			if !known {
				var at last
				at, known = n.first(s.Labels, sample.Time)
				before = nativeAt{ms: at.ms}
			}
			if known && sample.Time > n.start {
				if sample.Histogram.Count < before.histogram.Count {
					n.resets++
					before = nativeAt{}
				}
				rise, err := between(before.histogram, sample.Histogram, bounds)
				if err != nil {
					return all, fmt.Errorf("%s: %w", name(s.Labels), err)
				}
				all = all.add(rise)
			}
			before, known = nativeAt{sample.Time, sample.Histogram}, true
		}
		if known {
			n.native[id] = before
		}
	}
	return all, nil
}

// between is what one native histogram counted from one sample to a later one of the same process.
func between(from, to promapi.Histogram, bounds []float64) (spectrum, error) {
	s := newSpectrum()
	s.total = int64(to.Count - from.Count)
	for _, b := range bounds {
		after, fits := upTo(to, b)
		earlier, fitted := upTo(from, b)
		if !fits || !fitted {
			return s, fmt.Errorf("the bound %g lies within a bucket: the histogram's resolution changed", b)
		}
		s.upTo[b] = int64(after - earlier)
	}
	for _, b := range to.Buckets {
		s.within[b.Upper] += int64(b.Count)
	}
	for _, b := range from.Buckets {
		s.within[b.Upper] -= int64(b.Count)
	}
	return s, nil
}

// upTo counts the observations at or below a bound; it does not fit when it lies inside a bucket that is not empty.
func upTo(h promapi.Histogram, bound float64) (n float64, fits bool) {
	for _, b := range h.Buckets {
		switch {
		case b.Upper <= bound*(1+1e-9):
			n += b.Count
		case b.Lower < bound*(1-1e-9):
			return 0, false
		}
	}
	return n, true
}

// growth is the factor from one bound to the next of an exponential histogram, 2^(2^-schema), and 0 where the bounds are of another kind.
func growth(h promapi.Histogram) float64 {
	for _, b := range h.Buckets {
		if b.Lower <= 0 || math.IsInf(b.Upper, 1) {
			continue
		}
		schema := -math.Log2(math.Log2(b.Upper / b.Lower))
		if whole := math.Round(schema); math.Abs(schema-whole) < 1e-6 {
			return math.Exp2(math.Exp2(-whole))
		}
		return 0
	}
	return 0
}

// snap gives the bound of an exponential histogram that is the nearest at or above a wanted one.
func snap(factor, wanted float64) float64 {
	k := math.Ceil(math.Log(wanted)/math.Log(factor) - 1e-9)
	return math.Pow(factor, k)
}

// neighbours of a bound, for people.
func neighbours(bounds []float64, wanted float64) string {
	i := sort.SearchFloat64s(bounds, wanted)
	text := ""
	if i > 0 {
		text = strconv.FormatFloat(bounds[i-1], 'g', -1, 64)
	}
	if i < len(bounds) {
		if text != "" {
			text += " and "
		}
		text += strconv.FormatFloat(bounds[i], 'g', -1, 64)
	}
	return text
}
