package ocirepo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ReadBlob reads a whole blob of at most limit bytes into memory and checks it.
func (r *Repository) ReadBlob(ctx context.Context, d v1.Descriptor, limit int64) ([]byte, error) {
	if d.Size > limit {
		return nil, fmt.Errorf("reading blob %q: %w: %d bytes, more than %d", r.join(d.Digest.String()), ErrTooLarge, d.Size, limit)
	}
	var b []byte
	_, err := r.do(ctx, request{
		method: http.MethodGet, path: "blobs/" + d.Digest.String(), accept: []int{http.StatusOK},
		read: func(_ *http.Response, body io.Reader) (err error) {
			if b, err = readBounded(body, d.Size); err != nil {
				return err
			}
			if int64(len(b)) < d.Size {
				return io.ErrUnexpectedEOF
			}
			if Digest(b) != d.Digest {
				return fmt.Errorf("%w: got %s", ErrCorrupt, Digest(b))
			}
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("reading blob %q: %w", r.join(d.Digest.String()), err)
	}
	return b, nil
}

// HasBlob tells whether the repository holds a blob.
func (r *Repository) HasBlob(ctx context.Context, digest v1.Hash) (bool, error) {
	resp, err := r.do(ctx, request{
		method: http.MethodHead, path: "blobs/" + digest.String(),
		accept: []int{http.StatusOK, http.StatusNotFound},
	})
	if err != nil {
		return false, fmt.Errorf("finding blob %q: %w", r.join(digest.String()), err)
	}
	return resp.StatusCode == http.StatusOK, nil
}

// WriteBlob stores a small blob; one that is there already costs one request.
func (r *Repository) WriteBlob(ctx context.Context, b []byte) (v1.Hash, error) {
	digest := Digest(b)
	d := v1.Descriptor{Digest: digest, Size: int64(len(b))}
	return digest, r.upload(ctx, d, r.Name, func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	})
}

// CopyBlob brings a blob of another repository. Within one registry it is mounted,
// and no byte moves. From another registry, and where mounting is declined, it is
// streamed, each byte once: nothing is spooled, and a source that breaks off is
// asked for the rest.
func (r *Repository) CopyBlob(ctx context.Context, from *Repository, d v1.Descriptor) error {
	mountFrom := r.Name
	if from.Name.RegistryStr() == r.Name.RegistryStr() {
		mountFrom = from.Name
	}
	return r.upload(ctx, d, mountFrom, func() (io.ReadCloser, error) { return from.stream(ctx, d), nil })
}

// stream reads a blob of any size. The last Read fails where the bytes do not
// match the digest. Close ends the transfer early.
func (r *Repository) stream(ctx context.Context, d v1.Descriptor) io.ReadCloser {
	out, in := io.Pipe()
	go func() { in.CloseWithError(r.copyTo(ctx, in, d)) }()
	return out
}

// copyTo writes a blob to w. Every attempt asks only for what w does not have yet.
func (r *Repository) copyTo(ctx context.Context, w io.Writer, d v1.Descriptor) error {
	var offset int64
	corrupt := false
	sum := sha256.New()
	_, err := r.do(ctx, request{
		method: http.MethodGet, path: "blobs/" + d.Digest.String(),
		accept:    []int{http.StatusOK, http.StatusPartialContent},
		unlimited: true, // it runs within the slot of the upload that it feeds
		progress:  func() int64 { return offset },
		prepare: func(req *http.Request) {
			if offset > 0 {
				req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
			}
		},
		read: func(resp *http.Response, body io.Reader) error {
			if resp.StatusCode == http.StatusOK { // the whole blob, also where a range was asked for
				if _, err := io.CopyN(io.Discard, body, offset); err != nil {
					return err
				}
			}
			n, err := io.Copy(&sink{w, sum}, io.LimitReader(body, d.Size-offset+1))
			offset += n
			switch {
			case err != nil:
				return err
			case offset < d.Size:
				return io.ErrUnexpectedEOF
			}
			corrupt = offset > d.Size || hex.EncodeToString(sum.Sum(nil)) != d.Digest.Hex
			return nil // what w has taken cannot be taken back: the upload has to start again
		},
	})
	if err == nil && corrupt {
		err = ErrCorrupt
	}
	if err != nil {
		return fmt.Errorf("reading blob %q: %w", r.join(d.Digest.String()), err)
	}
	return nil
}

// sink hashes what it passes on. A consumer that went away is final.
type sink struct {
	w   io.Writer
	sum io.Writer
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.sum.Write(p[:n])
	if err != nil {
		err = &finalError{err}
	}
	return n, err
}
