package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/sluice-ci/sluice/internal/task"
)

// list asks a remote for its refs.
func (f *fetcher) list(ctx context.Context, from address) (remoteRefs, error) {
	auth, err := f.credentials.forAddress(from)
	if err != nil {
		return remoteRefs{}, err
	}
	remote := git.NewRemote(memory.NewStorage(), &config.RemoteConfig{Name: "origin", URLs: []string{from.clean}})
	var list []*plumbing.Reference
	err = f.retry(ctx, from, func(ctx context.Context) error {
		list, err = remote.ListContext(ctx, &git.ListOptions{Auth: auth, PeelingOption: git.AppendPeeled})
		return err
	})
	return readRefs(list), err
}

// unresolved says why a revision was not found, and what there is.
func (f *fetcher) unresolved(err error, refs remoteRefs) error {
	var twice *ambiguous
	if errors.As(err, &twice) {
		return task.Misconfigured("resolving the revision in %s: %w", f.address.clean, err).
			WithRemedy("write it in full: --revision=%s or --revision=%s", twice.refs[0], twice.refs[1])
	}
	wrong := task.Misconfigured("resolving the revision in %s: %w", f.address.clean, err)
	if shortHash.MatchString(f.options.revision) {
		return wrong.WithRemedy("a commit is written with all its 40 digits: git rev-parse %s", f.options.revision)
	}
	if near := refs.near(f.options.revision); len(near) > 0 {
		return wrong.WithRemedy("there is %s", strings.Join(near, ", "))
	}
	return wrong
}

// download fetches the revision from the repository's origin and returns its commit. A commit that no ref points to is
// asked for by hash, and where the server does not allow that, looked for in all branches and tags.
func (f *fetcher) download(ctx context.Context, from address, repository *git.Repository, wanted revision) (plumbing.Hash, error) {
	fetch := func(depth int, specs ...config.RefSpec) error {
		return f.fetchSpecs(ctx, from, repository, depth, specs)
	}
	if wanted.ref != "" {
		local := localName(wanted.ref)
		if err := fetch(f.options.depth, spec(wanted.ref.String(), local)); err != nil {
			return plumbing.ZeroHash, err
		}
		commit, err := commitOf(repository, local)
		if err != nil {
			return plumbing.ZeroHash, task.Refuse("revision %q of %s is no commit: %w", wanted.asked, from.clean, err)
		}
		if wanted.exact && commit != wanted.commit {
			return plumbing.ZeroHash, task.Undecided("%s of %s moved away from %s while it was fetched", wanted.ref, from.clean, short(wanted.commit)).
				WithRemedy("run the task again")
		}
		return commit, nil
	}
	if err := fetch(f.options.depth, spec(wanted.commit.String(), "refs/fetched/commit")); err == nil {
		return wanted.commit, nil
	} else if task.Code(err) == task.CodeUndecided {
		return plumbing.ZeroHash, err
	}
	f.Printf("%s gives no commit by its hash: fetching all branches and tags", from.clean)
	if err := fetch(0, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"); err != nil {
		return plumbing.ZeroHash, err
	}
	if _, err := repository.CommitObject(wanted.commit); err != nil {
		return plumbing.ZeroHash, task.Misconfigured("commit %s is in no branch or tag of %s", wanted.commit, from.clean).
			WithRemedy("was it pushed, and has no force-push removed it since?")
	}
	return wanted.commit, nil
}

func (f *fetcher) fetchSpecs(ctx context.Context, from address, repository *git.Repository, depth int, specs []config.RefSpec) error {
	auth, err := f.credentials.forAddress(from)
	if err != nil {
		return err
	}
	return f.retry(ctx, from, func(ctx context.Context) error {
		err := repository.FetchContext(ctx, &git.FetchOptions{RemoteName: "origin", RefSpecs: specs, Depth: depth, Auth: auth, Tags: git.NoTags, Force: true})
		if errors.Is(err, git.NoErrAlreadyUpToDate) {
			return nil
		}
		return err
	})
}

func spec(from string, to plumbing.ReferenceName) config.RefSpec {
	return config.RefSpec(fmt.Sprintf("+%s:%s", from, to))
}

// localName is where a fetched ref is kept: where git keeps branches and tags, refs/fetched for any other.
func localName(ref plumbing.ReferenceName) plumbing.ReferenceName {
	switch {
	case ref.IsBranch():
		return plumbing.NewRemoteReferenceName("origin", ref.Short())
	case ref.IsTag():
		return ref
	default:
		return plumbing.ReferenceName("refs/fetched/" + strings.TrimPrefix(ref.String(), "refs/"))
	}
}

// commitOf follows a ref, and tags that point to tags, to a commit.
func commitOf(repository *git.Repository, name plumbing.ReferenceName) (plumbing.Hash, error) {
	ref, err := repository.Reference(name, true)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	hash := ref.Hash()
	for {
		tag, err := repository.TagObject(hash)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			_, err := repository.CommitObject(hash)
			return hash, err
		}
		if err != nil {
			return hash, err
		}
		hash = tag.Target
	}
}
