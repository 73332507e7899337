package closure_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/closure"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/registrytest"
)

// TestRequestBudget holds a copy within one registry to its requests, by kind.
func TestRequestBudget(t *testing.T) {
	const layers, evidence = 12, 2
	for _, test := range []struct {
		name     string
		evidence int
		options  []registrytest.Option
		fresh    map[string]int
		again    map[string]int
	}{
		{"no evidence", 0, nil, map[string]int{
			"GET manifests": 1,          // the image's manifest
			"GET referrers": 1,          // what refers to it
			"GET tags":      1,          // tags of the repository that hold evidence
			"POST blobs":    layers + 1, // mounts: layers and config
			"PUT manifests": 1,          // the tag, last
		}, map[string]int{"GET referrers": 1, "GET tags": 1}},
		{"evidence", evidence, nil, map[string]int{
			"GET manifests": 1 + evidence + 1 + 2,      // image, evidence, fallback index, and before and after writing it at the target
			"GET referrers": 1,                         // there is no such API: it is not asked again
			"GET tags":      1 + 1,                     // and of the target, after its index was written
			"POST blobs":    layers + 1 + evidence + 1, // evidence shares one empty config
			"PUT manifests": 1 + evidence + 1,          // and the index
		}, map[string]int{"GET manifests": 2, "GET referrers": 1, "GET tags": 2}},
		{"evidence, referrers API", evidence, []registrytest.Option{registrytest.ReferrersAPI()}, map[string]int{
			"GET manifests": 1 + evidence,
			"GET referrers": 1 + evidence + 1, // of the image, of its evidence, and to prove what the target lists
			"GET tags":      1,
			"POST blobs":    layers + 1 + evidence + 1,
			"PUT manifests": 1 + evidence,
		}, map[string]int{"GET referrers": 1 + evidence + 1, "GET tags": 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			reg := registrytest.Start(t, test.options...)
			from, to := repository(t, reg.Host+"/dev/app"), repository(t, reg.Host+"/prod/app")
			root := pushImage(t, from, layers)
			source := ocirepo.New(ocirepo.Access{}).Open(from, ocirepo.Push)
			subject, err := source.Head(t.Context(), root.String())
			require.NoError(t, err)
			for i := range test.evidence {
				require.NoError(t, source.Attach(t.Context(), root, artifact(t, source, "application/spdx+json", fmt.Sprint(i), subject)))
			}

			reg.Forget()
			promote(t, ocirepo.New(ocirepo.Access{}), from, to, root, "v1")
			requests := reg.Requests()
			require.Equal(t, test.fresh, kinds(t, requests))
			last := requests[len(requests)-1]
			require.Equal(t, http.MethodPut, last.Method)
			require.True(t, strings.HasSuffix(last.URI, "/manifests/v1"), "the tag moves last")

			reg.Forget()
			client := ocirepo.New(ocirepo.Access{})
			n, err := closure.Refresh(t.Context(), client.Open(from, ocirepo.Pull).Attachments(), client.Open(to, ocirepo.Push), subject)
			require.NoError(t, err)
			require.Zero(t, n)
			require.Equal(t, test.again, kinds(t, reg.Requests()))
		})
	}
}

// kinds counts requests by method and object, and holds that no byte of a blob moved.
func kinds(t *testing.T, requests []registrytest.Request) map[string]int {
	t.Helper()
	count := map[string]int{}
	for _, r := range requests {
		if r.Blob() {
			require.Zero(t, r.Received+r.Sent, "no blob byte moves: %s", r)
		}
		count[r.Method+" "+strings.Split(strings.TrimPrefix(r.URI, "/v2/"), "/")[2]]++
	}
	return count
}

// TestABlobIsStreamedOnceAcrossRegistries holds that each byte leaves the source once,
// and that nothing moves where the target has it.
func TestABlobIsStreamedOnceAcrossRegistries(t *testing.T) {
	const layers = 12
	source, target := registrytest.Start(t), registrytest.Start(t)
	from := repository(t, source.Host+"/dev/app")
	root := pushImage(t, from, layers)
	blobs := func(reg *registrytest.Registry) (count map[string]int, received, sent int64) {
		count = map[string]int{}
		for _, r := range reg.Requests() {
			if r.Blob() {
				count[r.Method]++
				received, sent = received+r.Received, sent+r.Sent
			}
		}
		reg.Forget()
		return count, received, sent
	}
	blobs(source)

	c, _ := promote(t, ocirepo.New(ocirepo.Access{}), from, repository(t, target.Host+"/prod/app"), root, "v1")
	var size int64
	for _, d := range c.Blobs() {
		size += d.Size
	}
	count, _, sent := blobs(source)
	require.Equal(t, map[string]int{"GET": layers + 1}, count)
	require.Equal(t, size, sent)
	count, received, _ := blobs(target)
	require.Equal(t, map[string]int{"POST": layers + 1, "PUT": layers + 1}, count)
	require.Equal(t, size, received)

	promote(t, ocirepo.New(ocirepo.Access{}), from, repository(t, target.Host+"/prod/app"), root, "v2")
	count, _, _ = blobs(source)
	require.Empty(t, count)
	count, received, _ = blobs(target)
	require.Equal(t, map[string]int{"POST": layers + 1}, count, "one request finds a blob that is there")
	require.Zero(t, received)
}

func TestNewEvidenceIsBroughtToACopy(t *testing.T) {
	reg := registrytest.Start(t)
	from, to := repository(t, reg.Host+"/dev/app"), repository(t, reg.Host+"/prod/app")
	client := ocirepo.New(ocirepo.Access{})
	source := client.Open(from, ocirepo.Push)
	f := furnish(t, source)
	_, target := promote(t, client, from, to, f.root, "v1")
	root, err := source.Head(t.Context(), f.root.String())
	require.NoError(t, err)
	refresh := func() int {
		n, err := closure.Refresh(t.Context(), source.Attachments(), target, root)
		require.NoError(t, err)
		return n
	}
	require.Zero(t, refresh())

	sbom, err := source.Head(t.Context(), f.referrers[0].String())
	require.NoError(t, err)
	late := artifact(t, source, "application/example.late", "on a referrer", sbom)
	require.NoError(t, source.Attach(t.Context(), sbom.Digest, late))
	other := pushImage(t, from, 2)
	moved, err := source.Manifest(t.Context(), other.String())
	require.NoError(t, err)
	_, err = source.Put(t.Context(), f.legacyTags[0], moved)
	require.NoError(t, err)

	require.Equal(t, 2, refresh())
	there, err := closure.Discover(t.Context(), target.Attachments(), f.root)
	require.NoError(t, err)
	require.Contains(t, digests(there), "referrer  "+late.Digest.String())
	require.Contains(t, digests(there), "tag "+f.legacyTags[0]+" "+other.String())
	require.Zero(t, refresh())
}
