package ocirepo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// MaxManifest is the largest manifest that is read or written, in bytes: what the
// OCI distribution specification asks every registry to accept at least.
const MaxManifest = 4 << 20

var manifestTypes = strings.Join([]string{
	string(types.OCIManifestSchema1), string(types.OCIImageIndex),
	string(types.DockerManifestSchema2), string(types.DockerManifestList),
}, ", ")

// Manifest is a manifest's bytes with their digest.
type Manifest struct {
	MediaType types.MediaType
	Digest    v1.Hash
	Bytes     []byte
}

// Head gives media type, digest and size of what a tag or digest names, without
// its bytes. It is an [ErrNotFound] where there is nothing.
func (r *Repository) Head(ctx context.Context, ref string) (v1.Descriptor, error) {
	resp, err := r.do(ctx, request{
		method: http.MethodHead, path: "manifests/" + ref,
		header: http.Header{"Accept": {manifestTypes}},
		accept: []int{http.StatusOK},
	})
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("finding %q: %w", r.join(ref), err)
	}
	d := v1.Descriptor{MediaType: types.MediaType(resp.Header.Get("Content-Type")), Size: resp.ContentLength}
	if d.Digest, err = v1.NewHash(resp.Header.Get("Docker-Content-Digest")); err != nil {
		// The header is optional in the specification: read the manifest itself.
		m, err := r.Manifest(ctx, ref)
		if err != nil {
			return v1.Descriptor{}, err
		}
		return m.Descriptor(), nil
	}
	return d, nil
}

// Manifest reads what a tag or digest names. The bytes of a digest are checked
// against it.
func (r *Repository) Manifest(ctx context.Context, ref string) (Manifest, error) {
	var m Manifest
	_, err := r.do(ctx, request{
		method: http.MethodGet, path: "manifests/" + ref,
		header: http.Header{"Accept": {manifestTypes}},
		accept: []int{http.StatusOK},
		read: func(resp *http.Response, body io.Reader) error {
			b, err := readBounded(body, MaxManifest)
			if err != nil {
				return err
			}
			if resp.ContentLength >= 0 && int64(len(b)) != resp.ContentLength {
				return io.ErrUnexpectedEOF
			}
			m = Manifest{MediaType: types.MediaType(resp.Header.Get("Content-Type")), Digest: Digest(b), Bytes: b}
			want := resp.Header.Get("Docker-Content-Digest") // of a tag it is all there is to compare with
			if strings.Contains(ref, ":") {
				want = ref
			}
			if want != "" && m.Digest.String() != want {
				return fmt.Errorf("%w: got %s", ErrCorrupt, m.Digest)
			}
			return nil
		},
	})
	if err != nil {
		return Manifest{}, fmt.Errorf("reading %q: %w", r.join(ref), err)
	}
	return m, nil
}

// Put writes a manifest under a tag, or under its own digest. It tells whether the
// registry took the manifest's subject into its referrers API.
func (r *Repository) Put(ctx context.Context, ref string, m Manifest) (subjectTaken bool, err error) {
	resp, err := r.do(ctx, request{
		method: http.MethodPut, path: "manifests/" + ref,
		header: http.Header{"Content-Type": {string(m.MediaType)}},
		body:   func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(m.Bytes)), nil },
		length: int64(len(m.Bytes)),
		accept: []int{http.StatusCreated, http.StatusOK, http.StatusAccepted},
	})
	if err != nil {
		return false, fmt.Errorf("writing %q: %w", r.join(ref), err)
	}
	if got := resp.Header.Get("Docker-Content-Digest"); got != "" && got != m.Digest.String() {
		return false, fmt.Errorf("writing %q: %w: the registry stored %s", r.join(ref), ErrCorrupt, got)
	}
	return resp.Header.Get("OCI-Subject") != "", nil
}

// DeleteTag removes a tag, not what it names. Not every registry can.
func (r *Repository) DeleteTag(ctx context.Context, tag string) error {
	_, err := r.do(ctx, request{
		method: http.MethodDelete, path: "manifests/" + tag,
		accept: []int{http.StatusAccepted, http.StatusOK, http.StatusNoContent, http.StatusNotFound},
	})
	if err != nil {
		return fmt.Errorf("removing tag %q: %w", r.join(tag), err)
	}
	return nil
}

// Descriptor describes a manifest.
func (m Manifest) Descriptor() v1.Descriptor {
	return v1.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: int64(len(m.Bytes))}
}

// NewManifest computes the digest of a manifest's bytes.
func NewManifest(mediaType types.MediaType, b []byte) Manifest {
	return Manifest{MediaType: mediaType, Digest: Digest(b), Bytes: b}
}

// Digest is the sha256 digest of b.
func Digest(b []byte) v1.Hash {
	sum := sha256.Sum256(b)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// join writes a reference the way people do.
func (r *Repository) join(ref string) string {
	if strings.Contains(ref, ":") {
		return r.Name.String() + "@" + ref
	}
	return r.Name.String() + ":" + ref
}

func readBounded(body io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, &finalError{fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)}
	}
	return b, nil
}
