package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/sluice-ci/sluice/internal/promapi"
	"github.com/sluice-ci/sluice/internal/sequential"
)

// calibration is how many requests of the baseline lie over its quantile before the bounds are fixed: enough to know where the quantile
// is to a few percent. What was counted until then is no evidence, so that the bounds never depend on the counts that are tested.
const calibration = 20

// takeQuantile compares a quantile by counts. Let x be the baseline's quantile, rounded up to a bound of the histogram, and y the greatest
// bound within the refused increase over x. The canary is acceptable if its share over x is at most the baseline's over x, and is refused if
// its share over y is at least the baseline's over x: then its quantile has moved from x to y or beyond. No shape is assumed and nothing interpolated.
func (j *judge) takeQuantile(answers map[string][]promapi.Series) error {
	baseline, err := j.baseline.durations(answers)
	if err != nil {
		return err
	}
	canary, err := j.canary.durations(answers)
	if err != nil {
		return err
	}
	if len(j.baseline.bounds) == 0 {
		x, y, ok, err := j.calibrate()
		if err != nil || !ok {
			return err
		}
		j.baseline.bounds, j.canary.bounds = []float64{x, y}, []float64{x, y}
		return nil
	}
	x, y := j.baseline.bounds[0], j.baseline.bounds[1]
	if canary.total > 0 && !j.canary.isNative && !(slices.Contains(j.canary.available, x) && slices.Contains(j.canary.available, y)) {
		return fmt.Errorf("canary and baseline have different buckets: %s has no bounds %g and %g", j.canary.Histogram, x, y)
	}
	overX := sequential.Counts{Errors: canary.above(x), Total: canary.total}
	reference := sequential.Counts{Errors: baseline.above(x), Total: baseline.total}
	j.count(overX, reference)
	j.verdict, err = j.comparison.AddShifted(
		sequential.Table{Canary: overX, Baseline: reference},
		sequential.Table{Canary: sequential.Counts{Errors: canary.above(y), Total: canary.total}, Baseline: reference})
	return err
}

// calibrate finds x and y once the baseline has counted enough.
func (j *judge) calibrate() (x, y float64, ok bool, err error) {
	s, over := j.baseline.spectrum, 1-j.rule.Quantile.float()
	if float64(s.total)*over < calibration {
		return 0, 0, false, nil
	}
	x, finite := s.quantile(over)
	if !finite {
		return 0, 0, false, fmt.Errorf("the baseline's %s quantile lies over the last bucket of %s, where nothing can be told apart; add buckets, or use a native histogram",
			j.rule.Quantile.text, j.baseline.Histogram)
	}
	most := x * (1 + j.rule.Increase.float()) * (1 + 1e-9)
	if j.baseline.isNative && j.baseline.factor > 0 {
		for y = x; y*j.baseline.factor <= most; {
			y *= j.baseline.factor
		}
	} else {
		for _, b := range s.bounds() {
			if b <= most {
				y = max(y, b)
			}
		}
	}
	if y <= x*(1+1e-9) {
		return 0, 0, false, fmt.Errorf("%s has no bound between %g, the baseline's %s quantile, and %s more, so such a move is invisible (the bounds near it are %s); add buckets, or use a native histogram of schema 4 or finer",
			j.baseline.Histogram, x, j.rule.Quantile.text, j.rule.Increase.text, neighbours(s.bounds(), x*1.0001))
	}
	return x, y, true, nil
}

// quantile is the least bound over which at most a share of the observations lies. It is not finite in the last bucket.
func (s spectrum) quantile(over float64) (bound float64, finite bool) {
	if len(s.within) > 0 {
		var uppers []float64
		for b := range s.within {
			uppers = append(uppers, b)
		}
		slices.Sort(uppers)
		left := s.total
		for _, b := range uppers {
			if left -= s.within[b]; float64(left) <= over*float64(s.total) {
				return b, b > 0 && !math.IsInf(b, 1)
			}
		}
		return 0, false
	}
	for _, b := range s.bounds() {
		if float64(s.above(b)) <= over*float64(s.total) {
			return b, b > 0
		}
	}
	return 0, false
}
