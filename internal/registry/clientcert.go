package registry

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sluice-ci/sluice/internal/task"
)

// clientCertificates reads the client certificates of a directory in docker's layout
// certs.d: <host>/<name>.cert with <host>/<name>.key, where host is written as in
// references, with its port.
func clientCertificates(dir string) (map[string][]tls.Certificate, error) {
	if dir == "" {
		return nil, nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.cert"))
	if err != nil {
		return nil, task.Misconfigured("listing client certificates in %q: %w", dir, err)
	}
	found := map[string][]tls.Certificate{}
	for _, file := range files {
		host := filepath.Base(filepath.Dir(file))
		if strings.HasPrefix(host, "..") {
			continue // where Kubernetes keeps what a Secret's files are links to
		}
		pair, err := tls.LoadX509KeyPair(file, strings.TrimSuffix(file, ".cert")+".key")
		if err != nil {
			return nil, task.Misconfigured("reading the client certificate of %q: %w", host, err).
				WithRemedy("put certificate and key beside each other: %s/client.cert and %s/client.key, both PEM", host, host)
		}
		found[host] = append(found[host], pair)
	}
	return found, nil
}

// ClientCertificateRemedy says what to do where [HandshakeRefused].
const ClientCertificateRemedy = "a registry that asks for a client certificate needs <host>/client.cert and <host>/client.key in the workspace dockerconfig"

// HandshakeRefused tells whether the server ended a TLS handshake: for want of a
// client certificate, or because of the one that it got.
func HandshakeRefused(err error) bool {
	var op *net.OpError
	var ended *endedByRegistry
	return errors.As(err, &ended) || errors.As(err, &op) && op.Op == "remote error" // crypto/tls: an alert from the other side
}

// endedByRegistry is a connection that failed after the registry had asked for a client certificate, before it ever
// answered. With TLS 1.3 it refuses a certificate after the client is done, and the alert can be lost behind the first
// request.
type endedByRegistry struct{ error }

func (e *endedByRegistry) Unwrap() error { return e.error }

// hostTransports shows a client certificate to the hosts that it was given for, and
// to no other.
type hostTransports struct {
	base         *http.Transport
	certificates map[string][]tls.Certificate

	mu     sync.Mutex
	byHost map[string]*hostTransport
}

type hostTransport struct {
	*http.Transport
	asked, answered atomic.Bool // for a certificate; with any response
}

func newHostTransports(base *http.Transport, certificates map[string][]tls.Certificate) *hostTransports {
	return &hostTransports{base: base, certificates: certificates, byHost: map[string]*hostTransport{}}
}

func (h *hostTransports) of(host string) *hostTransport {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.byHost[host]
	if t == nil {
		t = &hostTransport{Transport: h.base.Clone()}
		t.TLSClientConfig.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			t.asked.Store(true)
			for _, pair := range h.certificates[host] {
				if info.SupportsCertificate(&pair) == nil {
					return &pair, nil
				}
			}
			return &tls.Certificate{}, nil
		}
		h.byHost[host] = t
	}
	return t
}

// RoundTrip sends a request over the transport of its host.
func (h *hostTransports) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return h.base.RoundTrip(r)
	}
	t := h.of(r.URL.Host)
	response, err := t.RoundTrip(r)
	switch {
	case err == nil:
		t.answered.Store(true)
	case t.asked.Load() && !t.answered.Load() && r.Context().Err() == nil:
		err = &endedByRegistry{err}
	}
	return response, err
}
