package registry

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"

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
	return errors.As(err, &op) && op.Op == "remote error" // crypto/tls: an alert from the other side
}

// hostTransports shows a client certificate to the hosts that it was given for, and
// to no other.
type hostTransports struct {
	byHost map[string]*http.Transport
	others *http.Transport
}

func newHostTransports(base *http.Transport, certificates map[string][]tls.Certificate) *hostTransports {
	h := &hostTransports{byHost: map[string]*http.Transport{}, others: base}
	for host, pairs := range certificates {
		own := base.Clone()
		own.TLSClientConfig.Certificates = pairs
		h.byHost[host] = own
	}
	return h
}

// RoundTrip sends a request over the transport of its host.
func (h *hostTransports) RoundTrip(r *http.Request) (*http.Response, error) {
	if own := h.byHost[r.URL.Host]; own != nil {
		return own.RoundTrip(r)
	}
	return h.others.RoundTrip(r)
}
