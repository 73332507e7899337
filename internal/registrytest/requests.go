package registrytest

import (
	"io"
	"net/http"
	"strings"
	"sync"
)

// Request is one exchange with the registry.
type Request struct {
	Method   string
	URI      string // path and query, as sent
	Status   int
	Received int64 // bytes of the request's body
	Sent     int64 // bytes of the response's body
}

// String gives "HEAD /v2/team/app/manifests/latest".
func (r Request) String() string { return r.Method + " " + r.URI }

// Blob tells whether the request was for a blob or a blob upload.
func (r Request) Blob() bool { return strings.Contains(r.URI, "/blobs/") }

// Requests returns what was asked since the start or the last [Registry.Forget], in
// the order of completion. The version check (GET /v2/), which clients make once a
// host and not once an operation, is left out.
func (r *Registry) Requests() []Request {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return append([]Request(nil), r.log.requests...)
}

// Forget empties the record of requests.
func (r *Registry) Forget() {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.log.requests = nil
}

type requestLog struct {
	mu       sync.Mutex
	requests []Request
}

func (l *requestLog) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/v2/" {
			next.ServeHTTP(w, req)
			return
		}
		body := &countingReader{ReadCloser: req.Body}
		req.Body = body
		out := &countingWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() { // also when a handler aborts the connection by panicking
			l.mu.Lock()
			defer l.mu.Unlock()
			l.requests = append(l.requests, Request{
				Method: req.Method, URI: req.URL.RequestURI(),
				Status: out.status, Received: body.n, Sent: out.n,
			})
		}()
		next.ServeHTTP(out, req)
	})
}

type countingReader struct {
	io.ReadCloser
	n int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.n += int64(n)
	return n, err
}

type countingWriter struct {
	http.ResponseWriter
	status int
	n      int64
}

func (w *countingWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.n += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection (flush, hijack).
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
