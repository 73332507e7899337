// Package registrytest runs a real OCI registry (the distribution project's own
// handlers over its filesystem driver) inside a test.
//
// It promises what that registry does in production: blob mounts, byte-for-byte
// manifests, no referrers API (so clients take the fallback tag; [ReferrersAPI] adds
// one), basic authentication against htpasswd. It records every request, so that a test can
// hold a client to a request budget, and it lets a test stand between the client
// and the registry to inject faults.
//
//	reg := registrytest.Start(t, registrytest.TLS(), registrytest.BasicAuth("ci", "secret"))
//	ref := reg.Host + "/team/app:latest"
package registrytest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd" // the "htpasswd" access controller
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem" // the "filesystem" driver
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// Registry is a running registry. It stops when the test ends.
type Registry struct {
	Host string // host:port, the first part of every reference
	URL  string // http:// or https:// and Host
	CA   []byte // PEM of the certificate authority to trust; nil without TLS
	Dir  string // where the registry stores its blobs, manifests and tags

	log requestLog
}

type settings struct {
	tls      bool
	clientCA *x509.CertPool
	user     string
	password string
	dir      string
	wrap     []func(http.Handler) http.Handler
}

// Option changes how a registry is started.
type Option func(*settings)

// TLS serves HTTPS with a certificate for 127.0.0.1 and example.com, signed by [Registry.CA].
func TLS() Option { return func(s *settings) { s.tls = true } }

// ClientCertificates serves HTTPS and demands a client certificate that pool vouches for.
func ClientCertificates(pool *x509.CertPool) Option {
	return func(s *settings) { s.tls, s.clientCA = true, pool }
}

// BasicAuth demands this user and password for every request.
func BasicAuth(user, password string) Option {
	return func(s *settings) { s.user, s.password = user, password }
}

// Storage keeps the registry's data in dir instead of in a directory of its own,
// so that a second registry, started later, finds what the first one stored.
func Storage(dir string) Option { return func(s *settings) { s.dir = dir } }

// Wrap puts a handler between client and registry: to inject faults, to count, to
// delay. What it answers by itself is recorded like any other request.
func Wrap(middleware func(http.Handler) http.Handler) Option {
	return func(s *settings) { s.wrap = append(s.wrap, middleware) }
}

// Start runs a registry until t ends.
func Start(t testing.TB, options ...Option) *Registry {
	t.Helper()
	var s settings
	for _, o := range options {
		o(&s)
	}
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	logrus.SetOutput(io.Discard) // Requests tells a test more, and more briefly

	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	var handler http.Handler = handlers.NewApp(ctx, s.configuration(t))
	for _, w := range s.wrap {
		handler = w(handler)
	}

	r := &Registry{Dir: s.dir}
	server := httptest.NewUnstartedServer(r.log.record(handler))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are the point of some tests
	if s.tls {
		server.EnableHTTP2 = true
		if s.clientCA != nil {
			server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: s.clientCA}
		}
		server.StartTLS()
		r.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	r.URL = server.URL
	r.Host = strings.TrimPrefix(strings.TrimPrefix(server.URL, "https://"), "http://")
	return r
}

func (s *settings) configuration(t testing.TB) *configuration.Configuration {
	t.Helper()
	c := &configuration.Configuration{
		Version: configuration.CurrentVersion,
		Catalog: configuration.Catalog{MaxEntries: 1000},
		Storage: configuration.Storage{
			"filesystem": {"rootdirectory": s.dir},
			"delete":     {"enabled": true},
			"maintenance": {
				"uploadpurging": map[any]any{"enabled": false},
			},
		},
	}
	c.Log.AccessLog.Disabled = true
	c.HTTP.Secret = "one secret for every instance, so that uploads survive a restart"
	c.HTTP.RelativeURLs = true
	if s.user != "" {
		hash, err := bcrypt.GenerateFromPassword([]byte(s.password), bcrypt.MinCost)
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "htpasswd")
		require.NoError(t, os.WriteFile(file, bytes.Join([][]byte{[]byte(s.user), hash}, []byte(":")), 0o600))
		c.Auth = configuration.Auth{"htpasswd": {"realm": "registrytest", "path": file}}
	}
	return c
}
