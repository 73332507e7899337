package referrers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/registry"
)

// accepted are the media types that a manifest may have.
var accepted = string(types.OCIManifestSchema1) + "," + string(types.OCIImageIndex) + "," +
	string(types.DockerManifestSchema2) + "," + string(types.DockerManifestList)

// connections speaks the distribution API of one repository. go-containerregistry's own functions are not used for
// manifests because they write the fallback tag themselves, and lose the entries of concurrent writers.
type connections struct {
	client *registry.Client
	repo   name.Repository

	mu    sync.Mutex
	pull  *http.Client
	write *http.Client
}

// authorized returns a client with a token for the scope: the credentials are exchanged once.
func (c *connections) authorized(ctx context.Context, scope string) (*http.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := &c.pull
	if scope == transport.PushScope {
		kept = &c.write
	}
	if *kept != nil {
		return *kept, nil
	}
	auth, err := c.client.Keychain.Resolve(c.repo)
	if err != nil {
		return nil, err
	}
	retrying := transport.NewRetry(c.client.Transport,
		transport.WithRetryBackoff(transport.Backoff{Duration: 500 * time.Millisecond, Factor: 2.5, Jitter: 0.2, Steps: 5}),
		transport.WithRetryStatusCodes(http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout))
	t, err := transport.NewWithContext(ctx, c.repo.Registry, auth, retrying, []string{c.repo.Scope(scope)})
	if err != nil {
		return nil, err
	}
	*kept = &http.Client{Transport: t}
	return *kept, nil
}

func (c *connections) url(path string, query url.Values) string {
	u := url.URL{Scheme: c.repo.Scheme(), Host: c.repo.RegistryStr(), Path: "/v2/" + c.repo.RepositoryStr() + path, RawQuery: query.Encode()}
	return u.String()
}

// get returns a body of at most limit bytes, or [transport.Error] for an answer that is not 200.
func (c *connections) get(ctx context.Context, address, accept string, limit int64) ([]byte, http.Header, error) {
	client, err := c.authorized(ctx, transport.PullScope)
	if err != nil {
		return nil, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept", accept)
	response, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	if err := transport.CheckError(response, http.StatusOK); err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, nil, err
	}
	if int64(len(data)) > limit {
		return nil, nil, fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)
	}
	return data, response.Header, nil
}

// manifest fetches by tag or digest; the bytes are checked against a digest.
func (c *connections) manifest(ctx context.Context, reference string) ([]byte, v1.Descriptor, error) {
	data, header, err := c.get(ctx, c.url("/manifests/"+reference, nil), accepted, maxManifest)
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	digest, size, err := v1.SHA256(bytes.NewReader(data))
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	if want, err := v1.NewHash(reference); err == nil && want != digest {
		return nil, v1.Descriptor{}, fmt.Errorf("the registry sent bytes with the digest %s", digest)
	}
	return data, v1.Descriptor{MediaType: types.MediaType(header.Get("Content-Type")), Digest: digest, Size: size}, nil
}

func (c *connections) head(ctx context.Context, reference string) (v1.Descriptor, error) {
	client, err := c.authorized(ctx, transport.PullScope)
	if err != nil {
		return v1.Descriptor{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, c.url("/manifests/"+reference, nil), nil)
	if err != nil {
		return v1.Descriptor{}, err
	}
	request.Header.Set("Accept", accepted)
	response, err := client.Do(request)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer response.Body.Close()
	if err := transport.CheckError(response, http.StatusOK); err != nil {
		return v1.Descriptor{}, err
	}
	digest, err := v1.NewHash(response.Header.Get("Docker-Content-Digest"))
	if err != nil {
		// The header is optional: ask for the bytes instead.
		_, d, err := c.manifest(ctx, reference)
		return d, err
	}
	return v1.Descriptor{MediaType: types.MediaType(response.Header.Get("Content-Type")), Digest: digest, Size: response.ContentLength}, nil
}

// put writes a manifest and tells whether the registry keeps the list of referrers itself (header OCI-Subject).
func (c *connections) put(ctx context.Context, reference string, mediaType types.MediaType, data []byte) (lists bool, err error) {
	client, err := c.authorized(ctx, transport.PushScope)
	if err != nil {
		return false, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, c.url("/manifests/"+reference, nil), bytes.NewReader(data))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", string(mediaType))
	response, err := client.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if err := transport.CheckError(response, http.StatusOK, http.StatusCreated, http.StatusAccepted); err != nil {
		return false, err
	}
	return response.Header.Get("OCI-Subject") != "", nil
}

func (c *connections) blob(ctx context.Context, digest v1.Hash, limit int64) ([]byte, error) {
	data, _, err := c.get(ctx, c.url("/blobs/"+digest.String(), nil), "*/*", limit)
	if err != nil {
		return nil, err
	}
	got, _, err := v1.SHA256(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if got != digest {
		return nil, fmt.Errorf("the registry sent bytes with the digest %s", got)
	}
	return data, nil
}

// absent tells whether a registry answered that something, or a part of its API, does not exist.
func absent(err error) bool {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.StatusCode {
	case http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable:
		return true
	}
	return false
}

func parseManifest(raw []byte) (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("decoding manifest: %w", err)
	}
	return &m, nil
}
