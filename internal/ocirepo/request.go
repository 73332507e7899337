package ocirepo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// corruptTries is how often content is asked for again that does not match its
// digest: a broken transfer passes, a registry that lies does not.
const corruptTries = 4

// request is one exchange with the registry, repeatable as often as it takes.
type request struct {
	method string
	path   string // below /v2/<name>/, with query; or an absolute URL
	header http.Header
	body   func() (io.ReadCloser, error) // nil for none
	length int64

	accept []int // the foreseen statuses; others are a *StatusError

	locate    func(context.Context) (string, error) // finds the URL anew for every attempt, instead of path
	prepare   func(*http.Request)                   // changes every attempt's request
	progress  func() int64                          // bytes that need not be sent again; any renews the budget
	unlimited bool                                  // takes no slot of the host's limit

	// read consumes the body within the attempt, so that a broken body is
	// repeated like a broken connection.
	read func(*http.Response, io.Reader) error
}

// do sends a request until it is answered properly or the budget is spent.
// The response's body has been consumed.
func (r *Repository) do(ctx context.Context, q request) (*http.Response, error) {
	var progress int64
	deadline := time.Now().Add(r.client.access.Budget)
	for attempt := 0; ; attempt++ {
		resp, err := r.attempt(ctx, q)
		if q.progress != nil && q.progress() > progress {
			progress, attempt = q.progress(), 0
			deadline = time.Now().Add(r.client.access.Budget)
		}
		if err == nil || !passing(err) || errors.Is(err, ErrCorrupt) && attempt == corruptTries {
			return resp, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		wait := pause(attempt, err)
		if time.Now().Add(wait).After(deadline) {
			return nil, fmt.Errorf("%w (%d attempts): %w", ErrUnavailable, attempt+1, err)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

func (r *Repository) attempt(ctx context.Context, q request) (resp *http.Response, err error) {
	if !q.unlimited {
		if err := r.host.limit.acquire(ctx); err != nil {
			return nil, err
		}
		defer func() { r.host.limit.release(slowDown(err)) }()
	}

	ctx, watch := watchStall(ctx, r.client.access.Stall)
	defer watch.stop()
	defer func() {
		if cause := context.Cause(ctx); err != nil && errors.Is(cause, errStalled) {
			err = fmt.Errorf("%s %s: %w", q.method, q.path, cause)
		}
	}()

	client, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	if q.locate != nil {
		if q.path, err = q.locate(ctx); err != nil {
			return nil, err
		}
	}
	req, err := r.build(ctx, q, watch)
	if err != nil {
		return nil, err
	}
	resp, err = client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body := watch.reader(resp.Body)
	if !slices.Contains(q.accept, resp.StatusCode) {
		text, _ := io.ReadAll(io.LimitReader(body, 8<<10))
		return resp, &StatusError{
			Method: q.method, URL: req.URL.Redacted(), Status: resp.StatusCode,
			Detail: detail(text), RetryAfter: resp.Header.Get("Retry-After"),
		}
	}
	if q.read != nil {
		return resp, q.read(resp, body)
	}
	// Only a drained connection is used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 64<<10))
	return resp, nil
}

func (r *Repository) build(ctx context.Context, q request, watch *stallWatch) (*http.Request, error) {
	target, err := r.url(q.path)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, q.method, target, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range q.header {
		req.Header[k] = slices.Clone(v)
	}
	if q.prepare != nil {
		q.prepare(req)
	}
	if q.body != nil {
		open := func() (io.ReadCloser, error) {
			b, err := q.body()
			if err != nil {
				return nil, err
			}
			return watch.readCloser(b), nil
		}
		if req.Body, err = open(); err != nil {
			return nil, err
		}
		req.GetBody, req.ContentLength = open, q.length
	}
	return req, nil
}

func (r *Repository) url(path string) (string, error) {
	if u, err := url.Parse(path); err == nil && u.IsAbs() {
		return path, nil
	}
	base := url.URL{Scheme: r.Name.Scheme(), Host: r.Name.RegistryStr()}
	if len(path) > 0 && path[0] == '/' {
		return base.String() + path, nil
	}
	return base.String() + "/v2/" + r.Name.RepositoryStr() + "/" + path, nil
}

// passing tells whether trying again can help.
func passing(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return passingStatus(status.Status)
	}
	var handshake *transport.Error
	if errors.As(err, &handshake) {
		return handshake.Temporary() || passingStatus(handshake.StatusCode)
	}
	return !final(err)
}

// final tells whether an error would come back unchanged: a fault of ours or of
// the content, a certificate, a protocol, a name that does not exist.
func final(err error) bool {
	var (
		content *finalError
		guard   *task.Error // the transport's own refusal
		cert    *tls.CertificateVerificationError
		dns     *net.DNSError
	)
	// Where plain HTTP is allowed the handshake tries TLS first, and this says nothing.
	scheme := errors.Is(err, http.ErrSchemeMismatch) && !strings.Contains(err.Error(), `"http://`)
	return errors.As(err, &content) || errors.As(err, &guard) || errors.As(err, &cert) || scheme || registry.HandshakeRefused(err) ||
		errors.As(err, &dns) && dns.IsNotFound
}

func passingStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// finalError marks a failure of ours, or of the content, that a repetition would meet again.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

// slowDown tells whether the host asked for fewer requests.
func slowDown(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && (status.Status == http.StatusTooManyRequests || status.Status == http.StatusServiceUnavailable)
}

// pause is how long to wait before the next attempt: what the registry asked
// for, or exponentially longer with full jitter.
func pause(attempt int, err error) time.Duration {
	var status *StatusError
	if errors.As(err, &status) {
		if s, err := strconv.Atoi(status.RetryAfter); err == nil && s >= 0 {
			return time.Duration(s)*time.Second + rand.N(100*time.Millisecond)
		}
		if at, err := http.ParseTime(status.RetryAfter); err == nil {
			return max(0, time.Until(at)) + rand.N(100*time.Millisecond)
		}
	}
	limit := min(100*time.Millisecond<<min(attempt, 7), 10*time.Second)
	return limit/2 + rand.N(limit/2)
}
