package images

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// vcs are the directories that are never part of a program (go:embed refuses them).
var vcs = map[string]bool{".git": true, ".hg": true, ".svn": true, ".bzr": true}

// tree is what a walk found of a Go module.
type tree struct {
	files  []string
	hidden []string // directories whose names begin with a dot: no package lies there
}

// hashTree returns, in the order of their names, the slash-separated names of the
// files of a Go module and the hashes of their contents, and beside them the directories
// elsewhere that symbolic links lead to. Nested modules are left out, and so are hidden
// directories (caches, virtual environments, a cluster's state) that no go:embed can reach.
func hashTree(ctx context.Context, root string, everything bool) (parts, linked []string, err error) {
	found := tree{}
	if err := found.walk(root, everything); err != nil {
		return nil, nil, err
	}
	for i := 0; i < len(found.hidden); i++ { // which may hold hidden ones in turn
		reached, err := embedReaches(found.files, found.hidden[i])
		if err != nil {
			return nil, nil, err
		}
		if reached {
			if err := found.walk(found.hidden[i], true); err != nil {
				return nil, nil, err
			}
		}
	}
	slices.Sort(found.files)
	hashes, err := hashFiles(ctx, found.files)
	if err != nil {
		return nil, nil, err
	}
	for i, name := range found.files {
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, filepath.ToSlash(relative), hashes[i])
		if strings.HasPrefix(hashes[i], linkTo) {
			linked = append(linked, directoryBehind(name)...)
		}
	}
	return parts, linked, nil
}

func (t *tree) walk(root string, hidden bool) error {
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name != root: // removed meanwhile
			return nil
		case err != nil:
			return err
		case !d.IsDir():
			if d.Name() != ".git" && (d.Type().IsRegular() || d.Type()&fs.ModeSymlink != 0) { // a worktree's .git is a file
				t.files = append(t.files, name)
			}
		case vcs[d.Name()]:
			return fs.SkipDir
		case name == root:
		case isModule(name):
			return fs.SkipDir
		case strings.HasPrefix(d.Name(), ".") && !hidden:
			t.hidden = append(t.hidden, name)
			return fs.SkipDir
		}
		return nil
	})
}

func isModule(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// directoryBehind is the directory that a symbolic link leads to, if it is one.
func directoryBehind(link string) []string {
	real, err := filepath.EvalSymlinks(link)
	if err != nil { // it leads nowhere
		return nil
	}
	if info, err := os.Stat(real); err != nil || !info.IsDir() {
		return nil
	}
	return []string{real}
}
