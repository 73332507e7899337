package main

import (
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/stretchr/testify/require"
)

func TestResolve(t *testing.T) {
	const (
		one   = "1111111111111111111111111111111111111111"
		two   = "2222222222222222222222222222222222222222"
		tag   = "3333333333333333333333333333333333333333"
		other = "4444444444444444444444444444444444444444"
	)
	hash := func(name, h string) *plumbing.Reference {
		return plumbing.NewHashReference(plumbing.ReferenceName(name), plumbing.NewHash(h))
	}
	refs := readRefs([]*plumbing.Reference{
		plumbing.NewSymbolicReference(plumbing.HEAD, "refs/heads/main"),
		hash("refs/heads/main", one), hash("refs/heads/feature/x", two), hash("refs/heads/both", one), hash("refs/heads/same", two),
		hash("refs/tags/both", two), hash("refs/tags/same", two), hash("refs/tags/v1", tag), hash("refs/tags/v1^{}", one),
		hash("refs/pull/7/head", two),
	})
	for asked, want := range map[string]revision{
		"HEAD":             {asked: "HEAD", ref: "refs/heads/main", commit: plumbing.NewHash(one)},
		"":                 {asked: "HEAD", ref: "refs/heads/main", commit: plumbing.NewHash(one)},
		"main":             {asked: "main", ref: "refs/heads/main", commit: plumbing.NewHash(one)},
		"feature/x":        {asked: "feature/x", ref: "refs/heads/feature/x", commit: plumbing.NewHash(two)},
		"v1":               {asked: "v1", ref: "refs/tags/v1", commit: plumbing.NewHash(one)},
		"same":             {asked: "same", ref: "refs/heads/same", commit: plumbing.NewHash(two)},
		"refs/pull/7/head": {asked: "refs/pull/7/head", ref: "refs/pull/7/head", commit: plumbing.NewHash(two)},
		two:                {asked: two, ref: "refs/heads/feature/x", commit: plumbing.NewHash(two), exact: true},
		other:              {asked: other, commit: plumbing.NewHash(other), exact: true},
	} {
		got, err := resolve(asked, refs)
		require.NoError(t, err, asked)
		require.Equal(t, want, got, asked)
	}
	for asked, problem := range map[string]string{
		"both":            `"both" names refs/heads/both and refs/tags/both, which are different commits`,
		"none":            `there is no "none"`,
		"1111111":         `there is no "1111111"`,
		"refs/heads/none": `there is no "refs/heads/none"`,
		"refs/tags/v1^{}": `there is no "refs/tags/v1^{}"`,
	} {
		_, err := resolve(asked, refs)
		require.EqualError(t, err, problem)
	}
	_, err := resolve("HEAD", readRefs(nil))
	require.EqualError(t, err, `there is no "HEAD"`)
	require.Equal(t, []string{"feature/x"}, refs.near("Feature"))
	require.Equal(t, []string{"both", "feature/x", "main", "same"}, refs.near("nothing like it"))
}
