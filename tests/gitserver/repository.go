// Package gitserver makes git repositories out of folders and serves them over HTTP, with no git binary: the remote that
// the tests and the demo fetch from.
//
// The same folders and commits give the same commit hashes on any machine.
//
//	hashes, err := gitserver.Build("/tmp/repos/app.git", gitserver.Commit{Folders: []string{"tests/app"}, Message: "First"})
//	http.ListenAndServe(":8080", gitserver.Handler("/tmp/repos"))
package gitserver

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/memory"
)

// Epoch is when the first commit of every repository was made.
var Epoch = time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)

// Commit is one commit to make, on top of the one before it.
type Commit struct {
	Folders []string // laid over one another in this order; they are the whole tree
	Message string
	Branch  string // the branch that points to it; main when empty
	Tag     string // an annotated tag; none when empty
}

// Build makes a bare repository at path, which must not exist or be empty. HEAD is the branch main. Commits are an hour
// apart, from [Epoch] on.
func Build(path string, commits ...Commit) ([]plumbing.Hash, error) {
	drafted, err := git.Init(memory.NewStorage(), nil)
	if err != nil {
		return nil, fmt.Errorf("drafting repository %q: %w", path, err)
	}
	var hashes []plumbing.Hash
	for i, commit := range commits {
		signature := object.Signature{Name: "Sluice tests", Email: "tests@example.com", When: Epoch.Add(time.Duration(i) * time.Hour)}
		hash, err := commit.write(drafted, signature, hashes)
		if err != nil {
			return nil, fmt.Errorf("committing %q: %w", commit.Message, err)
		}
		hashes = append(hashes, hash)
	}
	repository, err := git.PlainInitWithOptions(path, &git.PlainInitOptions{
		Bare: true, InitOptions: git.InitOptions{DefaultBranch: plumbing.Main},
	})
	if err != nil {
		return nil, fmt.Errorf("making repository %q: %w", path, err)
	}
	if err := move(drafted.Storer.(*memory.Storage), repository.Storer); err != nil {
		return nil, fmt.Errorf("writing repository %q: %w", path, err)
	}
	return hashes, nil
}

// move writes all objects as one pack, then the refs.
func move(from *memory.Storage, to storer.Storer) error {
	objects := slices.SortedFunc(maps.Keys(from.Objects), func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
	reader, writer := io.Pipe()
	go func() {
		_, err := packfile.NewEncoder(writer, from, false).Encode(objects, 0)
		writer.CloseWithError(err)
	}()
	if err := packfile.UpdateObjectStorage(to, reader); err != nil {
		return err
	}
	refs, err := from.IterReferences()
	if err != nil {
		return err
	}
	return refs.ForEach(func(ref *plumbing.Reference) error {
		if ref.Name() == plumbing.HEAD {
			return nil
		}
		return to.SetReference(ref)
	})
}

func (c Commit) write(repository *git.Repository, by object.Signature, before []plumbing.Hash) (plumbing.Hash, error) {
	root := folder{}
	for _, dir := range c.Folders {
		if err := root.lay(repository.Storer, dir); err != nil {
			return plumbing.ZeroHash, err
		}
	}
	tree, err := root.write(repository.Storer)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	commit := &object.Commit{Author: by, Committer: by, Message: c.Message + "\n", TreeHash: tree}
	if len(before) > 0 {
		commit.ParentHashes = before[len(before)-1:]
	}
	hash, err := store(repository.Storer, commit)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	branch := plumbing.NewBranchReferenceName(cmp.Or(c.Branch, "main"))
	if err := repository.Storer.SetReference(plumbing.NewHashReference(branch, hash)); err != nil {
		return plumbing.ZeroHash, err
	}
	if c.Tag != "" {
		if _, err := repository.CreateTag(c.Tag, hash, &git.CreateTagOptions{Tagger: &by, Message: c.Tag}); err != nil {
			return plumbing.ZeroHash, err
		}
	}
	return hash, nil
}

// folder is a tree that grows: each entry is a *folder or an object.TreeEntry.
type folder map[string]any

// lay adds the files below dir, but for any .git folder.
func (f folder) lay(s storer.EncodedObjectStorer, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		data, mode, err := content(path, entry)
		if err != nil {
			return err
		}
		hash, err := storeBytes(s, data)
		if err != nil {
			return err
		}
		at := f
		parts := strings.Split(filepath.ToSlash(relative), "/")
		for _, name := range parts[:len(parts)-1] {
			below, ok := at[name].(folder)
			if !ok {
				below = folder{}
				at[name] = below
			}
			at = below
		}
		at[entry.Name()] = object.TreeEntry{Name: entry.Name(), Mode: mode, Hash: hash}
		return nil
	})
}

func content(path string, entry fs.DirEntry) ([]byte, filemode.FileMode, error) {
	if entry.Type() == fs.ModeSymlink {
		target, err := os.Readlink(path)
		return []byte(target), filemode.Symlink, err
	}
	info, err := entry.Info()
	if err != nil {
		return nil, 0, err
	}
	data, err := os.ReadFile(path)
	if info.Mode()&0o100 != 0 {
		return data, filemode.Executable, err
	}
	return data, filemode.Regular, err
}

func (f folder) write(s storer.EncodedObjectStorer) (plumbing.Hash, error) {
	tree := &object.Tree{}
	for name, entry := range f {
		switch entry := entry.(type) {
		case object.TreeEntry:
			tree.Entries = append(tree.Entries, entry)
		case folder:
			hash, err := entry.write(s)
			if err != nil {
				return plumbing.ZeroHash, err
			}
			tree.Entries = append(tree.Entries, object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: hash})
		}
	}
	slices.SortFunc(tree.Entries, func(a, b object.TreeEntry) int { return cmp.Compare(sortKey(a), sortKey(b)) })
	return store(s, tree)
}

// sortKey is git's order of a tree: folders sort as if their names ended in a slash.
func sortKey(e object.TreeEntry) string {
	if e.Mode == filemode.Dir {
		return e.Name + "/"
	}
	return e.Name
}

func store(s storer.EncodedObjectStorer, o object.Object) (plumbing.Hash, error) {
	encoded := s.NewEncodedObject()
	if err := o.Encode(encoded); err != nil {
		return plumbing.ZeroHash, err
	}
	return s.SetEncodedObject(encoded)
}

func storeBytes(s storer.EncodedObjectStorer, data []byte) (plumbing.Hash, error) {
	encoded := s.NewEncodedObject()
	encoded.SetType(plumbing.BlobObject)
	w, err := encoded.Writer()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if _, err := w.Write(data); err != nil {
		return plumbing.ZeroHash, err
	}
	if err := w.Close(); err != nil {
		return plumbing.ZeroHash, err
	}
	return s.SetEncodedObject(encoded)
}
