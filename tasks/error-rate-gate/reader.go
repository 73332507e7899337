package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/sluice-ci/sluice/internal/promapi"
	"github.com/sluice-ci/sluice/internal/promquery"
	"github.com/sluice-ci/sluice/internal/sequential"
)

// reader counts one stream, look by look, out of the answers to its queries.
type reader struct {
	source
	increments *increments
	seen       bool // a series of the stream was there
	seenPart   bool // a series of errors or good was there

	// Of counts: what was read but cannot be yet, since total and part were scraped at different times.
	carried sequential.Counts

	// Of durations.
	bounds    []float64 // where to count
	factor    float64   // from one bound of the native histogram to the next
	isNative  bool
	spectrum  spectrum // all that was counted
	available []float64
}

func newReader(s source, start int64) *reader {
	return &reader{source: s, increments: newIncrements(start), spectrum: newSpectrum()}
}

// queries are the selectors to ask at each look, the total first: a part that is read after it can hold a later scrape but never lack one.
func (s source) queries() []string {
	switch {
	case s.Histogram != "":
		h := parsed(s.Histogram)
		return []string{h.Named(h.Name + "_bucket").String(), s.Histogram}
	case s.nested():
		return []string{s.Total}
	}
	return []string{s.Total, s.Errors + s.Good}
}

// nested tells whether the part is a selection of the total's own series, so that one answer, of one moment, holds both.
func (s source) nested() bool {
	_, ok := parsed(s.Errors + s.Good).Narrows(parsed(s.Total))
	return ok
}

// parsed reads a selector that was checked before.
func parsed(text string) promquery.Selector {
	s, err := promquery.Parse(text)
	if err != nil {
		panic(err)
	}
	return s
}

// counts reads bad and all requests of a look.
func (r *reader) counts(answers map[string][]promapi.Series) (sequential.Counts, error) {
	if r.Histogram != "" {
		s, err := r.durations(answers)
		if err != nil || len(r.bounds) == 0 || s.total == 0 {
			return sequential.Counts{}, err
		}
		return sequential.Counts{Errors: s.above(r.bounds[0]), Total: s.total}, nil
	}
	total, part, err := r.parts(answers)
	if err != nil {
		return sequential.Counts{}, err
	}
	r.carried.Total += total
	r.carried.Errors += part // of good, until it is paid out
	if !r.seenPart && !r.nested() && r.Errors != "" {
		return sequential.Counts{}, nil
	}
	if r.carried.Errors > r.carried.Total {
		return sequential.Counts{}, nil
	}
	out := r.carried
	r.carried = sequential.Counts{}
	if r.Good != "" {
		out.Errors = out.Total - out.Errors
	}
	return out, nil
}

func (r *reader) parts(answers map[string][]promapi.Series) (total, part int64, err error) {
	all := answers[r.Total]
	r.increments.meet(all)
	if !r.nested() {
		r.increments.meet(answers[r.Errors+r.Good])
	}
	totals, err := r.read(all)
	if err != nil {
		return 0, 0, err
	}
	r.seen = r.seen || len(totals) > 0
	parts := totals
	if !r.nested() {
		if parts, err = r.read(answers[r.Errors+r.Good]); err != nil {
			return 0, 0, err
		}
	} else if err := r.labelled(totals); err != nil {
		return 0, 0, err
	}
	selector := parsed(r.Errors + r.Good)
	for _, i := range totals {
		total += i.count
	}
	for _, i := range parts {
		if selector.Matches(i.labels) {
			r.seenPart = true
			part += i.count
		}
	}
	return total, part, nil
}

func (r *reader) read(series []promapi.Series) ([]increment, error) {
	if err := replicas(series); err != nil {
		return nil, err
	}
	for _, s := range series {
		if len(s.Native) > 0 && len(s.Samples) == 0 {
			return nil, fmt.Errorf("%s is a native histogram, where a counter was asked for: count its durations with histogram and slowerThan", name(s.Labels))
		}
	}
	return r.increments.add(series)
}

// labelled refuses a part whose label no series has: a mistyped status label would find no errors for ever.
func (r *reader) labelled(totals []increment) error {
	extra, _ := parsed(r.Errors + r.Good).Narrows(parsed(r.Total))
	for _, label := range extra {
		if len(totals) > 0 && !slices.ContainsFunc(totals, func(i increment) bool { _, ok := i.labels[label]; return ok }) {
			return fmt.Errorf("no series of %s has the label %q that %s asks for; if it comes with the first error only, give good=%s{%s=\"\"} in place of errors",
				r.Total, label, r.Errors+r.Good, parsed(r.Total).Name, label)
		}
	}
	return nil
}

// durations reads a look of a histogram: the native one where there is one.
func (r *reader) durations(answers map[string][]promapi.Series) (spectrum, error) {
	buckets, native := answers[r.queries()[0]], answers[r.queries()[1]]
	if err := replicas(append(slices.Clip(buckets), native...)); err != nil {
		return spectrum{}, err
	}
	r.increments.meet(native)
	r.increments.meet(buckets)
	if err := r.choose(buckets, native); err != nil {
		return spectrum{}, err
	}
	if r.isNative {
		s, err := r.increments.addNative(native, r.bounds)
		r.spectrum = r.spectrum.add(s)
		return s, err
	}
	all, err := r.increments.add(buckets)
	if err != nil {
		return spectrum{}, err
	}
	s, err := classic(all)
	if err != nil {
		return s, err
	}
	r.spectrum = r.spectrum.add(s)
	for _, b := range s.bounds() {
		if !slices.Contains(r.available, b) {
			r.available = append(r.available, b)
			slices.Sort(r.available)
		}
	}
	return s, nil
}

// choose settles on the native or the classic form when the first samples come.
func (r *reader) choose(buckets, native []promapi.Series) error {
	for _, s := range native {
		if len(s.Samples) > 0 {
			return fmt.Errorf("%s is a counter or a gauge, not a histogram", name(s.Labels))
		}
		r.seen, r.isNative = true, true
		for _, sample := range s.Native {
			if r.factor == 0 {
				r.factor = growth(sample.Histogram)
			}
		}
	}
	r.seen = r.seen || len(buckets) > 0
	return nil
}

// countAbove fixes the bound over which requests are slow, in seconds, once the histogram's own bounds are known. It tells whether they are.
func (r *reader) countAbove(seconds float64, answers map[string][]promapi.Series) error {
	if len(r.bounds) > 0 {
		return nil
	}
	wanted := seconds / r.Unit
	if err := r.choose(answers[r.queries()[0]], answers[r.queries()[1]]); err != nil || !r.seen {
		return err
	}
	if r.isNative {
		if r.factor > 0 {
			wanted = snap(r.factor, wanted)
		}
		r.bounds = []float64{wanted}
		return nil
	}
	all, err := classic(labelsOnly(answers[r.queries()[0]]))
	if err != nil {
		return err
	}
	bounds := all.bounds()
	for _, b := range bounds {
		if math.Abs(b-wanted) <= 1e-9*wanted {
			r.bounds = []float64{b}
			return nil
		}
	}
	if len(bounds) > 0 && wanted > bounds[len(bounds)-1] {
		return fmt.Errorf("the bound %g lies over the last bucket %g of %s: what is slower cannot be told apart; add a bucket, or use a native histogram", wanted, bounds[len(bounds)-1], r.Histogram)
	}
	return fmt.Errorf("the bound %g is no bucket of %s, and within a bucket nothing can be counted; the nearest are %s", wanted, r.Histogram, neighbours(bounds, wanted))
}

func labelsOnly(series []promapi.Series) []increment {
	all := make([]increment, len(series))
	for i, s := range series {
		all[i].labels = s.Labels
	}
	return all
}
