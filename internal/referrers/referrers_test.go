package referrers_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	gcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-ci/sluice/internal/referrers"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/registrytest"
	"github.com/sluice-ci/sluice/internal/trust"
)

// withAPI runs a registry that has the referrers API.
func withAPI(t *testing.T) string {
	server := httptest.NewServer(gcr.New(gcr.WithReferrersSupport(true), gcr.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func store(t *testing.T, host string) (*referrers.Store, name.Repository) {
	t.Helper()
	options := registry.Options{Trust: &trust.Options{}}
	client, err := options.Client()
	require.NoError(t, err)
	repo, err := client.Repository(host + "/team/app")
	require.NoError(t, err)
	return referrers.New(client, repo), repo
}

func pushImage(t *testing.T, repo name.Repository) v1.Hash {
	t.Helper()
	image, err := random.Image(512, 2)
	require.NoError(t, err)
	digest, err := image.Digest()
	require.NoError(t, err)
	require.NoError(t, remote.Write(repo.Digest(digest.String()), image))
	return digest
}

func note(n int) referrers.Artifact {
	return referrers.Artifact{
		Type:        "application/vnd.example.note",
		Annotations: map[string]string{"org.example.number": fmt.Sprint(n)},
		Title:       "note.txt",
		Content:     fmt.Appendf(nil, "note %d", n),
	}
}

func digests(list []v1.Descriptor) (out []string) {
	for _, d := range list {
		out = append(out, d.Digest.String())
	}
	return out
}

func TestAttachedDocumentsAreListedAndRead(t *testing.T) {
	for name, host := range map[string]string{
		"with the API":    withAPI(t),
		"by fallback tag": registrytest.Start(t).Host,
	} {
		t.Run(name, func(t *testing.T) {
			s, repo := store(t, host)
			digest := pushImage(t, repo)
			nothing, err := s.List(t.Context(), digest)
			require.NoError(t, err)
			require.Empty(t, nothing.Referrers)

			subject, err := s.Subject(t.Context(), digest)
			require.NoError(t, err)
			first, err := s.Attach(t.Context(), subject, note(1))
			require.NoError(t, err)
			again, err := s.Attach(t.Context(), subject, note(1))
			require.NoError(t, err)
			require.Equal(t, first, again)

			listing, err := s.List(t.Context(), digest)
			require.NoError(t, err)
			require.Equal(t, []v1.Descriptor{first}, listing.Referrers)
			require.Equal(t, name == "with the API", listing.HasAPI)

			m, _, err := s.Manifest(t.Context(), digest, first.Digest)
			require.NoError(t, err)
			require.Equal(t, subject, *m.Subject)
			require.Equal(t, "note.txt", m.Layers[0].Annotations["org.opencontainers.image.title"])
			content, err := s.Content(t.Context(), m.Layers[0], 1<<10)
			require.NoError(t, err)
			require.Equal(t, "note 1", string(content))
			_, err = s.Content(t.Context(), m.Layers[0], 3)
			require.ErrorIs(t, err, referrers.ErrTooLarge)

			if listing.HasAPI {
				return // go-containerregistry's registry lists the config's media type as the artifactType
			}
			// go-containerregistry reads the fallback tag that we wrote, with its artifactType filter.
			index, err := remote.Referrers(repo.Digest(digest.String()), remote.WithFilter("artifactType", note(1).Type))
			require.NoError(t, err)
			theirs, err := index.IndexManifest()
			require.NoError(t, err)
			require.Equal(t, digests(listing.Referrers), digests(theirs.Manifests))
		})
	}
}

func TestAReferrerOfAnotherDigestIsNotTaken(t *testing.T) {
	s, repo := store(t, registrytest.Start(t).Host)
	subject, err := s.Subject(t.Context(), pushImage(t, repo))
	require.NoError(t, err)
	attached, err := s.Attach(t.Context(), subject, note(1))
	require.NoError(t, err)
	_, _, err = s.Manifest(t.Context(), pushImage(t, repo), attached.Digest)
	require.ErrorContains(t, err, "its subject is not")
}

// slowManifests makes the time between reading and writing the fallback tag long enough for writers to collide.
func slowManifests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/manifests/") {
			time.Sleep(rand.N(10 * time.Millisecond))
		}
		next.ServeHTTP(w, r)
	})
}

func TestConcurrentWritersLoseNoEntry(t *testing.T) {
	reg := registrytest.Start(t, registrytest.Wrap(slowManifests))
	_, repo := store(t, reg.Host)
	digest := pushImage(t, repo)
	const writers, each = 8, 3
	var group errgroup.Group
	for w := range writers {
		s, _ := store(t, reg.Host) // a process of its own
		group.Go(func() error {
			subject, err := s.Subject(t.Context(), digest)
			if err != nil {
				return err
			}
			for n := range each {
				if _, err := s.Attach(t.Context(), subject, note(w*each+n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())

	// The fallback tag alone holds all of them, for tools that know nothing of own tags.
	index, err := remote.Index(repo.Tag(referrers.FallbackTag(digest)))
	require.NoError(t, err)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, writers*each)
	for _, d := range manifest.Manifests {
		require.Equal(t, note(0).Type, d.ArtifactType)
		require.NotEmpty(t, d.Annotations)
	}
}

func TestAWriterKilledBeforeItSettlesLosesNoEntry(t *testing.T) {
	ctx, kill := context.WithCancel(t.Context())
	reg := registrytest.Start(t, registrytest.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, ".referrer-") {
				kill()
			}
		})
	}))
	s, repo := store(t, reg.Host)
	digest := pushImage(t, repo)
	subject, err := s.Subject(t.Context(), digest)
	require.NoError(t, err)
	_, err = s.Attach(ctx, subject, note(1))
	require.Error(t, err)

	listing, err := s.List(t.Context(), digest)
	require.NoError(t, err)
	require.Len(t, listing.Referrers, 1, "the own tag holds it")
	require.Equal(t, note(1).Annotations, listing.Referrers[0].Annotations)
	_, err = s.Attach(t.Context(), subject, note(2))
	require.NoError(t, err)
	index, err := remote.Index(repo.Tag(referrers.FallbackTag(digest)))
	require.NoError(t, err)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 2, "the next writer puts it into the fallback tag")
}

func TestAForeignListHidesNothing(t *testing.T) {
	s, repo := store(t, registrytest.Start(t).Host)
	digest := pushImage(t, repo)
	subject, err := s.Subject(t.Context(), digest)
	require.NoError(t, err)
	ours, err := s.Attach(t.Context(), subject, note(1))
	require.NoError(t, err)

	// Another tool replaces the fallback tag by a list of its own, with neither artifactType nor annotations.
	foreign := mutate.Subject(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), "application/vnd.other"), subject).(v1.Image)
	foreignDigest, err := foreign.Digest()
	require.NoError(t, err)
	pushRaw(t, repo, foreign)
	list := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: foreign, Descriptor: v1.Descriptor{MediaType: types.OCIManifestSchema1}})
	require.NoError(t, remote.WriteIndex(repo.Tag(referrers.FallbackTag(digest)), list))
	require.NoError(t, remote.Write(repo.Tag(referrers.FallbackTag(digest)+".att"), empty.Image))

	listing, err := s.List(t.Context(), digest)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{ours.Digest.String(), foreignDigest.String()}, digests(listing.Referrers))
	for _, d := range listing.Referrers {
		if d.Digest == foreignDigest {
			require.Equal(t, "application/vnd.other", d.ArtifactType)
		}
	}
	require.Len(t, listing.Legacy, 1)
	require.Equal(t, referrers.FallbackTag(digest)+".att", listing.Legacy[0].Name)
}

// pushRaw puts an image without letting go-containerregistry touch the fallback tag.
func pushRaw(t *testing.T, repo name.Repository, image v1.Image) {
	t.Helper()
	raw, err := image.RawManifest()
	require.NoError(t, err)
	config, err := image.RawConfigFile()
	require.NoError(t, err)
	require.NoError(t, remote.WriteLayer(repo, static.NewLayer(config, "application/vnd.other")))
	digest, err := image.Digest()
	require.NoError(t, err)
	address := fmt.Sprintf("http://%s/v2/%s/manifests/%s", repo.RegistryStr(), repo.RepositoryStr(), digest)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, address, bytes.NewReader(raw))
	require.NoError(t, err)
	request.Header.Set("Content-Type", string(types.OCIManifestSchema1))
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusCreated, response.StatusCode)
}

func TestRequestsOfAListing(t *testing.T) {
	reg := registrytest.Start(t)
	s, repo := store(t, reg.Host)
	digest := pushImage(t, repo)
	for i := range 150 { // tags before and after the subject's own, over more than one page
		require.NoError(t, remote.Tag(repo.Tag(fmt.Sprintf("%s-%d", []string{"a", "v"}[i%2], i)), mustGet(t, repo, digest)))
	}
	subject, err := s.Subject(t.Context(), digest)
	require.NoError(t, err)
	_, err = s.Attach(t.Context(), subject, note(1))
	require.NoError(t, err)
	reg.Forget()
	_, err = s.List(t.Context(), digest)
	require.NoError(t, err)
	require.Len(t, reg.Requests(), 3, "the API, the fallback tag, one page of tags: %v", reg.Requests())
}

func mustGet(t *testing.T, repo name.Repository, digest v1.Hash) *remote.Descriptor {
	t.Helper()
	d, err := remote.Get(repo.Digest(digest.String()))
	require.NoError(t, err)
	return d
}

func TestCredentialsAreUsed(t *testing.T) {
	reg := registrytest.Start(t, registrytest.BasicAuth("ci", "secret"))
	s, _ := store(t, reg.Host)
	_, err := s.List(t.Context(), v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)})
	require.ErrorContains(t, err, "UNAUTHORIZED")
}
