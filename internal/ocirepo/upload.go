package ocirepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// errThere ends an upload for which no byte has to move.
var errThere = errors.New("the blob is there")

// upload stores a blob: by mounting it from a repository of the same registry, and
// where that has it not, in one PUT. With mountFrom this very repository it costs
// no more to find out that the blob is here already. An upload whose session was
// lost starts again from the beginning: open must be callable repeatedly.
func (r *Repository) upload(ctx context.Context, d v1.Descriptor, mountFrom name.Repository, open func() (io.ReadCloser, error)) error {
	_, err := r.do(ctx, request{
		method: http.MethodPut,
		length: d.Size, body: open,
		accept: []int{http.StatusCreated, http.StatusNoContent},
		locate: func(ctx context.Context) (string, error) { return r.begin(ctx, d.Digest, mountFrom) },
		header: http.Header{"Content-Type": {"application/octet-stream"}},
	})
	if err != nil && !errors.Is(err, errThere) {
		return fmt.Errorf("writing blob %q: %w", r.join(d.Digest.String()), err)
	}
	return nil
}

// begin asks for a mount, and gives the place to upload to where the registry
// declines it: it has no such blob, this account may not read it, or it mounts none.
func (r *Repository) begin(ctx context.Context, digest v1.Hash, from name.Repository) (string, error) {
	post := request{
		method: http.MethodPost,
		path:   "blobs/uploads/?" + url.Values{"mount": {digest.String()}, "from": {from.RepositoryStr()}}.Encode(),
		accept: []int{http.StatusCreated, http.StatusAccepted}, unlimited: true,
	}
	resp, err := r.attempt(ctx, post)
	if unsupported(err) {
		post.path, post.accept = "blobs/uploads/", []int{http.StatusAccepted}
		resp, err = r.attempt(ctx, post)
	}
	if err != nil {
		return "", err
	}
	if resp.StatusCode == http.StatusCreated {
		return "", &finalError{errThere}
	}
	at, err := resp.Location()
	if err != nil {
		return "", &finalError{fmt.Errorf("starting an upload: %w", err)}
	}
	query := at.Query()
	query.Set("digest", digest.String())
	at.RawQuery = query.Encode()
	return at.String(), nil
}
