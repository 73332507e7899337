package ocirepo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Errors to ask for with errors.Is.
var (
	// ErrNotFound says that the registry does not have the manifest or blob.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable says that the registry did not answer properly within the budget.
	ErrUnavailable = errors.New("registry unavailable")
	// ErrTooLarge says that a document is larger than it may be.
	ErrTooLarge = errors.New("too large")
	// ErrCorrupt says that a body does not have the digest or size that it was asked for by.
	ErrCorrupt = errors.New("content does not match its digest")
	// ErrDenied says that the credentials do not allow the request.
	ErrDenied = errors.New("denied")
)

// StatusError is an answer that the protocol does not foresee for the request.
type StatusError struct {
	Method, URL string
	Status      int
	Detail      string // the registry's own words, if it had any
	RetryAfter  string // the header: seconds or a date
}

func (e *StatusError) Error() string {
	if e.Status == http.StatusNotFound {
		return ErrNotFound.Error() // the reference stands in the error around this one
	}
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Status, http.StatusText(e.Status))
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Is lets errors.Is find the kind of the failure.
func (e *StatusError) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	case ErrDenied:
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
	default:
		return false
	}
}

// unsupported tells whether a registry answered that it does not do this, or not for
// this account: no failure that passes.
func unsupported(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && !passingStatus(status.Status)
}

// detail reads the error body of the OCI distribution specification.
func detail(body []byte) string {
	var doc struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return ""
	}
	var words []string
	for _, e := range doc.Errors {
		words = append(words, strings.TrimSpace(e.Code+" "+e.Message))
	}
	return strings.Join(words, "; ")
}
