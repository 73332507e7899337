package images_test

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/registrytest"
)

var quickly = remote.WithRetryBackoff(remote.Backoff{Duration: time.Millisecond, Factor: 2, Steps: 5})

// The first tries of every upload fail in a way of their own; the layer is read anew for each.
func TestAnUploadIsTriedAgain(t *testing.T) {
	for what, fail := range map[string]func(http.ResponseWriter, *http.Request){
		"unavailable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"reset":       func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half read": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = r.Body.Read(make([]byte, 100))
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(what, func(t *testing.T) {
			var patches atomic.Int32
			reg := registrytest.Start(t, registrytest.Wrap(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodPatch && patches.Add(1) <= 2 {
						fail(w, r)
						return
					}
					next.ServeHTTP(w, r)
				})
			}))
			repository, err := name.NewRepository(reg.Host + "/team/app")
			require.NoError(t, err)
			image := merged(t, images.Static(), []images.Entry{{Path: "app", Mode: 0o755, Body: bytes.Repeat([]byte("app "), 1<<16)}})
			digest, err := images.Push(t.Context(), repository, image, []string{"v1", "latest"}, quickly)
			require.NoError(t, err)
			for _, tag := range []string{"v1", "latest"} {
				got, err := remote.Image(repository.Tag(tag))
				require.NoError(t, err)
				require.NoError(t, validate.Image(got))
				require.Equal(t, digest.DigestStr(), digestOf(t, got))
			}
		})
	}
}

func TestATagIsSetOnlyWhenAllIsThere(t *testing.T) {
	reg := registrytest.Start(t, registrytest.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPatch {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			next.ServeHTTP(w, r)
		})
	}))
	repository, err := name.NewRepository(reg.Host + "/team/app")
	require.NoError(t, err)
	image := merged(t, images.Static(), nil)
	var inputs images.Inputs
	_, err = images.Push(t.Context(), repository, image, []string{inputs.Tag()}, quickly)
	require.ErrorContains(t, err, "pushing")
	_, found, err := images.Find(t.Context(), repository, inputs)
	require.NoError(t, err)
	require.False(t, found)
}

// A registry that denies what does not exist is no reason not to build.
func TestADeniedLookUpIsNoHit(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound} {
		reg := registrytest.Start(t, registrytest.Wrap(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead {
					w.WriteHeader(status)
					return
				}
				next.ServeHTTP(w, r)
			})
		}))
		repository, err := name.NewRepository(reg.Host + "/team/app")
		require.NoError(t, err)
		_, found, err := images.Find(t.Context(), repository, images.Inputs{})
		require.NoError(t, err)
		require.False(t, found)
	}
}

// A base whose bytes are not those of its digest is not built upon.
func TestATamperedBaseIsNotBuiltUpon(t *testing.T) {
	var tamper atomic.Bool
	reg := registrytest.Start(t, registrytest.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if tamper.Load() && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
				layer, err := images.NewLayer([]images.Entry{{Path: "evil", Mode: 0o755, Body: []byte("evil")}}, time.Time{})
				if err != nil {
					panic(err)
				}
				content, err := layer.Compressed()
				if err != nil {
					panic(err)
				}
				defer content.Close()
				var all bytes.Buffer
				if _, err := all.ReadFrom(content); err != nil {
					panic(err)
				}
				_, _ = w.Write(all.Bytes())
				return
			}
			next.ServeHTTP(w, r)
		})
	}))
	repository, err := name.NewRepository(reg.Host + "/base")
	require.NoError(t, err)
	digest, err := images.Push(t.Context(), repository, merged(t, images.Static(), usrMerged), nil)
	require.NoError(t, err)
	image, err := images.Remote("base", digest).Image(t.Context(), amd64) // manifest and configuration are read
	require.NoError(t, err)
	tamper.Store(true)
	_, err = images.Build(t.Context(), spec(fixed{image}, nil))
	require.ErrorContains(t, err, "reading layer sha256:")
}

// fixed is a base that was fetched already.
type fixed struct{ image v1.Image }

func (fixed) Name() string                                               { return "base" }
func (f fixed) Digest() (v1.Hash, error)                                 { return f.image.Digest() }
func (f fixed) Image(_ context.Context, _ v1.Platform) (v1.Image, error) { return f.image, nil }

func TestAnIndexListsItsPlatformsInOneOrder(t *testing.T) {
	index := build(t, module(t, time.Now(), 0o644), both...).(v1.ImageIndex)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Equal(t, types.OCIImageIndex, manifest.MediaType)
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
		require.Equal(t, types.OCIManifestSchema1, m.MediaType)
	}
	require.Equal(t, []string{"linux/amd64", "linux/arm64"}, platforms)

	twice := spec(images.Static(), nil)
	twice.Platforms = append(twice.Platforms, twice.Platforms[0])
	_, err = images.Build(t.Context(), twice)
	require.ErrorContains(t, err, "platform linux/amd64 is given twice")
}

// What the program says of its own build: no paths, no cgo, zones within.
func TestAProgramBringsItsTimeZones(t *testing.T) {
	image := build(t, module(t, time.Now(), 0o644), amd64).(v1.Image)
	program := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(program, content(t, image, "ko-app/hello"), 0o755))
	info, err := buildinfo.ReadFile(program)
	require.NoError(t, err)
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	require.Equal(t, "timetzdata", settings["-tags"])
	require.Equal(t, "true", settings["-trimpath"])
	require.Equal(t, "0", settings["CGO_ENABLED"])
	require.NotContains(t, settings, "vcs.revision")
}

func digestOf(t *testing.T, image v1.Image) string {
	t.Helper()
	d, err := image.Digest()
	require.NoError(t, err)
	return d.String()
}
