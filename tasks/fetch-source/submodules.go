package main

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"

	"github.com/go-git/go-git/v5"

	"github.com/sluice-ci/sluice/internal/task"
)

// deepest is how far submodules may hold submodules.
const deepest = 10

// fetchSubmodules fetches every submodule at the commit that its parent names, and theirs in turn. The parent's tree says
// where they are, so they get no more than a stranger would: credentials of their own host only, no local paths.
func (f *fetcher) fetchSubmodules(ctx context.Context, parent *git.Repository, dir string, from address, level int) error {
	tree, err := parent.Worktree()
	if err != nil {
		return err
	}
	modules, err := tree.Submodules()
	if err != nil {
		return task.Misconfigured("reading .gitmodules of %s: %w", from.clean, err)
	}
	if len(modules) > 0 && level > deepest {
		return task.Refuse("submodules of %s are nested deeper than %d", f.address.clean, deepest)
	}
	slices.SortFunc(modules, func(a, b *git.Submodule) int { return cmp.Compare(a.Config().Path, b.Config().Path) })
	for _, module := range modules {
		if err := f.fetchSubmodule(ctx, module, dir, from, level); err != nil {
			return err
		}
	}
	return nil
}

func (f *fetcher) fetchSubmodule(ctx context.Context, module *git.Submodule, dir string, from address, level int) error {
	path := module.Config().Path
	status, err := module.Status()
	if err != nil {
		return task.Misconfigured("looking up submodule %s: %w", path, err)
	}
	at, err := submoduleAddress(module.Config().URL, from, f.options.plainHTTP)
	if err != nil {
		return err
	}
	module.Config().URL = at.clean
	if err := module.Init(); err != nil {
		return task.Misconfigured("preparing submodule %s: %w", path, err)
	}
	repository, err := module.Repository()
	if err != nil {
		return task.Misconfigured("preparing submodule %s: %w", path, err)
	}
	refs, err := f.list(ctx, at)
	if err != nil {
		return err
	}
	wanted, err := resolve(status.Expected.String(), refs)
	if err != nil {
		return err
	}
	if _, err := f.download(ctx, at, repository, wanted); err != nil {
		return err
	}
	if err := module.UpdateContext(ctx, &git.SubmoduleUpdateOptions{NoFetch: true}); err != nil {
		return task.Misconfigured("checking out submodule %s: %w", path, err)
	}
	below := filepath.Join(dir, path)
	files, err := verify(repository, below, status.Expected)
	if err != nil {
		return err
	}
	f.Printf("fetched %s of %s into %s: %d files", short(status.Expected), at.clean, path, files)
	return f.fetchSubmodules(ctx, repository, below, at, level+1)
}

// submoduleAddress reads the URL of a submodule. One that points at a local path is refused, unless all is local: a
// repository must not make this task read the machine it runs on.
func submoduleAddress(link string, from address, plainHTTP []string) (address, error) {
	at, err := parseAddress(from.relative(link), plainHTTP)
	if err != nil {
		return address{}, err
	}
	if at.scheme == "file" && from.scheme != "file" {
		return address{}, task.Refuse("submodule URL %q of %s points into this machine", link, from.clean).
			WithRemedy("give it an https or ssh URL in .gitmodules")
	}
	return at, nil
}
