package gitserver_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/tests/gitserver"
)

// sample builds the sample service's repository and serves it.
func sample(t *testing.T) (gitserver.Sample, string) {
	t.Helper()
	root := t.TempDir()
	s, err := gitserver.BuildSample(filepath.Join(root, "app.git"), "../app")
	require.NoError(t, err)
	server := httptest.NewServer(gitserver.Handler(root))
	t.Cleanup(server.Close)
	return s, server.URL + "/app.git"
}

func TestTheSameFoldersGiveTheSameHashes(t *testing.T) {
	first, _ := sample(t)
	second, _ := sample(t)
	require.Equal(t, first, second)
}

// stockGit runs the machine's git, as people who clone from the demo's server do.
func stockGit(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.Command("git", args...)
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0")
	out, err := command.CombinedOutput()
	require.NoError(t, err, "git %s: %s (this test needs git)", strings.Join(args, " "), out)
	return strings.TrimSpace(string(out))
}

func TestStockGitClonesDeepensAndChecks(t *testing.T) {
	s, url := sample(t)
	whole, shallow := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "shallow")

	stockGit(t, "clone", "--branch=untested", url, whole)
	require.Equal(t, s.Untested.String(), stockGit(t, "-C", whole, "rev-parse", "HEAD"))
	require.Equal(t, "2", stockGit(t, "-C", whole, "rev-list", "--count", "HEAD"))
	require.Equal(t, s.Main.String(), stockGit(t, "-C", whole, "rev-parse", "v1.0.0^{commit}"))
	require.Equal(t, "origin/main", stockGit(t, "-C", whole, "rev-parse", "--abbrev-ref", "origin/HEAD"))
	stockGit(t, "-C", whole, "fsck", "--strict", "--no-dangling")
	require.Empty(t, stockGit(t, "-C", whole, "status", "--porcelain"))

	stockGit(t, "clone", "--branch=untested", "--depth=1", url, shallow)
	require.Equal(t, "1", stockGit(t, "-C", shallow, "rev-list", "--count", "HEAD"))
	stockGit(t, "-C", shallow, "fetch", "--unshallow")
	require.Equal(t, "2", stockGit(t, "-C", shallow, "rev-list", "--count", "HEAD"))
	stockGit(t, "-C", shallow, "fsck", "--strict", "--no-dangling")

	require.Contains(t, stockGit(t, "-C", shallow, "fetch", "origin", s.Main.String()), s.Main.String())
}

func TestStockGitFetchesOnlyWhatIsNew(t *testing.T) {
	s, url := sample(t)
	dir := filepath.Join(t.TempDir(), "clone")
	stockGit(t, "clone", "--single-branch", url, dir)
	stockGit(t, "-C", dir, "fetch", "origin", "untested")
	require.Equal(t, s.Untested.String(), stockGit(t, "-C", dir, "rev-parse", "FETCH_HEAD"))
	stockGit(t, "-C", dir, "fsck", "--strict", "--no-dangling")
}

func TestGoGitFetchesShallow(t *testing.T) {
	s, url := sample(t)
	repository, err := git.PlainClone(t.TempDir(), false, &git.CloneOptions{
		URL: url, Depth: 1, SingleBranch: true, Tags: git.NoTags, ReferenceName: "refs/heads/untested",
	})
	require.NoError(t, err)
	head, err := repository.Head()
	require.NoError(t, err)
	require.Equal(t, s.Untested, head.Hash())
	_, err = repository.CommitObject(s.Main)
	require.ErrorIs(t, err, plumbing.ErrObjectNotFound, "the parent is behind the shallow boundary")
}

func TestTheUntestedCommitBuildsAndLowersTheCoverage(t *testing.T) {
	_, url := sample(t)
	dir := filepath.Join(t.TempDir(), "clone")
	stockGit(t, "clone", "--branch=untested", "--depth=1", url, dir)
	profile := filepath.Join(t.TempDir(), "cover.out")
	tests := exec.Command("go", "test", "-coverprofile="+profile, "./...")
	tests.Dir = dir
	tests.Env = append(os.Environ(), "GOFLAGS=-mod=vendor", "GOWORK=off")
	out, err := tests.CombinedOutput()
	require.NoError(t, err, string(out))
	total := exec.Command("go", "tool", "cover", "-func="+profile)
	total.Dir = dir
	out, err = total.CombinedOutput()
	require.NoError(t, err, string(out))
	fields := strings.Fields(string(out))
	percent := fields[len(fields)-1]
	require.Less(t, percent, "80.0%", "%s", percent)
	require.Greater(t, percent, "50.0%", "%s", percent)
}

func TestRefusals(t *testing.T) {
	_, url := sample(t)
	for path, code := range map[string]int{
		"/../none.git/info/refs?service=git-upload-pack": 404,
		"/info/refs?service=git-receive-pack":            403,
		"/none/info/refs?service=git-upload-pack":        404,
		"/objects/info/packs":                            404,
	} {
		response, err := http.Get(url + path)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, code, response.StatusCode, path)
	}
}
