// Package uploadpack is the sending side of a git fetch, in Go alone: what `git upload-pack` does where a git binary is.
//
// It promises what fetching clients (go-git and git itself, protocol version 0) ask for: all refs with their peeled tags
// and the default branch, any commit by its hash, shallow fetches by depth, and no object twice. It refuses wants that
// the repository does not hold, and deepening by date or by ref.
//
//	refs, err := uploadpack.Advertise(storer)
//	request, err := uploadpack.ReadRequest(body)
//	err = uploadpack.Respond(ctx, storer, request, w)
//
// Source: gitprotocol-pack(5), gitprotocol-capabilities(5).
package uploadpack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// ErrBadRequest marks what a client must not ask.
var ErrBadRequest = errors.New("bad request")

// maxHaves bounds the commits that a client may say it has in one request.
const maxHaves = 1 << 16

// Advertise lists the refs of a repository, sorted, with the capabilities that [Respond] honours.
func Advertise(s storer.Storer) (*packp.AdvRefs, error) {
	refs := packp.NewAdvRefs()
	for _, c := range []capability.Capability{
		capability.OFSDelta, capability.Shallow, capability.AllowTipSHA1InWant, capability.AllowReachableSHA1InWant,
	} {
		if err := refs.Capabilities.Set(c); err != nil {
			return nil, fmt.Errorf("advertising %s: %w", c, err)
		}
	}
	if err := refs.Capabilities.Set(capability.Agent, "sluice"); err != nil {
		return nil, fmt.Errorf("advertising the agent: %w", err)
	}
	all, err := s.IterReferences()
	if err != nil {
		return nil, fmt.Errorf("listing refs: %w", err)
	}
	err = all.ForEach(func(ref *plumbing.Reference) error {
		if ref.Type() != plumbing.HashReference || ref.Name() == plumbing.HEAD {
			return nil
		}
		refs.References[ref.Name().String()] = ref.Hash()
		if commit, err := peel(s, ref.Hash()); err == nil && commit != ref.Hash() {
			refs.Peeled[ref.Name().String()] = commit
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing refs: %w", err)
	}
	head, err := s.Reference(plumbing.HEAD)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return refs, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading HEAD: %w", err)
	}
	hash := head.Hash()
	if head.Type() == plumbing.SymbolicReference {
		target, ok := refs.References[head.Target().String()]
		if !ok {
			return refs, nil // an unborn branch
		}
		hash = target
		if err := refs.Capabilities.Add(capability.SymRef, "HEAD:"+head.Target().String()); err != nil {
			return nil, fmt.Errorf("advertising HEAD: %w", err)
		}
	}
	refs.Head = &hash
	return refs, nil
}

// Request is what a client wants and has.
type Request struct {
	packp.UploadRequest
	Haves []plumbing.Hash
	Done  bool // false in a round of negotiation that expects no pack yet
}

// ReadRequest reads one request of the stateless (HTTP) protocol.
func ReadRequest(r io.Reader) (*Request, error) {
	request := &Request{UploadRequest: *packp.NewUploadRequest()}
	if err := request.Decode(r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	lines := pktline.NewScanner(r)
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		hash, isHave := bytes.CutPrefix(line, []byte("have "))
		switch {
		case isHave && plumbing.IsHash(string(hash)):
			request.Haves = append(request.Haves, plumbing.NewHash(string(hash)))
			if len(request.Haves) > maxHaves {
				return nil, fmt.Errorf("%w: more than %d haves", ErrBadRequest, maxHaves)
			}
		case string(line) == "done":
			request.Done = true
			return request, nil
		case len(line) == 0: // a flush ends a batch of haves
		default:
			return nil, fmt.Errorf("%w: unexpected line %q", ErrBadRequest, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	return request, nil
}

// Respond writes the answer: the shallow boundary where a depth was asked for, the acknowledgement and, to a request that
// is done, the pack.
func Respond(ctx context.Context, s storer.Storer, request *Request, w io.Writer) error {
	plan, err := plan(ctx, s, request)
	if err != nil {
		return err
	}
	if !request.Depth.IsZero() {
		if err := plan.boundary.Encode(w); err != nil {
			return fmt.Errorf("writing the shallow boundary: %w", err)
		}
		if !request.Done && len(request.Haves) == 0 {
			return nil
		}
	}
	response := packp.ServerResponse{}
	if len(plan.common) > 0 {
		response.ACKs = plan.common[:1]
	}
	if err := response.Encode(w, false); err != nil {
		return fmt.Errorf("acknowledging: %w", err)
	}
	if !request.Done {
		return nil
	}
	return plan.pack(s, w)
}

// pack writes the planned objects. It does not look for deltas: that costs the sender more than it saves on a machine's
// own network.
func (p *sending) pack(s storer.Storer, w io.Writer) error {
	if _, err := packfile.NewEncoder(w, s, false).Encode(p.objects, 0); err != nil {
		return fmt.Errorf("writing the pack: %w", err)
	}
	return nil
}
