//go:build interop

package main

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/closure"
	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/promotion"
	"github.com/sluice-ci/sluice/internal/registrytest"
)

// trap kills a process at its n-th request: before the registry sees it, or after
// the registry has acted and before the process hears of it.
type trap struct {
	mu     sync.Mutex
	victim chan *os.Process // nil while no trap is set
	left   int
	after  bool
}

// set arms the trap; the victim is sent once it has been started.
func (k *trap) set(victim chan *os.Process, n int, after bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.victim, k.left, k.after = victim, n, after
}

func (k *trap) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			next.ServeHTTP(w, r)
			return
		}
		victim, after := k.due()
		if victim != nil && !after {
			spring(victim)
		}
		next.ServeHTTP(w, r)
		if victim != nil {
			spring(victim)
		}
	})
}

// due counts a request, and gives the victim if it is the one.
func (k *trap) due() (victim chan *os.Process, after bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left--; k.left == 0 {
		victim = k.victim
	}
	return victim, k.after
}

func spring(victim chan *os.Process) {
	_ = (<-victim).Kill()
	panic(http.ErrAbortHandler)
}

// TestKilledAtEveryRequest kills a promotion with SIGKILL at its first request, at its
// second, and so on to the last. The environment's tag never names an image that is
// not complete, verified and recorded, and a second run completes the promotion.
func TestKilledAtEveryRequest(t *testing.T) {
	api := []registrytest.Option{registrytest.ReferrersAPI()}
	for _, mode := range []struct {
		name           string
		source, target []registrytest.Option
		apart          bool
	}{
		{"one registry, without the referrers API", nil, nil, false},
		{"one registry, with the referrers API", api, nil, false},
		{"two registries, without the referrers API", nil, nil, true},
		{"two registries, with the referrers API", api, api, true},
	} {
		t.Run(mode.name, func(t *testing.T) {
			k := &trap{}
			tapped := registrytest.Wrap(k.wrap)
			w := evidencetest.New(t, append(mode.source, tapped)...)
			target := w.Registry
			if mode.apart {
				target = registrytest.Start(t, append(mode.target, tapped)...)
			}
			killEverywhere(t, w, target.Host, k)
		})
	}
}

func killEverywhere(t *testing.T, w *evidencetest.World, target string, k *trap) {
	t.Helper()
	image := w.Image(t, "team/app")
	w.Attest(t, image, 85)
	w.Say(t, image, w.Attestor, time.Now().Add(-time.Minute), 90)
	root, err := v1.NewHash(image.DigestStr())
	require.NoError(t, err)
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			place := target + "/dev" + strings.Repeat("x", n) + map[bool]string{true: "y"}[after] + "/app"
			text := strings.ReplaceAll(w.Policy(), w.Registry.Host+"/dev/app", place)
			w.WritePolicy(t, text)
			victim := make(chan *os.Process, 1)
			k.set(victim, n, after)
			survived := promoteProcess(t, w, image.String(), victim) == nil
			k.set(nil, 0, false)
			requireConsistent(t, text, place, root, survived)
			require.NoErrorf(t, promoteProcess(t, w, image.String(), nil), "rerun after a kill at request %d", n)
			requireConsistent(t, text, place, root, true)
			if survived {
				require.Greater(t, n, 20, "a promotion takes more requests than that: were they seen?")
				t.Logf("killed at each of %d requests, %s", n-1, map[bool]string{false: "before the registry saw it", true: "after the registry acted"}[after])
				break
			}
		}
	}
}

func promoteProcess(t *testing.T, w *evidencetest.World, image string, victim chan *os.Process) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "promote", "--policy="+w.PolicyDir, "--promoter-key="+w.KeyDir, "--environment=dev", "--image="+image)
	cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+w.PolicyDir)
	var words strings.Builder
	cmd.Stdout, cmd.Stderr = &words, &words
	require.NoError(t, cmd.Start())
	if victim != nil {
		victim <- cmd.Process
	}
	err := cmd.Wait()
	if err != nil && victim == nil {
		t.Log(words.String())
	}
	return err
}

// requireConsistent holds the environment to the invariant.
func requireConsistent(t *testing.T, policyText, place string, root v1.Hash, promoted bool) {
	t.Helper()
	path, err := name.NewRepository(place)
	require.NoError(t, err)
	repo := ocirepo.New(ocirepo.Access{}).Open(path, ocirepo.Pull)
	at, err := repo.Head(t.Context(), "dev")
	if errors.Is(err, ocirepo.ErrNotFound) {
		require.False(t, promoted, "the tag is missing")
		return
	}
	require.NoError(t, err)
	require.Equal(t, root, at.Digest)
	there, err := closure.Discover(t.Context(), repo.Attachments(), root)
	require.NoError(t, err, "the tag names an image that is not complete")
	require.Len(t, there.Nodes, 4, "image, two pieces of evidence and one record")
	for _, blob := range there.Blobs() {
		has, err := repo.HasBlob(t.Context(), blob.Digest)
		require.NoError(t, err)
		require.True(t, has, "the tag names an image that lacks %s", blob.Digest)
	}
	p, err := policy.Parse([]byte(policyText))
	require.NoError(t, err)
	e, err := p.Environment("dev")
	require.NoError(t, err)
	chain, err := promotion.Open(t.Context(), p, e, repo)
	require.NoError(t, err)
	require.NotNil(t, chain.Newest, "the tag moved before it was recorded")
	require.Equal(t, 1, chain.Newest.Number)
	require.Equal(t, root, chain.Newest.Image)
	require.Equal(t, chain.Newest.Manifest, chain.Tip)
}
