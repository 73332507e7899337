package uploadpack

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// Open gives the objects and refs of a repository in a folder: a bare one, or one with a .git folder. A folder that is
// neither is [transport.ErrRepositoryNotFound].
func Open(path string) (storer.Storer, error) {
	for _, dir := range []string{path, filepath.Join(path, ".git")} {
		head, err := os.Stat(filepath.Join(dir, "HEAD"))
		if err == nil && head.Mode().IsRegular() {
			return filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRUDefault()), nil
		}
	}
	return nil, transport.ErrRepositoryNotFound
}

// Local is the transport for file URLs, for go-git, whose own one runs the git binary. It sends, and does not receive.
type Local struct{}

var _ transport.Transport = Local{}

// NewUploadPackSession opens the repository at the endpoint's path.
func (Local) NewUploadPackSession(endpoint *transport.Endpoint, _ transport.AuthMethod) (transport.UploadPackSession, error) {
	s, err := Open(endpoint.Path)
	if err != nil {
		return nil, err
	}
	return session{s}, nil
}

// NewReceivePackSession refuses.
func (Local) NewReceivePackSession(*transport.Endpoint, transport.AuthMethod) (transport.ReceivePackSession, error) {
	return nil, errors.New("pushing to a file URL is not supported")
}

type session struct{ storer storer.Storer }

func (s session) Close() error { return nil }

func (s session) AdvertisedReferences() (*packp.AdvRefs, error) {
	return s.AdvertisedReferencesContext(context.Background())
}

func (s session) AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error) {
	refs, err := Advertise(s.storer)
	if err != nil {
		return nil, err
	}
	if len(refs.References) == 0 {
		return nil, transport.ErrEmptyRemoteRepository
	}
	return refs, nil
}

func (s session) UploadPack(ctx context.Context, r *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	if r.IsEmpty() {
		return nil, transport.ErrEmptyUploadPackRequest
	}
	plan, err := plan(ctx, s.storer, &Request{UploadRequest: r.UploadRequest, Haves: r.Haves, Done: true})
	if err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(plan.pack(s.storer, writer)) }()
	response := packp.NewUploadPackResponseWithPackfile(r, reader)
	response.ShallowUpdate = plan.boundary
	return response, nil
}
