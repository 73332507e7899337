package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/sluice-ci/sluice/internal/task"
)

// verify reads every file of the commit back from the directory and compares its hash with the one in the commit's tree.
// It returns how many files there are.
func verify(repository *git.Repository, dir string, hash plumbing.Hash) (int, error) {
	head, err := repository.Head()
	if err != nil || head.Hash() != hash {
		return 0, task.Refuse("verifying the checkout: HEAD is not %s", hash)
	}
	commit, err := repository.CommitObject(hash)
	if err != nil {
		return 0, fmt.Errorf("verifying the checkout: %w", err)
	}
	tree, err := commit.Tree()
	if err != nil {
		return 0, fmt.Errorf("verifying the checkout: %w", err)
	}
	walker := object.NewTreeWalker(tree, true, nil)
	defer walker.Close()
	files := 0
	for {
		name, entry, err := walker.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return 0, fmt.Errorf("verifying the checkout: %w", err)
		}
		if entry.Mode == filemode.Dir || entry.Mode == filemode.Submodule {
			continue
		}
		got, err := hashFile(filepath.Join(dir, filepath.FromSlash(name)), entry.Mode)
		if err != nil {
			return 0, task.Refuse("verifying the checkout of %s: %w", short(hash), err)
		}
		if got != entry.Hash {
			return 0, task.Refuse("verifying the checkout of %s: %s is not what was committed", short(hash), name).
				WithRemedy("does anything else write into this workspace?")
		}
		files++
	}
}

// hashFile is git's hash of a file, or of where a symlink points.
func hashFile(path string, mode filemode.FileMode) (plumbing.Hash, error) {
	if mode == filemode.Symlink {
		target, err := os.Readlink(path)
		return plumbing.ComputeHash(plumbing.BlobObject, []byte(target)), err
	}
	file, err := os.Open(path)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	hasher := plumbing.NewHasher(plumbing.BlobObject, info.Size())
	if _, err := io.Copy(hasher, file); err != nil {
		return plumbing.ZeroHash, err
	}
	return hasher.Sum(), nil
}

func firstLine(message string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(message), "\n")
	return line
}
