package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/sluice-ci/sluice/internal/task"
)

// claimed is the mark of a destination whose content this task began and did not finish: a later try may clear it.
const claimed = "fetch-source-unfinished"

// destination is the directory that the revision is checked out into.
type destination struct{ path string }

// openDestination makes the directory, which lies in the workspace whatever symlinks there are.
func openDestination(workspace, subdirectory string) (*destination, error) {
	if subdirectory == "" {
		subdirectory = "."
	}
	if !filepath.IsLocal(subdirectory) {
		return nil, task.Misconfigured("--subdirectory %q leads out of the workspace", subdirectory)
	}
	root, err := os.OpenRoot(workspace)
	if err != nil {
		return nil, task.Misconfigured("opening the workspace source: %w", err)
	}
	defer root.Close()
	if err := root.MkdirAll(subdirectory, 0o755); err != nil {
		return nil, task.Misconfigured("making --subdirectory %q: %w", subdirectory, err).
			WithRemedy("can uid 65532 write there? fsGroup: 65532 in the pod template gives a volume to it")
	}
	path := filepath.Join(workspace, subdirectory)
	if info, err := root.Stat(subdirectory); err != nil || !info.IsDir() {
		return nil, task.Misconfigured("--subdirectory %q is not a directory", subdirectory)
	}
	return &destination{path}, nil
}

// content lists what is there. A volume's own lost+found does not count.
func (d *destination) content() ([]string, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, task.Misconfigured("reading the destination: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != "lost+found" {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// holds tells whether an earlier try left just what is asked for: this repository at this commit, whole and unchanged.
// The history may be another than --depth asks for only where it is longer.
func (d *destination) holds(url string, wanted revision, o *options) (*object.Commit, bool) {
	if _, err := os.Stat(filepath.Join(d.path, ".git", claimed)); err == nil || o.submodules {
		return nil, false
	}
	repository, err := git.PlainOpen(d.path)
	if err != nil {
		return nil, false
	}
	origin, err := repository.Remote("origin")
	if err != nil || origin.Config().URLs[0] != url {
		return nil, false
	}
	shallow, err := repository.Storer.Shallow()
	if err != nil || len(shallow) > 0 && o.depth != 1 {
		return nil, false
	}
	head, err := repository.Head()
	if err != nil || head.Hash() != wanted.commit {
		return nil, false
	}
	commit, err := repository.CommitObject(head.Hash())
	if err != nil {
		return nil, false
	}
	if _, err := verify(repository, d.path, head.Hash()); err != nil {
		return nil, false
	}
	return commit, true
}

// claim makes sure that the destination is empty and marks it. What an interrupted try of this task left is cleared;
// what anyone else left is refused.
func (d *destination) claim() error {
	mark := filepath.Join(d.path, ".git", claimed)
	if _, err := os.Stat(mark); err == nil {
		d.clear()
	}
	names, err := d.content()
	if err != nil {
		return err
	}
	if len(names) > 0 {
		more := ""
		if len(names) > 3 {
			names, more = names[:3], " …"
		}
		return task.Misconfigured("the destination %s is not empty: %s%s", d.path, strings.Join(names, ", "), more).
			WithRemedy("fetch into a fresh workspace, or into a --subdirectory of this one")
	}
	if err := os.MkdirAll(filepath.Dir(mark), 0o755); err != nil {
		return task.Misconfigured("claiming the destination: %w", err).
			WithRemedy("can uid 65532 write there? fsGroup: 65532 in the pod template gives a volume to it")
	}
	if err := os.WriteFile(mark, nil, 0o644); err != nil {
		return task.Misconfigured("claiming the destination: %w", err)
	}
	return nil
}

// clear removes what this task wrote. The mark goes last, so that a clearing that is interrupted can be done again.
func (d *destination) clear() {
	names, err := d.content()
	if err != nil {
		return
	}
	for _, name := range names {
		if name != ".git" {
			os.RemoveAll(filepath.Join(d.path, name))
		}
	}
	within := filepath.Join(d.path, ".git")
	entries, err := os.ReadDir(within)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.Name() != claimed {
			os.RemoveAll(filepath.Join(within, e.Name()))
		}
	}
	os.RemoveAll(within)
}

// done takes the mark away: the content is whole.
func (d *destination) done() error {
	err := os.Remove(filepath.Join(d.path, ".git", claimed))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
