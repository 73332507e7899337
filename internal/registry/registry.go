// Package registry reaches OCI registries in the one way that all tasks share:
// credentials from a docker config, client certificates in docker's layout beside
// it, certificate authorities from the workspace "ca", plain HTTP only for hosts that
// were named, retries within a bound.
package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/internal/trust"
)

// Options holds how registries are reached.
type Options struct {
	Trust        *trust.Options
	DockerConfig string   // path of the workspace "dockerconfig"; "" when it is not bound
	PlainHTTP    []string // hosts, with port, that are spoken to without TLS
}

// Declare adds the optional workspaces "dockerconfig" and "ca" and the param
// "plain-http-registries" to a command.
func Declare(c *task.Command) *Options {
	o := &Options{Trust: trust.Declare(c)}
	c.OptionalWorkspace(&o.DockerConfig, "dockerconfig",
		"Registry credentials: a Secret with the key config.json or .dockerconfigjson, and client certificates as HOST/client.cert and HOST/client.key. Unbound, the pod's own docker config is used.")
	c.Strings(&o.PlainHTTP, "plain-http-registries", "",
		"Registry hosts, with port, to speak plain HTTP to, comma-separated. All others get TLS.")
	return o
}

// Client reaches registries with fixed credentials and transport.
type Client struct {
	Keychain  authn.Keychain
	Transport http.RoundTripper // TLS with the trusted roots; no credentials, no retries
	plain     []string
}

// Client prepares access: it reads the docker config and the certificates, and
// opens no connection.
func (o *Options) Client() (*Client, error) {
	tlsConfig, err := o.Trust.TLS()
	if err != nil {
		return nil, err
	}
	certificates, err := clientCertificates(o.DockerConfig)
	if err != nil {
		return nil, err
	}
	keychain, err := keychain(o.DockerConfig, len(certificates) > 0)
	if err != nil {
		return nil, err
	}
	transport := newHostTransports(&http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       tlsConfig,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 60 * time.Second,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   32, // as many requests as are in flight at once
		IdleConnTimeout:       90 * time.Second,
	}, certificates)
	return &Client{Keychain: keychain, Transport: &schemeGuard{plain: o.PlainHTTP, next: transport}, plain: o.PlainHTTP}, nil
}

// Repository parses a repository name such as registry.example.com/team/app.
func (c *Client) Repository(text string) (name.Repository, error) {
	repo, err := name.NewRepository(text, name.StrictValidation)
	if err != nil {
		return name.Repository{}, task.Misconfigured("%q is not a repository: %w", text, err).
			WithRemedy("write it as registry/path, without tag or digest")
	}
	return name.NewRepository(text, c.names(repo.RegistryStr())...)
}

// Digest parses a reference by digest; a tag is refused, for a tag can move
// between two looks at it.
func (c *Client) Digest(text string) (name.Digest, error) {
	before, hex, ok := strings.Cut(text, "@sha256:")
	if !ok || len(hex) != 64 {
		return name.Digest{}, task.Misconfigured("%q does not name an image by digest", text).
			WithRemedy("write it as registry/path@sha256:… ; a tag can move, a digest can't")
	}
	ref, err := name.NewDigest(text)
	if err != nil {
		return name.Digest{}, task.Misconfigured("%q is not an image reference: %w", before, err)
	}
	return name.NewDigest(text, c.names(ref.RegistryStr())...)
}

// Reference parses a reference by tag or digest.
func (c *Client) Reference(text string) (name.Reference, error) {
	ref, err := name.ParseReference(text)
	if err != nil {
		return nil, task.Misconfigured("%q is not an image reference: %w", text, err)
	}
	return name.ParseReference(text, c.names(ref.Context().RegistryStr())...)
}

// names makes go-containerregistry use plain HTTP for the hosts that were named,
// and for no other but its own list of local ones.
func (c *Client) names(host string) []name.Option {
	if slices.Contains(c.plain, host) {
		return []name.Option{name.Insecure}
	}
	return nil
}

// Remote returns the options of every call of go-containerregistry's remote
// package: credentials, transport, user agent, and five tries within about
// twenty seconds for faults that pass.
func (c *Client) Remote(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx),
		remote.WithAuthFromKeychain(c.Keychain),
		remote.WithTransport(c.Transport),
		remote.WithUserAgent("sluice"),
		remote.WithRetryBackoff(remote.Backoff{Duration: 500 * time.Millisecond, Factor: 2.5, Jitter: 0.2, Steps: 5}),
		remote.WithRetryStatusCodes(http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout),
	}
}

// Explain gives a registry's error the exit code and the remedy it deserves:
// credentials and names that are wrong are for a person to mend (2), a registry
// that stays away could not be asked (3).
func Explain(err error, doing string, ref fmt.Stringer) error {
	if err == nil {
		return nil
	}
	var own *task.Error
	if errors.As(err, &own) {
		return err
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return task.Misconfigured("%s %s: the registry's certificate is not trusted: %w", doing, ref, err).
			WithRemedy("bind the workspace ca to a ConfigMap with the CA that signed it")
	}
	if HandshakeRefused(err) {
		return task.Misconfigured("%s %s: the registry refused the TLS handshake: %w", doing, ref, err).
			WithRemedy(ClientCertificateRemedy)
	}
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return task.Undecided("%s %s: %w", doing, ref, err).
			WithRemedy("is the registry up, and reachable from here?")
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return task.Misconfigured("%s %s: the registry refused the credentials: %w", doing, ref, err).
			WithRemedy("bind the workspace dockerconfig to a Secret with a config.json that may do this")
	case http.StatusNotFound:
		return task.Misconfigured("%s %s: not found: %w", doing, ref, err).
			WithRemedy("does the repository hold this digest?")
	case http.StatusTooManyRequests:
		return task.Undecided("%s %s: the registry limits requests: %w", doing, ref, err)
	}
	if answer.StatusCode >= 500 {
		return task.Undecided("%s %s: %w", doing, ref, err)
	}
	return task.Misconfigured("%s %s: %w", doing, ref, err)
}

// keychain reads the bound docker config, or else the ones where docker and
// podman keep theirs. Beside client certificates there need not be one.
func keychain(dir string, certificates bool) (authn.Keychain, error) {
	if dir == "" {
		return authn.DefaultKeychain, nil
	}
	for _, file := range []string{"config.json", ".dockerconfigjson"} {
		path := filepath.Join(dir, file)
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, task.Misconfigured("reading registry credentials: %w", err)
		}
		return parseDockerConfig(path, data)
	}
	if certificates {
		return authn.NewMultiKeychain(), nil
	}
	return nil, task.Misconfigured("workspace dockerconfig holds neither config.json nor .dockerconfigjson (%s)", dir).
		WithRemedy("bind a Secret of type kubernetes.io/dockerconfigjson")
}
