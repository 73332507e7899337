package registrytest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// ReferrersAPI adds the referrers API of OCI 1.1, which distribution lacks.
func ReferrersAPI() Option {
	return Wrap(func(next http.Handler) http.Handler {
		return &referrersAPI{next: next, lists: map[string][]v1.Descriptor{}}
	})
}

type referrersAPI struct {
	next  http.Handler
	mu    sync.Mutex
	lists map[string][]v1.Descriptor // by repository and subject
}

var (
	referrersPath = regexp.MustCompile(`^/v2/(.+)/referrers/(sha256:[0-9a-f]+)$`)
	manifestPath  = regexp.MustCompile(`^/v2/(.+)/manifests/[^/]+$`)
)

func (a *referrersAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if m := referrersPath.FindStringSubmatch(r.URL.Path); m != nil && r.Method == http.MethodGet {
		a.mu.Lock()
		defer a.mu.Unlock()
		w.Header().Set("Content-Type", string(types.OCIImageIndex))
		_ = json.NewEncoder(w).Encode(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: append([]v1.Descriptor{}, a.lists[m[1]+"@"+m[2]]...)})
		return
	}
	if m := manifestPath.FindStringSubmatch(r.URL.Path); m != nil && r.Method == http.MethodPut {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		a.note(w, m[1], r.Header.Get("Content-Type"), body)
	}
	a.next.ServeHTTP(w, r)
}

func (a *referrersAPI) note(w http.ResponseWriter, repo, mediaType string, body []byte) {
	var doc struct {
		ArtifactType string            `json:"artifactType"`
		Subject      *v1.Descriptor    `json:"subject"`
		Annotations  map[string]string `json:"annotations"`
	}
	if json.Unmarshal(body, &doc) != nil || doc.Subject == nil {
		return
	}
	digest, size, err := v1.SHA256(bytes.NewReader(body))
	if err != nil {
		return
	}
	w.Header().Set("OCI-Subject", doc.Subject.Digest.String())
	key := strings.Join([]string{repo, doc.Subject.Digest.String()}, "@")
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, d := range a.lists[key] {
		if d.Digest == digest {
			return
		}
	}
	a.lists[key] = append(a.lists[key], v1.Descriptor{
		MediaType: types.MediaType(mediaType), Digest: digest, Size: size,
		ArtifactType: doc.ArtifactType, Annotations: doc.Annotations,
	})
}
