package promapi

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Kind tells what a failed query means for the one who asked.
type Kind string

// The kinds of failure.
const (
	Unavailable Kind = "unavailable" // not reached, 408, 425, 429, 5xx: it may be answered later
	Partial     Kind = "partial"     // answered with warnings: a part of the data may be missing; it may be whole later
	Rejected    Kind = "rejected"    // 4xx, another protocol: asking again cannot help
	Denied      Kind = "denied"      // 401, 403: the credentials do not do
)

// Error is the failure of one query.
type Error struct {
	Kind    Kind
	Status  int // HTTP status; 0 where no answer came
	Message string
}

func (e *Error) Error() string {
	if e.Status != 0 && e.Status/100 != 2 {
		return fmt.Sprintf("%s (HTTP %d)", e.Message, e.Status)
	}
	return e.Message
}

// Transient tells whether the same query may be answered later.
func (e *Error) Transient() bool { return e.Kind == Unavailable || e.Kind == Partial }

// unreached is a failure before an answer. A certificate that is not trusted, or a client certificate that is not, stays so.
func unreached(err error) *Error {
	var verification *tls.CertificateVerificationError
	var alert tls.AlertError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	kind := Unavailable
	if errors.As(err, &verification) || errors.As(err, &alert) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &record) ||
		strings.Contains(err.Error(), "redirect") || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		kind = Rejected
	}
	return &Error{Kind: kind, Message: err.Error()}
}

// refused is an answer with an error status. Prometheus says 503 for a query that timed out or a storage that is not ready, 422 for one
// that cannot be executed, 400 for one that cannot be parsed.
func refused(status int, r response, body []byte) *Error {
	e := &Error{Kind: Rejected, Status: status, Message: r.Error}
	if e.Message == "" {
		e.Message = excerpt(body)
	}
	switch {
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == 499:
		e.Kind = Unavailable
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.Kind = Denied
	}
	return e
}

// excerpt is the beginning of a text, on one line.
func excerpt(body []byte) string {
	const most = 120
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 4*most)]), "?")), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	if s == "" {
		return "an empty answer"
	}
	return fmt.Sprintf("%q", s)
}
