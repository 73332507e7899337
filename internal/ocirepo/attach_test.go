package ocirepo_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/registrytest"
)

func open(t *testing.T, reg *registrytest.Registry) *ocirepo.Repository {
	t.Helper()
	repo, err := name.NewRepository(reg.Host + "/team/app")
	require.NoError(t, err)
	return ocirepo.New(ocirepo.Access{}).Open(repo, ocirepo.Push)
}

func subject(t *testing.T, repo *ocirepo.Repository) v1.Descriptor {
	t.Helper()
	image, err := random.Image(64, 1)
	require.NoError(t, err)
	digest, err := image.Digest()
	require.NoError(t, err)
	require.NoError(t, remote.Write(repo.Name.Digest(digest.String()), image))
	d, err := repo.Head(t.Context(), digest.String())
	require.NoError(t, err)
	return d
}

func referrer(t *testing.T, to v1.Descriptor, text string) ocirepo.Manifest {
	t.Helper()
	empty := ocirepo.Digest([]byte("{}"))
	b, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": types.OCIManifestSchema1, "artifactType": "application/example",
		"config":  v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Digest: empty, Size: 2},
		"layers":  []v1.Descriptor{{MediaType: "application/vnd.oci.empty.v1+json", Digest: empty, Size: 2}},
		"subject": to, "annotations": map[string]string{"text": text},
	})
	require.NoError(t, err)
	return ocirepo.NewManifest(types.OCIManifestSchema1, b)
}

// TestConcurrentWritersLoseNoReferrer writes through many clients at once to a registry
// without the referrers API. What counts at the end is the fallback tag itself: that
// is where stock tools look.
func TestConcurrentWritersLoseNoReferrer(t *testing.T) {
	reg := registrytest.Start(t, registrytest.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				time.Sleep(2 * time.Millisecond) // room for races between read and write
			}
			next.ServeHTTP(w, r)
		})
	}))
	first := open(t, reg)
	to := subject(t, first)
	_, err := first.WriteBlob(t.Context(), []byte("{}"))
	require.NoError(t, err)

	const writers = 12
	var wg sync.WaitGroup
	errs := make([]error, writers)
	want := map[v1.Hash]bool{}
	for i := range writers {
		m := referrer(t, to, fmt.Sprint(i))
		want[m.Digest] = true
		wg.Go(func() { errs[i] = open(t, reg).Attach(t.Context(), to.Digest, m) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	m, err := first.Manifest(t.Context(), ocirepo.Tag(to.Digest))
	require.NoError(t, err)
	var index v1.IndexManifest
	require.NoError(t, json.Unmarshal(m.Bytes, &index))
	got := map[v1.Hash]bool{}
	for _, d := range index.Manifests {
		got[d.Digest] = true
		require.Equal(t, "application/example", d.ArtifactType)
		require.Contains(t, d.Annotations, "text", "filters need the annotations")
	}
	require.Equal(t, want, got)
}

func TestAWriterThatWasKilledIsHealedByTheNext(t *testing.T) {
	reg := registrytest.Start(t)
	repo := open(t, reg)
	to := subject(t, repo)
	_, err := repo.WriteBlob(t.Context(), []byte("{}"))
	require.NoError(t, err)
	lost, next := referrer(t, to, "lost"), referrer(t, to, "next")
	// As far as a killed writer came: its own tag, but not the index.
	_, err = repo.Put(t.Context(), ocirepo.Tag(to.Digest)+".referrer-"+lost.Digest.Hex[:16], lost)
	require.NoError(t, err)
	require.Len(t, attached(t, repo, to.Digest).Referrers, 1, "readers see it at once")
	require.NoError(t, repo.Attach(t.Context(), to.Digest, next))
	m, err := repo.Manifest(t.Context(), ocirepo.Tag(to.Digest))
	require.NoError(t, err)
	require.Contains(t, string(m.Bytes), lost.Digest.Hex)
	require.Contains(t, string(m.Bytes), next.Digest.Hex)
}

func attached(t *testing.T, repo *ocirepo.Repository, digest v1.Hash) ocirepo.Attached {
	t.Helper()
	all, err := repo.Attachments().Of(t.Context(), digest)
	require.NoError(t, err)
	return all
}

var fallbackPath = regexp.MustCompile(`/manifests/sha256-[0-9a-f]{64}$`)

func TestNoEntryHidesAnother(t *testing.T) {
	var spoil atomic.Pointer[string] // what the fallback tag answers instead
	reg := registrytest.Start(t, registrytest.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if text := spoil.Load(); text != nil && fallbackPath.MatchString(r.URL.Path) {
				w.Header().Set("Content-Type", string(types.OCIImageIndex))
				_, _ = io.WriteString(w, *text)
				return
			}
			next.ServeHTTP(w, r)
		})
	}))
	repo := open(t, reg)
	to := subject(t, repo)
	_, err := repo.WriteBlob(t.Context(), []byte("{}"))
	require.NoError(t, err)
	ours := referrer(t, to, "ours")
	require.NoError(t, repo.Attach(t.Context(), to.Digest, ours))

	t.Run("an entry that nobody can read, in front", func(t *testing.T) {
		entry, err := json.Marshal(ours.Descriptor())
		require.NoError(t, err)
		text := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"digest":"md5:zz","size":1},%s]}`, types.OCIImageIndex, entry)
		spoil.Store(&text)
		defer spoil.Store(nil)
		all := attached(t, repo, to.Digest)
		require.Len(t, all.Problems, 1)
		require.Len(t, all.Referrers, 1)
		require.Equal(t, ocirepo.FromFallback, all.Referrers[0].Origin)
	})
	t.Run("an empty fallback tag", func(t *testing.T) {
		b, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}})
		require.NoError(t, err)
		_, err = repo.Put(t.Context(), ocirepo.Tag(to.Digest), ocirepo.NewManifest(types.OCIImageIndex, b))
		require.NoError(t, err)
		all := attached(t, repo, to.Digest)
		require.Len(t, all.Referrers, 1, "its own tag still names it")
		require.Equal(t, ocirepo.FromTag, all.Referrers[0].Origin)
	})
	t.Run("a foreign manifest under a tag like ours", func(t *testing.T) {
		stranger := subject(t, repo)
		m, err := repo.Manifest(t.Context(), stranger.Digest.String())
		require.NoError(t, err)
		_, err = repo.Put(t.Context(), ocirepo.Tag(to.Digest)+".referrer-0123456789abcdef", m)
		require.NoError(t, err)
		all := attached(t, repo, to.Digest)
		require.Len(t, all.Referrers, 1)
		require.Len(t, all.Problems, 1)
	})
}
