package main

import (
	"fmt"
	"math/big"
	"time"

	"github.com/sluice-ci/sluice/internal/sequential"
)

// burnRates are those at which an error budget of 30 days should page somebody: 2 % of it in an hour and 5 % in six hours, each seen
// within a window so long and, still, within a twelfth of it (B. Beyer et al., The Site Reliability Workbook, 2018, chapter 5). A canary has no
// six hours: here the longer window is all of the gate's, the shorter one a sixth, as theirs. The workbook's slowest rate, 10 % in three
// days, is nothing that minutes can show.
var burnRates = []struct {
	times float64
	part  int64 // of the gate's window
}{{14.4, 6}, {6, 1}}

// shortPart of a window is how lately it must have burned still.
const shortPart = 12

// tier is one burn rate with its windows.
type tier struct {
	times   float64
	refused float64 // share of bad requests
	long    time.Duration
	windows *sequential.Windows
	short   int64 // ms
	recent  []batch
}

type batch struct {
	at int64
	sequential.Counts
}

// budget is the share of requests that the SLO allows to be bad.
func (r rule) budget() float64 {
	b, _ := new(big.Rat).Sub(big.NewRat(1, 1), r.SLO.rat()).Float64()
	return b
}

// newTiers also gives the test of the slowest rate over all that is counted, which is the one that has to pass.
func newTiers(r rule, s *settings, b sequential.Bounds) (tiers []*tier, slowest *sequential.Rate, err error) {
	window, interval := s.End-s.Start, max(s.Interval.Milliseconds(), 1)
	b.FalseAbort /= float64(len(burnRates))
	for _, burn := range burnRates {
		refused := burn.times * r.budget()
		if slowest, err = sequential.NewRate(refused/2, refused, s.Burst, b); err != nil {
			return nil, nil, err
		}
		span := window / burn.part
		tiers = append(tiers, &tier{times: burn.times, refused: refused, long: time.Duration(span) * time.Millisecond,
			windows: slowest.Windows(span, int(window/interval)+2), short: span / shortPart})
	}
	return tiers, slowest, nil
}

// add tells whether the budget was burned too fast in a window that ends now, and is burned so still.
func (t *tier) add(at int64, c sequential.Counts) bool {
	t.recent = append(t.recent, batch{at, c})
	for len(t.recent) > 1 && at-t.recent[0].at >= t.short {
		t.recent = t.recent[1:]
	}
	var still sequential.Counts
	for _, b := range t.recent {
		still.Errors += b.Errors
		still.Total += b.Total
	}
	return t.windows.Add(at, c.Errors, c.Total) && float64(still.Errors) >= t.refused*float64(still.Total)
}

// takeBurn may fail at any look. It passes at the deadline only: budget that is spent late is spent too.
func (j *judge) takeBurn(at int64, c sequential.Counts) error {
	j.count(c, sequential.Counts{})
	if _, err := j.rate.Add(c.Errors, c.Total); err != nil {
		return err
	}
	for _, t := range j.tiers {
		if t.add(at, c) && j.verdict == sequential.Undecided {
			j.verdict, j.burned = sequential.Fail, t
		}
	}
	return nil
}

func (j *judge) burnAtDeadline() {
	if log, pass, _ := j.rate.Evidence(); j.verdict == sequential.Undecided && log <= pass {
		j.verdict = sequential.Pass
	}
}

// burning is the strongest evidence of all tiers, and their limit.
func (j *judge) burning() float64 {
	most := j.tiers[0].windows.Evidence()
	for _, t := range j.tiers {
		most = max(most, t.windows.Evidence())
	}
	return most
}

func (j *judge) byBurnRule() string {
	if t := j.burned; t != nil {
		return fmt.Sprintf(", and within %s they burned the error budget of an SLO of %s more than %g times too fast; false aborts are bounded by %s over all objectives",
			t.long.Round(time.Second), j.rule.SLO.text, t.times/2, j.settings.FalseAbort.text)
	}
	return fmt.Sprintf(", which is less than %g times what an SLO of %s allows; false passes are bounded by %s",
		burnRates[len(burnRates)-1].times, j.rule.SLO.text, j.settings.FalsePass.text)
}
