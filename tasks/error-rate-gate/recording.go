package main

import (
	"time"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/promapi"
)

// settings are all that a decision depends on, but for the samples.
type settings struct {
	Rules       []rule   `json:"rules"`
	Method      method   `json:"method"`
	FalseAbort  fraction `json:"falseAbort"`
	FalsePass   fraction `json:"falsePass"`
	Burst       int      `json:"burst"`
	Undecided   policy   `json:"undecided"`
	Interval    duration `json:"interval"` // from look to look
	RetryBudget duration `json:"retryBudget"`
	Start       int64    `json:"start"` // ms since 1970: end of the warm-up, by the server's clock
	End         int64    `json:"end"`   // ms since 1970: the deadline
}

// method of deciding.
type method string

const (
	sequentially method = "sequential"
	byThreshold  method = "threshold"
)

// policy says what an undecided gate does at the deadline. None of them passes.
type policy string

const (
	insufficient policy = "insufficient" // exit code 3
	fail         policy = "fail"         // exit code 1
)

// look is one moment: the answers to all queries, or why there are none.
type look struct {
	At      int64                       `json:"at"` // ms since 1970, by the server's clock
	Answers map[string][]promapi.Series `json:"answers,omitempty"`
	Failure *failure                    `json:"failure,omitempty"`
}

type failure struct {
	Kind    promapi.Kind `json:"kind"`
	Message string       `json:"message"`
}

// report is the file that a run leaves: everything to decide again.
type report struct {
	Version  int      `json:"version"` // of this format
	Settings settings `json:"settings"`
	Looks    []look   `json:"looks"`
	Decision decision `json:"decision"`
}

// reportVersion changes when a field changes its meaning.
const reportVersion = 1

// decision is the verdict of the gate and of each objective.
type decision struct {
	Verdict    predicate.Verdict `json:"verdict"`
	Decisive   string            `json:"decisive"` // the objective that decided, or that is the farthest from a decision
	Reason     string            `json:"reason"`
	Remedy     string            `json:"remedy,omitempty"`
	At         int64             `json:"at"` // ms since 1970, by the server's clock
	Objectives []finding         `json:"objectives"`
}

// finding is what was found for one objective.
type finding struct {
	Name     string            `json:"name"`
	Rule     string            `json:"rule"`
	Verdict  predicate.Verdict `json:"verdict"`
	Reason   string            `json:"reason"`
	Errors   int64             `json:"errors"` // or requests over the bound
	Total    int64             `json:"total"`
	Rate     float64           `json:"rate"`
	Lower    float64           `json:"lowerBound"` // of the true rate, at every look at once
	Upper    float64           `json:"upperBound"`
	Baseline *tally            `json:"baseline,omitempty"`
	Resets   int               `json:"resets"`
	Limits   limits            `json:"limits"`
	Points   []moment          `json:"points"`
}

type tally struct {
	Errors int64 `json:"errors"`
	Total  int64 `json:"total"`
}

// limits are what the evidence has to reach.
type limits struct {
	Pass float64 `json:"pass"`
	Fail float64 `json:"fail"`
}

// moment is the state after one look.
type moment struct {
	At     int64   `json:"at"`
	Errors int64   `json:"errors"`
	Total  int64   `json:"total"`
	Lower  float64 `json:"lowerBound"`
	Upper  float64 `json:"upperBound"`
	ToFail float64 `json:"toFail"` // log evidence; one line where the two are the same
	ToPass float64 `json:"toPass"`
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("15:04:05") }
