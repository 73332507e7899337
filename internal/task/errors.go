package task

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The exit codes of every task. Tekton retries all failures alike; the code is
// for people, scripts and the pipeline's summary.
const (
	CodeDone          = 0 // done; the gate passes
	CodeRefused       = 1 // the rule says no; trying again cannot help
	CodeMisconfigured = 2 // a flag, an input or a policy is wrong; a person mends it
	CodeUndecided     = 3 // a dependency stayed unavailable, or the evidence is insufficient
)

// Error is a failure that knows its exit code and what a person can do.
// Its text is lower case and one line; the remedy has lines of its own.
type Error struct {
	Code   int
	Remedy []string
	err    error
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// WithRemedy adds a line below the error: where to look or what to do.
func (e *Error) WithRemedy(format string, args ...any) *Error {
	e.Remedy = append(e.Remedy, strings.Split(fmt.Sprintf(format, args...), "\n")...)
	return e
}

// Refuse says no by a rule: exit code 1. The format takes %w.
func Refuse(format string, args ...any) *Error {
	return &Error{Code: CodeRefused, err: fmt.Errorf(format, args...)}
}

// Misconfigured says that a person has to mend an input: exit code 2. The format takes %w.
func Misconfigured(format string, args ...any) *Error {
	return &Error{Code: CodeMisconfigured, err: fmt.Errorf(format, args...)}
}

// Undecided says that no verdict was possible: exit code 3. The format takes %w.
func Undecided(format string, args ...any) *Error {
	return &Error{Code: CodeUndecided, err: fmt.Errorf(format, args...)}
}

// Code gives the exit code of an error: an [Error]'s own wherever it is wrapped,
// 3 for a cancelled or expired context, 2 for anything else, 0 for nil.
func Code(err error) int {
	var e *Error
	switch {
	case err == nil:
		return CodeDone
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return CodeUndecided
	default:
		return CodeMisconfigured
	}
}

// report ends standard error with what was found and the remedy.
func report(w io.Writer, name string, err error) {
	fmt.Fprintf(w, "%s: %s\n", name, err)
	var e *Error
	if errors.As(err, &e) {
		for _, line := range e.Remedy {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
}
