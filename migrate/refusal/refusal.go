// Package refusal is how the engine says no: what was found, why that is refused, and what to do.
//
//	return refusal.New("table %q has no key", t).Remedy("add a primary key; a backfill walks the table along it")
package refusal

import (
	"errors"
	"fmt"
)

// Kind tells a caller whether trying again can help.
type Kind int

// The kinds, as the exit codes of a task: a rule says no, a person has to mend something, or it could not be decided.
const (
	Refused       Kind = 1
	Misconfigured Kind = 2
	Undecided     Kind = 3
)

// Error is a refusal with its remedy.
type Error struct {
	Kind   Kind
	What   string
	Do     string
	parent error
}

func (e *Error) Error() string { return e.What }

// Unwrap gives the error that led here, if the format had one.
func (e *Error) Unwrap() error { return e.parent }

// Remedy sets what a person can do about it.
func (e *Error) Remedy(format string, args ...any) *Error {
	e.Do = fmt.Sprintf(format, args...)
	return e
}

// New is a refusal by a rule: trying again cannot help.
func New(format string, args ...any) *Error { return build(Refused, format, args) }

// Misconfigure is a refusal of an input that a person has to mend.
func Misconfigure(format string, args ...any) *Error { return build(Misconfigured, format, args) }

// Undecide is a refusal for want of evidence or of a resource that stayed busy.
func Undecide(format string, args ...any) *Error { return build(Undecided, format, args) }

func build(k Kind, format string, args []any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: k, What: err.Error(), parent: errors.Unwrap(err)}
}
