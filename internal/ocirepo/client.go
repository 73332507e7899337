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

	handshake sync.Mutex
	waiting   []*Repository // opened, and not connected yet

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
	http   *http.Client // nil until the handshake; host.handshake guards it
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
	r := &Repository{Name: repo, client: c, host: h, scopes: slices.Clip(scopes)}
	h.handshake.Lock()
	defer h.handshake.Unlock()
	h.waiting = append(h.waiting, r)
	return r
}

// connect does the handshake of the registry once, for all repositories that wait
// for it and have the same credentials: one version check and one token.
func (r *Repository) connect(ctx context.Context) (*http.Client, error) {
	r.host.handshake.Lock()
	defer r.host.handshake.Unlock()
	if r.http != nil {
		return r.http, nil
	}
	auth, config, err := r.credentials(ctx)
	if err != nil {
		return nil, fmt.Errorf("resolving credentials for %q: %w", r.Name, err)
	}
	var scopes []string
	var together, waiting []*Repository
	for _, peer := range r.host.waiting {
		if peer != r {
			if _, c, err := peer.credentials(ctx); err != nil || c != config {
				waiting = append(waiting, peer)
				continue
			}
		}
		together = append(together, peer)
		scopes = append(scopes, peer.scopes...)
	}
	slices.Sort(scopes)
	rt, err := transport.NewWithContext(ctx, r.Name.Registry, auth, r.client.access.Transport, slices.Compact(scopes))
	if err != nil {
		return nil, fmt.Errorf("connecting to %q: %w", r.Name.RegistryStr(), err)
	}
	client := &http.Client{Transport: rt}
	for _, peer := range together {
		peer.http = client
	}
	r.host.waiting = waiting
	return client, nil
}

func (r *Repository) credentials(ctx context.Context) (authn.Authenticator, authn.AuthConfig, error) {
	auth, err := authn.Resolve(ctx, r.client.access.Keychain, r.Name)
	if err != nil {
		return nil, authn.AuthConfig{}, err
	}
	config, err := authn.Authorization(ctx, auth)
	if err != nil {
		return nil, authn.AuthConfig{}, err
	}
	return auth, *config, nil
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
