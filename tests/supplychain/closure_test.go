//go:build interop

package supplychain

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/closure"
	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/predicate"
)

// TestStockCopiersAndPromoteBringTheSameClosure copies an index with evidence on the
// index and on a platform with oras, regctl and promote.
func TestStockCopiersAndPromoteBringTheSameClosure(t *testing.T) {
	w := evidencetest.New(t)
	root := attestedIndex(t, w)
	source := w.Registry.Host + "/team/app@" + root.String()
	target := func(tool string) string { return w.Registry.Host + "/" + tool + "/app:v1" }

	must(t, "promote", "--image="+source, "--target="+target("promote"))
	must(t, "oras", "cp", "-r", "--from-plain-http", "--to-plain-http", source, target("oras"))
	must(t, "regctl", "image", "copy", "--referrers", "--digest-tags", "--host=reg="+w.Registry.Host+",tls=disabled", source, target("regctl"))

	ours := manifests(t, w, "promote", root)
	require.Equal(t, manifests(t, w, "team", root), ours, "promote brings all that the source has")
	require.Equal(t, manifests(t, w, "oras", root), ours)
	require.Equal(t, manifests(t, w, "regctl", root), ours)
	require.Len(t, ours, 1+2+2)
	for _, tool := range []string{"promote", "oras", "regctl"} {
		require.Equal(t, root.String(), w.At(t, tool+"/app", "v1"))
		discovered := must(t, "oras", "discover", "--plain-http", "--format=json", target(tool))
		require.Contains(t, discovered, evidence.BundleType)
	}
}

func manifests(t *testing.T, w *evidencetest.World, tool string, root v1.Hash) (all []string) {
	t.Helper()
	c, err := closure.Discover(t.Context(), w.Repository(t, tool+"/app").Attachments(), root)
	require.NoError(t, err)
	require.Empty(t, c.Problems)
	for _, n := range c.Nodes {
		all = append(all, fmt.Sprint(n.Role, " ", n.Manifest.Digest))
	}
	slices.Sort(all)
	return all
}

// attestedIndex stores an index of two platforms; the index and one platform are attested.
func attestedIndex(t *testing.T, w *evidencetest.World) v1.Hash {
	t.Helper()
	index, err := random.Index(1024, 3, 2)
	require.NoError(t, err)
	index = mutate.IndexMediaType(index, types.OCIImageIndex)
	root, err := index.Digest()
	require.NoError(t, err)
	ref, err := name.NewDigest(w.Registry.Host + "/team/app@" + root.String())
	require.NoError(t, err)
	require.NoError(t, remote.WriteIndex(ref, index))
	list, err := index.IndexManifest()
	require.NoError(t, err)
	repo := w.Repository(t, "team/app")
	for i, digest := range []v1.Hash{root, list.Manifests[0].Digest} {
		subject, err := repo.Head(t.Context(), digest.String())
		require.NoError(t, err)
		signed, err := evidence.SealPredicate(w.Attestor, subject, evidence.Origin{}, predicate.SPDXType, json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)))
		require.NoError(t, err)
		require.NoError(t, evidence.Attach(t.Context(), repo, digest, signed))
	}
	return root
}
