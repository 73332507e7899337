package gitpatch_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/coverage"
	"github.com/sluice-ci/sluice/internal/coverage/gitpatch"
)

type repository struct {
	t   *testing.T
	dir string
	git *git.Repository
}

func newRepository(t *testing.T) *repository {
	dir := t.TempDir()
	r, err := git.PlainInit(dir, false)
	require.NoError(t, err)
	return &repository{t, dir, r}
}

// commit writes files, removes those without content, and commits all.
func (r *repository) commit(files map[string]string) plumbing.Hash {
	r.t.Helper()
	w, err := r.git.Worktree()
	require.NoError(r.t, err)
	for name, text := range files {
		path := filepath.Join(r.dir, name)
		if text == "" {
			require.NoError(r.t, os.Remove(path))
			continue
		}
		require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(r.t, os.WriteFile(path, []byte(text), 0o644))
	}
	require.NoError(r.t, w.AddWithOptions(&git.AddOptions{All: true}))
	hash, err := w.Commit("change", &git.CommitOptions{Author: &object.Signature{Name: "a", Email: "a@example.com", When: time.Unix(1e9, 0)}})
	require.NoError(r.t, err)
	return hash
}

func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

func TestSinceFindsWhatTheBranchChanged(t *testing.T) {
	r := newRepository(t)
	base := r.commit(map[string]string{"a.txt": numbered(1, 20), "moved.txt": numbered(100, 140), "gone.txt": "x\n"})
	r.commit(map[string]string{
		"a.txt":     numbered(1, 4) + "new\n" + numbered(5, 9) + numbered(11, 20),
		"moved.txt": "", "sub/moved.txt": numbered(100, 140) + "tail\n",
		"gone.txt": "", "added.txt": "one\ntwo\n",
	})
	patch, err := gitpatch.Since(context.Background(), r.dir, base.String())
	require.NoError(t, err)
	tree, err := coverage.OpenTree(r.dir)
	require.NoError(t, err)
	defer tree.Close()
	require.NoError(t, patch.Fits(tree))

	a := patch.ByNew("a.txt")
	require.Equal(t, []uint32{5}, a.Added())
	for now, old := range map[uint32]uint32{1: 1, 4: 4, 6: 5, 10: 9, 11: 11, 20: 20} {
		got, unchanged := a.OldLine(now)
		require.True(t, unchanged)
		require.Equalf(t, old, got, "line %d", now)
	}
	_, unchanged := a.OldLine(5)
	require.False(t, unchanged)
	after, err := tree.Read("a.txt")
	require.NoError(t, err)
	before, err := a.Before(after)
	require.NoError(t, err)
	require.Equal(t, numbered(1, 20), string(before))

	moved := patch.ByNew("sub/moved.txt")
	require.Equal(t, "moved.txt", moved.Old)
	require.Equal(t, []uint32{42}, moved.Added())
	require.Equal(t, []uint32{1, 2}, patch.ByNew("added.txt").Added())
	require.Equal(t, "gone.txt", patch.ByNew("").Old)
}

func TestSinceComparesWithTheMergeBase(t *testing.T) {
	r := newRepository(t)
	r.commit(map[string]string{"a.txt": "a\n"})
	w, err := r.git.Worktree()
	require.NoError(t, err)
	require.NoError(t, w.Checkout(&git.CheckoutOptions{Branch: "refs/heads/feature", Create: true}))
	r.commit(map[string]string{"feature.txt": "f\n"})
	require.NoError(t, w.Checkout(&git.CheckoutOptions{Branch: "refs/heads/master"}))
	r.commit(map[string]string{"meanwhile.txt": "m\n"})
	require.NoError(t, w.Checkout(&git.CheckoutOptions{Branch: "refs/heads/feature"}))

	patch, err := gitpatch.Since(context.Background(), r.dir, "master")
	require.NoError(t, err)
	require.Len(t, patch.Files, 1)
	require.Equal(t, "feature.txt", patch.Files[0].New)
}

func TestSinceRefusesWhatItCannotCompare(t *testing.T) {
	r := newRepository(t)
	head := r.commit(map[string]string{"a.txt": "a\n"})
	_, err := gitpatch.Since(context.Background(), r.dir, head.String())
	require.ErrorContains(t, err, "nothing changed")
	for _, missing := range []string{"origin/main", "0123456789012345678901234567890123456789"} {
		_, err = gitpatch.Since(context.Background(), r.dir, missing)
		require.ErrorIs(t, err, gitpatch.ErrNoBase)
	}
	_, err = gitpatch.Since(context.Background(), t.TempDir(), "main")
	require.ErrorContains(t, err, "opening the repository")
}
