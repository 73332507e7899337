package closure_test

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/closure"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/registrytest"
)

// fault spoils an answer of the registry instead of, or besides, letting it through.
type fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

func abort() { panic(http.ErrAbortHandler) }

var passing = map[string]fault{
	"connection reset before the answer": func(http.ResponseWriter, *http.Request, http.Handler) { abort() },
	"connection reset after the act": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&discard{http.Header{}}, r)
		abort()
	},
	"429 with Retry-After": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
	},
	"500": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(http.StatusInternalServerError)
	},
	"503": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(http.StatusServiceUnavailable)
	},
	"truncated body": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&cut{ResponseWriter: w, left: 100}, r)
		abort()
	},
	"other bytes": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&garble{w}, r)
	},
	"a body that stands still": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&cut{ResponseWriter: w, left: 100, stall: true}, r)
	},
}

// discard takes an answer that nobody hears.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// cut lets only the first bytes of a body through, then breaks off or stands still.
type cut struct {
	http.ResponseWriter
	left  int
	stall bool
}

func (c *cut) Write(p []byte) (int, error) {
	if len(p) <= c.left {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	if c.stall {
		time.Sleep(time.Second) // longer than the client has patience
	}
	abort()
	return 0, nil
}

// garble changes a bit of every write.
type garble struct{ http.ResponseWriter }

func (g *garble) Write(p []byte) (int, error) {
	q := append([]byte{}, p...)
	if len(q) > 0 {
		q[len(q)-1] ^= 1
	}
	return g.ResponseWriter.Write(q)
}

// injector spoils one request in so many, by chance with a fixed seed.
type injector struct {
	mu    sync.Mutex
	fault fault
	oneIn int
	dice  *rand.Rand
}

func (i *injector) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		due := i.fault != nil && i.dice.IntN(i.oneIn) == 0
		fault := i.fault
		i.mu.Unlock()
		if due {
			fault(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (i *injector) set(f fault, oneIn int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fault, i.oneIn, i.dice = f, oneIn, rand.New(rand.NewPCG(1, 2))
}

// TestFaultsThatPassAreOvercome copies under every fault at every sixth request or so, on
// both sides, and finds the same closure.
func TestFaultsThatPassAreOvercome(t *testing.T) {
	var at injector
	source := registrytest.Start(t, registrytest.Wrap(at.wrap))
	target := registrytest.Start(t, registrytest.Wrap(at.wrap))
	from := repository(t, source.Host+"/dev/app")
	f := furnish(t, ocirepo.New(ocirepo.Access{}).Open(from, ocirepo.Push))
	whole, err := closure.Discover(t.Context(), ocirepo.New(ocirepo.Access{}).Open(from, ocirepo.Pull).Attachments(), f.root)
	require.NoError(t, err)

	for name, fault := range passing {
		for _, host := range []string{source.Host, target.Host} {
			t.Run(name+map[bool]string{true: ", mounted", false: ", streamed"}[host == source.Host], func(t *testing.T) {
				to := repository(t, host+"/"+strings.ReplaceAll(strings.ToLower(name), " ", "-")+"/app")
				at.set(fault, 6)
				defer at.set(nil, 1)
				client := ocirepo.New(ocirepo.Access{Budget: time.Minute, Stall: 300 * time.Millisecond})
				promote(t, client, from, to, f.root, "v1")
				at.set(nil, 1)
				there, err := closure.Discover(t.Context(), ocirepo.New(ocirepo.Access{}).Open(to, ocirepo.Pull).Attachments(), f.root)
				require.NoError(t, err)
				require.Equal(t, digests(whole), digests(there))
				index, err := remote.Index(to.Tag("v1"))
				require.NoError(t, err)
				requireComplete(t, index)
			})
		}
	}
}

// TestFaultsThatStayLeaveTheTagAlone holds that a promotion that cannot be completed
// does not move the tag, and says what was wrong.
func TestFaultsThatStayLeaveTheTagAlone(t *testing.T) {
	var at injector
	source := registrytest.Start(t)
	target := registrytest.Start(t, registrytest.Wrap(at.wrap))
	from, to := repository(t, source.Host+"/dev/app"), repository(t, target.Host+"/prod/app")
	f := furnish(t, ocirepo.New(ocirepo.Access{}).Open(from, ocirepo.Push))
	for status, kind := range map[int]error{500: ocirepo.ErrUnavailable, 429: ocirepo.ErrUnavailable, 403: ocirepo.ErrDenied} {
		at.set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
				w.WriteHeader(status)
				return
			}
			next.ServeHTTP(w, r)
		}, 1)
		client := ocirepo.New(ocirepo.Access{Budget: 200 * time.Millisecond})
		c, err := closure.Discover(t.Context(), client.Open(from, ocirepo.Pull).Attachments(), f.root)
		require.NoError(t, err)
		require.ErrorIs(t, c.Copy(t.Context(), client.Open(to, ocirepo.Push, from)), kind, strconv.Itoa(status))
		at.set(nil, 1)
		_, err = ocirepo.New(ocirepo.Access{}).Open(to, ocirepo.Pull).Head(t.Context(), "v1")
		require.ErrorIs(t, err, ocirepo.ErrNotFound)
	}
}

// TestALyingRegistryIsFoundOut serves bytes that do not match the digest, always.
func TestALyingRegistryIsFoundOut(t *testing.T) {
	var at injector
	source := registrytest.Start(t, registrytest.Wrap(at.wrap))
	target := registrytest.Start(t)
	from, to := repository(t, source.Host+"/dev/app"), repository(t, target.Host+"/prod/app")
	root := pushImage(t, from, 3)
	at.set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.Path, "/blobs/") && r.Method == http.MethodGet {
			next.ServeHTTP(&garble{w}, r)
			return
		}
		next.ServeHTTP(w, r)
	}, 1)
	client := ocirepo.New(ocirepo.Access{Budget: 2 * time.Second})
	c, err := closure.Discover(t.Context(), client.Open(from, ocirepo.Pull).Attachments(), root)
	require.NoError(t, err)
	require.ErrorIs(t, c.Copy(t.Context(), client.Open(to, ocirepo.Push)), ocirepo.ErrCorrupt)
}

func TestAHugeManifestIsRefused(t *testing.T) {
	var at injector
	reg := registrytest.Start(t, registrytest.Wrap(at.wrap))
	from := repository(t, reg.Host+"/dev/app")
	root := pushImage(t, from, 1)
	at.set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		for range 6 {
			_, _ = w.Write(make([]byte, 1<<20))
		}
	}, 1)
	_, err := closure.Discover(t.Context(), ocirepo.New(ocirepo.Access{}).Open(from, ocirepo.Pull).Attachments(), root)
	require.ErrorIs(t, err, ocirepo.ErrTooLarge)
}
