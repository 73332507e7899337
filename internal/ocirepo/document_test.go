package ocirepo_test

import (
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	gcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/registrytest"
)

func TestADocumentIsAttachedOnceAndReadBack(t *testing.T) {
	withAPI := httptest.NewServer(gcr.New(gcr.WithReferrersSupport(true), gcr.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(withAPI.Close)
	for kind, host := range map[string]string{
		"with the API":    strings.TrimPrefix(withAPI.URL, "http://"),
		"by fallback tag": registrytest.Start(t).Host,
	} {
		t.Run(kind, func(t *testing.T) {
			path, err := name.NewRepository(host + "/team/app")
			require.NoError(t, err)
			repo := ocirepo.New(ocirepo.Access{}).Open(path, ocirepo.Push)
			to := subject(t, repo)
			notes := []ocirepo.Document{
				{Type: "application/vnd.example.note", Title: "a.txt", Content: []byte("a"), Annotations: map[string]string{"org.example": "1"}},
				{Type: "application/vnd.example.note", Title: "b.txt", Content: []byte("b")},
			}
			first, err := repo.AttachDocuments(t.Context(), to, notes...)
			require.NoError(t, err)
			again, err := repo.AttachDocuments(t.Context(), to, notes...)
			require.NoError(t, err)
			require.Equal(t, first, again)
			require.Len(t, attached(t, repo, to.Digest).Referrers, len(notes))

			var m struct {
				Layers []struct{ Annotations map[string]string }
			}
			require.NoError(t, json.Unmarshal(first[0].Bytes, &m))
			require.Equal(t, "a.txt", m.Layers[0].Annotations["org.opencontainers.image.title"])
			// Other tools pull it as an image of one layer.
			image, err := remote.Image(path.Digest(first[0].Digest.String()))
			require.NoError(t, err)
			layers, err := image.Layers()
			require.NoError(t, err)
			blob, err := layers[0].Compressed()
			require.NoError(t, err)
			content, err := io.ReadAll(blob)
			require.NoError(t, err)
			require.Equal(t, "a", string(content))
		})
	}
}
