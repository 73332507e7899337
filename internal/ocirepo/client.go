package ocirepo

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Access is how registries are reached. The zero value is anonymous, over
// http.DefaultTransport.
type Access struct {
	Keychain  authn.Keychain
	Transport http.RoundTripper // TLS and proxies; it should not retry by itself
	Budget    time.Duration     // for repeating one failed request; 0 means 2 minutes
	Stall     time.Duration     // without a byte, after which a request counts as failed; 0 means 1 minute
}

// Mode is what a repository is opened for.
type Mode string

// The scopes of the registry token protocol.
const (
	Pull Mode = "pull"
	Push Mode = "push,pull"
)

// Client opens repositories. Limits and knowledge about a host are shared by all
// repositories that one client opened.
type Client struct {
	access Access

	mu    sync.Mutex
	hosts map[string]*host
}

// host is what was learnt about one registry.
type host struct {
	limit *limiter

	mu           sync.Mutex
	referrersAPI answer
}

type answer int

const (
	unknown answer = iota
	yes
	no
)

// New makes a client.
func New(a Access) *Client {
	if a.Keychain == nil {
		a.Keychain = authn.NewMultiKeychain()
	}
	if a.Transport == nil {
		a.Transport = http.DefaultTransport
	}
	if a.Budget == 0 {
		a.Budget = 2 * time.Minute
	}
	if a.Stall == 0 {
		a.Stall = time.Minute
	}
	return &Client{access: a, hosts: map[string]*host{}}
}

// Repository is one repository of a registry. It is safe for concurrent use.
type Repository struct {
	Name name.Repository

	client *Client
	host   *host
	scopes []string

	mu   sync.Mutex
	http *http.Client // nil until the handshake
}

// Open prepares a repository; the handshake happens with the first request.
// mountFrom names the repositories of the same registry whose blobs will be
// mounted, so that the token covers them.
func (c *Client) Open(repo name.Repository, mode Mode, mountFrom ...name.Repository) *Repository {
	scopes := []string{repo.Scope(string(mode))}
	for _, from := range mountFrom {
		if from.RegistryStr() == repo.RegistryStr() && from.String() != repo.String() {
			scopes = append(scopes, from.Scope(string(Pull)))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.hosts[repo.RegistryStr()]
	if h == nil {
		h = &host{limit: newLimiter()}
		c.hosts[repo.RegistryStr()] = h
	}
	return &Repository{Name: repo, client: c, host: h, scopes: slices.Clip(scopes)}
}

// connect does the handshake of the registry once.
func (r *Repository) connect(ctx context.Context) (*http.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.http != nil {
		return r.http, nil
	}
	auth, err := authn.Resolve(ctx, r.client.access.Keychain, r.Name)
	if err != nil {
		return nil, fmt.Errorf("resolving credentials for %q: %w", r.Name, err)
	}
	rt, err := transport.NewWithContext(ctx, r.Name.Registry, auth, r.client.access.Transport, r.scopes)
	if err != nil {
		return nil, fmt.Errorf("connecting to %q: %w", r.Name.RegistryStr(), err)
	}
	r.http = &http.Client{Transport: rt}
	return r.http, nil
}

func (h *host) knows() answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.referrersAPI
}

func (h *host) learn(a answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.referrersAPI = a
}
