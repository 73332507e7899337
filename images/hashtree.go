package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"
)

// vcs are the directories that are never part of a program (go:embed refuses them).
var vcs = map[string]bool{".git": true, ".hg": true, ".svn": true, ".bzr": true}

// hashTree returns, in the order of their names, the slash-separated names of the
// files of a Go module and the hashes of their contents, and beside them the directories
// elsewhere that symbolic links lead to. Nested modules are left out.
func hashTree(ctx context.Context, root string) (parts, linked []string, err error) {
	var names []string
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && vcs[d.Name()] || d.Name() == ".git": // a worktree's .git is a file
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir() && name != root:
			if _, err := os.Lstat(filepath.Join(name, "go.mod")); err == nil {
				return fs.SkipDir
			}
		case d.Type().IsRegular() || d.Type()&fs.ModeSymlink != 0:
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	hashes, err := hashFiles(ctx, names)
	if err != nil {
		return nil, nil, err
	}
	for i, name := range names {
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

// hashFiles hashes the contents of files, as many at a time as there are processors.
func hashFiles(ctx context.Context, names []string) ([]string, error) {
	hashes := make([]string, len(names))
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() error {
			buffer := make([]byte, 1<<16)
			for i := w; i < len(names); i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				var err error
				if hashes[i], err = hashFile(names[i], buffer); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return hashes, group.Wait()
}

// linkTo marks a link that leads to no file.
const linkTo = "link "

// hashFile hashes the content of a file. A link counts as what it points to, as it does
// for the go command, and by its text where it points to no file.
func hashFile(name string, buffer []byte) (string, error) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		target, linkErr := os.Readlink(name)
		if linkErr != nil {
			return "", linkErr
		}
		return linkTo + target, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{file}, buffer); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
