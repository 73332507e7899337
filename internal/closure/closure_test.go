package closure_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/closure"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/registrytest"
)

func repository(t *testing.T, text string) name.Repository {
	t.Helper()
	r, err := name.NewRepository(text)
	require.NoError(t, err)
	return r
}

// pushImage stores a random image of some layers.
func pushImage(t *testing.T, repo name.Repository, layers int64) v1.Hash {
	t.Helper()
	image, err := random.Image(1024, layers)
	require.NoError(t, err)
	digest, err := image.Digest()
	require.NoError(t, err)
	require.NoError(t, remote.Write(repo.Digest(digest.String()), image))
	return digest
}

// artifact is a referrer with one small layer.
func artifact(t *testing.T, repo *ocirepo.Repository, kind, content string, subject v1.Descriptor) ocirepo.Manifest {
	t.Helper()
	config, err := repo.WriteBlob(t.Context(), []byte("{}"))
	require.NoError(t, err)
	layer, err := repo.WriteBlob(t.Context(), []byte(content))
	require.NoError(t, err)
	b, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": types.OCIManifestSchema1, "artifactType": kind,
		"config":  v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Digest: config, Size: 2},
		"layers":  []v1.Descriptor{{MediaType: types.MediaType(kind), Digest: layer, Size: int64(len(content))}},
		"subject": subject, "annotations": map[string]string{"org.example.kind": kind},
	})
	require.NoError(t, err)
	return ocirepo.NewManifest(types.OCIManifestSchema1, b)
}

// furnished is an index of two platforms with a referrer on the index, one on a
// platform, one on a referrer, and a tag of cosign's kind.
type furnished struct {
	root       v1.Hash
	referrers  []v1.Hash
	legacyTags []string
}

func furnish(t *testing.T, repo *ocirepo.Repository) furnished {
	t.Helper()
	index, err := random.Index(512, 3, 2)
	require.NoError(t, err)
	index = mutate.IndexMediaType(index, types.OCIImageIndex)
	root, err := index.Digest()
	require.NoError(t, err)
	require.NoError(t, remote.WriteIndex(repo.Name.Digest(root.String()), index))
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	head, err := repo.Head(t.Context(), root.String())
	require.NoError(t, err)

	f := furnished{root: root}
	attach := func(kind string, subject v1.Descriptor) v1.Descriptor {
		m := artifact(t, repo, kind, kind+subject.Digest.Hex, v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size})
		require.NoError(t, repo.Attach(t.Context(), subject.Digest, m))
		f.referrers = append(f.referrers, m.Digest)
		return m.Descriptor()
	}
	sbom := attach("application/spdx+json", head)
	attach("application/example.signature", sbom)
	attach("application/vnd.cyclonedx+json", manifest.Manifests[0])

	f.legacyTags = []string{ocirepo.Tag(root) + ".att", ocirepo.Tag(root) + ".sig"}
	for _, tag := range f.legacyTags {
		image, err := random.Image(64, 1)
		require.NoError(t, err)
		require.NoError(t, remote.Write(repo.Name.Tag(tag), image))
	}
	return f
}

func promote(t *testing.T, client *ocirepo.Client, from, to name.Repository, root v1.Hash, tag string) (*closure.Closure, *ocirepo.Repository) {
	t.Helper()
	target := client.Open(to, ocirepo.Push, from)
	c, err := closure.Discover(t.Context(), client.Open(from, ocirepo.Pull).Attachments(), root)
	require.NoError(t, err)
	require.NoError(t, c.Copy(t.Context(), target))
	require.NoError(t, c.Tag(t.Context(), target, tag))
	return c, target
}

func digests(c *closure.Closure) (all []string) {
	for _, n := range c.Nodes {
		all = append(all, string(n.Role)+" "+n.Tag+" "+n.Manifest.Digest.String())
	}
	return all
}

func TestCopiesIndexPlatformsReferrersAndTags(t *testing.T) {
	for _, place := range []string{"same registry", "other registry"} {
		for _, api := range []string{"", "source", "target", "both"} {
			t.Run(place+", referrers API at "+api, func(t *testing.T) {
				options := func(which string) (o []registrytest.Option) {
					if api == which || api == "both" {
						o = append(o, registrytest.ReferrersAPI())
					}
					return o
				}
				source := registrytest.Start(t, options("source")...)
				target := source
				if place == "other registry" {
					target = registrytest.Start(t, options("target")...)
				}
				from, to := repository(t, source.Host+"/dev/app"), repository(t, target.Host+"/prod/app")
				f := furnish(t, ocirepo.New(ocirepo.Access{}).Open(from, ocirepo.Push))

				client := ocirepo.New(ocirepo.Access{})
				c, _ := promote(t, client, from, to, f.root, "v1")
				require.Len(t, c.Nodes, 1+2+3+2)
				require.Empty(t, c.Problems)

				there, err := closure.Discover(t.Context(), ocirepo.New(ocirepo.Access{}).Open(to, ocirepo.Pull).Attachments(), f.root)
				require.NoError(t, err)
				require.Equal(t, digests(c), digests(there), "the destination has the same closure")
				head, err := remote.Head(to.Tag("v1"))
				require.NoError(t, err)
				require.Equal(t, f.root, head.Digest)
				pulled, err := remote.Index(to.Tag("v1"))
				require.NoError(t, err)
				requireComplete(t, pulled)
			})
		}
	}
}

// requireComplete reads every blob of every platform.
func requireComplete(t *testing.T, index v1.ImageIndex) {
	t.Helper()
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	for _, d := range manifest.Manifests {
		image, err := index.Image(d.Digest)
		require.NoError(t, err)
		layers, err := image.Layers()
		require.NoError(t, err)
		for _, l := range layers {
			rc, err := l.Compressed()
			require.NoError(t, err)
			_, _, err = v1.SHA256(rc)
			require.NoError(t, err)
			require.NoError(t, rc.Close())
		}
	}
}
