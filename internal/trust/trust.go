// Package trust gives every task the same certificate authorities: those of
// the image it runs in (or of SSL_CERT_FILE), the Mozilla roots that are
// compiled in where there are none, and those of the optional workspace "ca".
//
// It refuses a workspace "ca" that holds no certificate, because a silently
// ignored CA shows up later as a TLS error that nobody understands.
package trust

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	_ "golang.org/x/crypto/x509roots/fallback" // roots where the system has none

	"github.com/sluice-ci/sluice/internal/task"
)

// Options holds where a task finds additional certificate authorities.
type Options struct {
	Dir string // path of the workspace "ca"; "" when it is not bound
}

// Declare adds the optional workspace "ca" to a command.
func Declare(c *task.Command) *Options {
	o := &Options{}
	c.OptionalWorkspace(&o.Dir, "ca",
		"Certificate authorities to trust besides the public ones: every *.crt and *.pem file in it.")
	return o
}

// Pool returns the trusted roots. A file without a PEM certificate, and a
// directory without a file, are errors with exit code 2.
func (o *Options) Pool() (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's certificates: %w", err)
	}
	if o.Dir == "" {
		return pool, nil
	}
	var files []string
	for _, pattern := range []string{"*.crt", "*.pem"} {
		found, err := filepath.Glob(filepath.Join(o.Dir, pattern))
		if err != nil {
			return nil, fmt.Errorf("listing certificates in %q: %w", o.Dir, err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return nil, task.Misconfigured("workspace ca holds no *.crt or *.pem file (%s)", o.Dir).
			WithRemedy("bind a ConfigMap or Secret with a key such as ca.crt, or leave the workspace unbound")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, task.Misconfigured("reading certificate: %w", err)
		}
		if !pool.AppendCertsFromPEM(data) {
			return nil, task.Misconfigured("%s holds no PEM certificate", file).
				WithRemedy("a CA file begins with -----BEGIN CERTIFICATE-----")
		}
	}
	return pool, nil
}

// TLS returns a client configuration with the trusted roots. Without the workspace
// "ca" they are read with the first handshake: a task that needs none starts faster.
func (o *Options) TLS() (*tls.Config, error) {
	if o.Dir == "" {
		return &tls.Config{MinVersion: tls.VersionTLS12}, nil
	}
	pool, err := o.Pool()
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}
