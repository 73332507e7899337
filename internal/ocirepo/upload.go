package ocirepo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Mount makes a blob of another repository of the same registry available here,
// moving no byte. Where the registry declines (no such blob, no right to read it,
// no support) mounted is false and nothing is left behind that matters: registries
// expire unfinished uploads.
func (r *Repository) Mount(ctx context.Context, digest v1.Hash, from name.Repository) (mounted bool, err error) {
	resp, err := r.do(ctx, request{
		method: http.MethodPost,
		path:   "blobs/uploads/?" + url.Values{"mount": {digest.String()}, "from": {from.RepositoryStr()}}.Encode(),
		accept: []int{http.StatusCreated, http.StatusAccepted},
	})
	if unsupported(err) {
		return false, nil // the answer of registries that mount nothing for this account
	}
	if err != nil {
		return false, fmt.Errorf("mounting blob %q from %q: %w", r.join(digest.String()), from, err)
	}
	return resp.StatusCode == http.StatusCreated, nil
}

// upload stores a blob in one PUT. An upload whose session was lost starts again
// from the beginning: open must be callable repeatedly.
func (r *Repository) upload(ctx context.Context, d v1.Descriptor, open func() (io.ReadCloser, error)) error {
	_, err := r.do(ctx, request{
		method: http.MethodPut,
		length: d.Size, body: open,
		accept: []int{http.StatusCreated, http.StatusNoContent},
		locate: func(ctx context.Context) (string, error) {
			resp, err := r.attempt(ctx, request{
				method: http.MethodPost, path: "blobs/uploads/",
				accept: []int{http.StatusAccepted}, unlimited: true,
			})
			if err != nil {
				return "", err
			}
			at, err := resp.Location()
			if err != nil {
				return "", &finalError{fmt.Errorf("starting an upload: %w", err)}
			}
			query := at.Query()
			query.Set("digest", d.Digest.String())
			at.RawQuery = query.Encode()
			return at.String(), nil
		},
		header: http.Header{"Content-Type": {"application/octet-stream"}},
	})
	if err != nil {
		return fmt.Errorf("writing blob %q: %w", r.join(d.Digest.String()), err)
	}
	return nil
}
