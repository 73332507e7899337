package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/registrytest"
	"github.com/sluice-ci/sluice/internal/task"
)

// attacker stands between promote and the registry.
type attacker struct {
	spoil atomic.Pointer[func(http.ResponseWriter, *http.Request) bool] // true: answered
}

func (a *attacker) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if spoil := a.spoil.Load(); spoil != nil && (*spoil)(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hide answers 404 to the requests that it is asked for, from the n-th such on.
func (a *attacker) hide(path string, n int32) {
	var seen atomic.Int32
	spoil := func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path || seen.Add(1) < n {
			return false
		}
		rw.WriteHeader(http.StatusNotFound)
		return true
	}
	a.spoil.Store(&spoil)
}

// promoteToDev runs promote in a process of its own and gives exit code and words.
func promoteToDev(t *testing.T, w *evidencetest.World, image name.Digest) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "promote", "--policy="+w.PolicyDir, "--promoter-key="+w.KeyDir, "--environment=dev",
		"--retry-budget=2s", "--image="+image.String())
	cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+w.PolicyDir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// attachSigned attaches a statement about one digest to another one.
func attachSigned(t *testing.T, w *evidencetest.World, to name.Digest, about v1.Hash) {
	t.Helper()
	repo := w.Repository(t, "team/app")
	subject, err := repo.Head(t.Context(), to.DigestStr())
	require.NoError(t, err)
	statement, err := evidence.NewStatement(about, evidence.Origin{Commit: evidencetest.Commit, Finished: time.Now().Add(-time.Minute)},
		predicate.GateType, json.RawMessage(`{"gate":"coverage-gate","verdict":"pass","measured":{"coverage":99}}`))
	require.NoError(t, err)
	bundle, err := evidence.Seal(w.Attestor, statement)
	require.NoError(t, err)
	m, err := evidence.BundleManifest(subject, predicate.GateType, bundle)
	require.NoError(t, err)
	require.NoError(t, evidence.Attach(t.Context(), repo, subject.Digest, evidence.Signed{Bundle: bundle, Manifest: m}))
}

func TestAttacks(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(t *testing.T, w *evidencetest.World, a *attacker, image name.Digest)
		code int
		says string
	}{
		{"evidence of another image, attached to this one", func(t *testing.T, w *evidencetest.World, _ *attacker, image name.Digest) {
			attachSigned(t, w, image, v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("d", 64)})
		}, task.CodeRefused, "no evidence of type"},
		{"evidence by a stranger, newer than ours", func(t *testing.T, w *evidencetest.World, _ *attacker, image name.Digest) {
			w.Attest(t, image, 85)
			stranger, _ := evidencetest.Key(t)
			w.Say(t, image, stranger, time.Now().Add(-time.Second), 1)
		}, task.CodeDone, "by record 1"},
		{"a tag .att that hides nothing", func(t *testing.T, w *evidencetest.World, _ *attacker, image name.Digest) {
			w.Attest(t, image, 85)
			foreign, err := random.Image(64, 1)
			require.NoError(t, err)
			require.NoError(t, remote.Write(image.Context().Tag(strings.Replace(image.DigestStr(), ":", "-", 1)+".att"), foreign))
		}, task.CodeDone, "by record 1"},
		{"evidence that vanishes from the lists between check and copy", func(t *testing.T, w *evidencetest.World, a *attacker, image name.Digest) {
			w.Attest(t, image, 85)
			a.hide("/v2/team/app/tags/list", 2)
		}, task.CodeDone, "by record 1"},
		{"evidence that the target does not show", func(t *testing.T, w *evidencetest.World, a *attacker, image name.Digest) {
			w.Attest(t, image, 85)
			a.hide("/v2/dev/app/tags/list", 1)
		}, task.CodeRefused, "dev/app@sha256"},
		{"a decompression bomb instead of a bundle", func(t *testing.T, w *evidencetest.World, a *attacker, image name.Digest) {
			w.Attest(t, image, 85)
			var bomb bytes.Buffer
			z := gzip.NewWriter(&bomb)
			for range 512 {
				_, err := z.Write(make([]byte, 1<<20))
				require.NoError(t, err)
			}
			require.NoError(t, z.Close())
			spoil := func(rw http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/sha256:") {
					return false
				}
				rw.Header().Set("Content-Encoding", "gzip")
				_, _ = rw.Write(bomb.Bytes())
				return true
			}
			a.spoil.Store(&spoil)
		}, task.CodeRefused, "no evidence of type"},
		{"a manifest without end", func(t *testing.T, w *evidencetest.World, a *attacker, image name.Digest) {
			w.Attest(t, image, 85)
			spoil := func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/manifests/"+image.DigestStr()) || r.Method != http.MethodGet {
					return false
				}
				for range 64 {
					_, _ = rw.Write(make([]byte, 1<<20))
				}
				return true
			}
			a.spoil.Store(&spoil)
		}, task.CodeRefused, "too large"},
		{"records written by somebody else", func(t *testing.T, w *evidencetest.World, _ *attacker, image name.Digest) {
			w.Attest(t, image, 85)
			foreign, err := random.Image(64, 1)
			require.NoError(t, err)
			repo, err := name.NewRepository(w.Registry.Host + "/dev/app")
			require.NoError(t, err)
			require.NoError(t, remote.Write(repo.Tag("promotions-dev.000001.0123456789abcdef"), foreign))
		}, task.CodeRefused, "is no promotion record"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &attacker{}
			w := evidencetest.New(t, registrytest.Wrap(a.wrap))
			image := w.Image(t, "team/app")
			test.do(t, w, a, image)
			code, words := promoteToDev(t, w, image)
			require.Equal(t, test.code, code, words)
			require.Contains(t, words, test.says)
			a.spoil.Store(nil)
			_, err := w.Repository(t, "dev/app").Head(t.Context(), "dev")
			if test.code == task.CodeDone {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, ocirepo.ErrNotFound, "the tag did not move")
			}
		})
	}
}
