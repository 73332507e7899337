// Package gitpatch finds the patch between a base commit and the commit that is checked out.
//
// It compares with the merge base, as `git diff base...HEAD` does, so that what others did on the base branch meanwhile
// is not taken for a change that undoes it. It refuses a base that the clone does not hold: nothing is fetched.
//
//	patch, err := gitpatch.Since(ctx, "/workspace/source", "origin/main")
package gitpatch

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/diff"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/sluice-ci/sluice/internal/coverage"
)

// ErrNoBase is wrapped when the base, or an ancestor that it shares with HEAD, is not in the clone.
var ErrNoBase = errors.New("the clone does not hold the base commit")

// Since returns the patch from the merge base of a revision and HEAD to HEAD, of the repository at dir.
func Since(ctx context.Context, dir, base string) (*coverage.Patch, error) {
	repository, err := git.PlainOpen(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the repository %q: %w", dir, err)
	}
	head, err := repository.Head()
	if err != nil {
		return nil, fmt.Errorf("reading HEAD of %q: %w", dir, err)
	}
	to, err := repository.CommitObject(head.Hash())
	if err != nil {
		return nil, fmt.Errorf("reading HEAD of %q: %w", dir, err)
	}
	from, err := mergeBase(repository, base, to)
	if err != nil {
		return nil, err
	}
	return between(ctx, from, to)
}

func mergeBase(repository *git.Repository, base string, head *object.Commit) (*object.Commit, error) {
	hash, err := repository.ResolveRevision(plumbing.Revision(base))
	if err != nil {
		return nil, fmt.Errorf("resolving base %q: %w: %w", base, ErrNoBase, err)
	}
	commit, err := repository.CommitObject(*hash)
	if err != nil {
		return nil, fmt.Errorf("reading base %q: %w: %w", base, ErrNoBase, err)
	}
	common, err := commit.MergeBase(head)
	if err != nil || len(common) == 0 {
		return nil, fmt.Errorf("finding what base %q and HEAD have in common: %w", base, errors.Join(ErrNoBase, err))
	}
	return common[0], nil
}

func between(ctx context.Context, from, to *object.Commit) (*coverage.Patch, error) {
	was, err := from.Tree()
	if err != nil {
		return nil, fmt.Errorf("reading the tree of %s: %w", from.Hash, err)
	}
	is, err := to.Tree()
	if err != nil {
		return nil, fmt.Errorf("reading the tree of %s: %w", to.Hash, err)
	}
	changes, err := object.DiffTreeWithOptions(ctx, was, is, object.DefaultDiffTreeOptions)
	if err != nil {
		return nil, fmt.Errorf("comparing %s and %s: %w", from.Hash, to.Hash, err)
	}
	if len(changes) == 0 {
		return nil, fmt.Errorf("nothing changed between %s and HEAD: is the base the commit itself?", from.Hash)
	}
	all, err := changes.PatchContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("comparing %s and %s: %w", from.Hash, to.Hash, err)
	}
	patch := &coverage.Patch{}
	for _, f := range all.FilePatches() {
		patch.Files = append(patch.Files, fileOf(f))
	}
	return patch, nil
}

func fileOf(f diff.FilePatch) *coverage.PatchFile {
	old, name := f.Files()
	out := &coverage.PatchFile{Opaque: f.IsBinary()}
	for _, side := range []struct {
		file diff.File
		into *string
	}{{old, &out.Old}, {name, &out.New}} {
		if side.file != nil {
			*side.into = side.file.Path()
			mode := side.file.Mode()
			out.Opaque = out.Opaque || mode == filemode.Symlink || mode == filemode.Submodule
		}
	}
	if !out.Opaque {
		out.Hunks = hunksOf(f.Chunks())
	}
	return out
}

// hunksOf makes a hunk without context of every stretch of removed and added lines.
func hunksOf(chunks []diff.Chunk) (hunks []coverage.Hunk) {
	old, now := 0, 0 // lines behind
	open := false
	for _, c := range chunks {
		lines := linesOf(c.Content())
		if c.Type() == diff.Equal {
			old, now, open = old+len(lines), now+len(lines), false
			continue
		}
		if !open {
			hunks = append(hunks, coverage.Hunk{OldStart: old, NewStart: now})
			open = true
		}
		h := &hunks[len(hunks)-1]
		kind := byte('+')
		if c.Type() == diff.Delete {
			kind = '-'
			h.OldLines += len(lines)
			old += len(lines)
		} else {
			h.NewLines += len(lines)
			now += len(lines)
		}
		for _, text := range lines {
			h.Lines = append(h.Lines, coverage.PatchLine{Kind: kind, Text: text})
		}
	}
	for i := range hunks { // a side that has lines is numbered by its first
		if hunks[i].OldLines > 0 {
			hunks[i].OldStart++
		}
		if hunks[i].NewLines > 0 {
			hunks[i].NewStart++
		}
	}
	return hunks
}

func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
