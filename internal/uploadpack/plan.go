package uploadpack

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// sending is what goes to the client.
type sending struct {
	objects  []plumbing.Hash
	boundary packp.ShallowUpdate
	common   []plumbing.Hash // of the client's haves, those that the repository holds
}

// plan collects the objects that the client wants and does not have, no deeper than it asked.
func plan(ctx context.Context, s storer.Storer, request *Request) (*sending, error) {
	depth, ok := request.Depth.(packp.DepthCommits)
	if !ok && !request.Depth.IsZero() {
		return nil, fmt.Errorf("%w: deepening by date or by ref is not supported", ErrBadRequest)
	}
	p, seen := &sending{}, map[plumbing.Hash]bool{}
	shallow := set(request.Shallows)
	had := map[plumbing.Hash]bool{} // commits of the client
	for _, have := range request.Haves {
		if _, err := object.GetCommit(s, have); err != nil {
			continue
		}
		p.common = append(p.common, have)
		tree, err := p.history(ctx, s, have, had, shallow)
		if err != nil {
			return nil, err
		}
		if err := walk(s, tree, seen, nil); err != nil {
			return nil, err
		}
	}
	var tips []plumbing.Hash
	for _, want := range request.Wants {
		tip, err := p.want(s, want, seen)
		if err != nil {
			return nil, fmt.Errorf("%w: want %s: %w", ErrBadRequest, want, err)
		}
		tips = append(tips, tip)
	}
	return p, p.collect(ctx, s, tips, int(depth), shallow, had, seen)
}

// want adds the tag objects that lead from a wanted object to a commit.
func (p *sending) want(s storer.Storer, hash plumbing.Hash, seen map[plumbing.Hash]bool) (plumbing.Hash, error) {
	for {
		tag, err := object.GetTag(s, hash)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			_, err := object.GetCommit(s, hash)
			return hash, err
		}
		if err != nil {
			return hash, err
		}
		if !seen[hash] {
			seen[hash] = true
			p.objects = append(p.objects, hash)
		}
		hash = tag.Target
	}
}

// history marks the commits that the client has, and returns the tree of the newest.
func (p *sending) history(ctx context.Context, s storer.Storer, have plumbing.Hash, had, shallow map[plumbing.Hash]bool) (plumbing.Hash, error) {
	first, err := object.GetCommit(s, have)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	for queue := []*object.Commit{first}; len(queue) > 0; {
		if err := ctx.Err(); err != nil {
			return plumbing.ZeroHash, err
		}
		commit := queue[0]
		queue = queue[1:]
		if had[commit.Hash] {
			continue
		}
		had[commit.Hash] = true
		if shallow[commit.Hash] {
			continue
		}
		for _, parent := range commit.ParentHashes {
			if next, err := object.GetCommit(s, parent); err == nil {
				queue = append(queue, next)
			}
		}
	}
	return first.TreeHash, nil
}

// collect walks from the tips, breadth first, so that each commit is met at its least depth.
func (p *sending) collect(ctx context.Context, s storer.Storer, tips []plumbing.Hash, depth int, shallow, had, seen map[plumbing.Hash]bool) error {
	type step struct {
		hash  plumbing.Hash
		depth int
	}
	var queue []step
	for _, tip := range tips {
		queue = append(queue, step{tip, 1})
	}
	visited := map[plumbing.Hash]bool{}
	for ; len(queue) > 0; queue = queue[1:] {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := queue[0]
		if visited[at.hash] || (depth == 0 && had[at.hash]) {
			continue
		}
		visited[at.hash] = true
		commit, err := object.GetCommit(s, at.hash)
		if err != nil {
			return fmt.Errorf("reading commit %s: %w", at.hash, err)
		}
		if !had[at.hash] {
			p.objects = append(p.objects, at.hash)
			if err := walk(s, commit.TreeHash, seen, &p.objects); err != nil {
				return err
			}
		}
		if depth > 0 && at.depth == depth {
			if len(commit.ParentHashes) > 0 && !shallow[at.hash] {
				p.boundary.Shallows = append(p.boundary.Shallows, at.hash)
			}
			continue
		}
		if depth > 0 && shallow[at.hash] {
			p.boundary.Unshallows = append(p.boundary.Unshallows, at.hash)
		}
		for _, parent := range commit.ParentHashes {
			queue = append(queue, step{parent, at.depth + 1})
		}
	}
	return nil
}

// walk marks a tree and all below it as seen, and adds what was not to out, unless that is nil. Submodules are commits of
// other repositories.
func walk(s storer.Storer, tree plumbing.Hash, seen map[plumbing.Hash]bool, out *[]plumbing.Hash) error {
	mark := func(hash plumbing.Hash) {
		seen[hash] = true
		if out != nil {
			*out = append(*out, hash)
		}
	}
	if seen[tree] {
		return nil
	}
	mark(tree)
	listing, err := object.GetTree(s, tree)
	if err != nil {
		return fmt.Errorf("reading tree %s: %w", tree, err)
	}
	for _, entry := range listing.Entries {
		switch {
		case entry.Mode == filemode.Submodule || seen[entry.Hash]:
		case entry.Mode == filemode.Dir:
			if err := walk(s, entry.Hash, seen, out); err != nil {
				return err
			}
		default:
			mark(entry.Hash)
		}
	}
	return nil
}

// peel follows tags to a commit.
func peel(s storer.Storer, hash plumbing.Hash) (plumbing.Hash, error) {
	for {
		tag, err := object.GetTag(s, hash)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			return hash, nil
		}
		if err != nil {
			return hash, err
		}
		hash = tag.Target
	}
}

func set(hashes []plumbing.Hash) map[plumbing.Hash]bool {
	m := make(map[plumbing.Hash]bool, len(hashes))
	for _, h := range hashes {
		m[h] = true
	}
	return m
}
