package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/tests/gitserver"
)

// outcome is what a run left: its exit code, its results and what it said.
type outcome struct {
	code    int
	results string
	said    string
}

func run(t *testing.T, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := newCommand().Execute(t.Context(), args, strings.NewReader(""), &stdout, &stderr, func(string) string { return "" })
	return outcome{code, stdout.String(), stderr.String()}
}

func (o outcome) requireCommit(t *testing.T, commit string) {
	t.Helper()
	require.Zero(t, o.code, o.said)
	require.Contains(t, o.results, "commit="+commit+"\n")
	require.Contains(t, o.results, "CHAINS-GIT_COMMIT="+commit+"\n")
	require.Contains(t, o.results, "committer-date=1767323045\n")
}

func (o outcome) requireRefusal(t *testing.T, code int, holds ...string) {
	t.Helper()
	require.Equal(t, code, o.code, o.said)
	for _, text := range holds {
		require.Contains(t, o.said, text)
	}
}

func read(t *testing.T, parts ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	require.NoError(t, err)
	return string(data)
}

func TestEveryKindOfRevisionFromEveryKindOfServer(t *testing.T) {
	h := newHistory(t)
	web := gitHTTP(t, filepath.Dir(h.bare), "ci", "secret-token")
	shell := newSSHD(t)
	ours := httptest.NewServer(gitserver.Handler(filepath.Dir(h.bare)))
	t.Cleanup(ours.Close)
	host := strings.TrimPrefix(web.URL, "https://")
	remotes := map[string][]string{
		"https, user and password": {"--url=" + web.URL + "/app.git", "--ca=" + authority(t, web),
			"--credentials=" + secret(t, map[string]string{"username": "ci", "password": "secret-token\n"})},
		"https, .git-credentials": {"--url=" + web.URL + "/app.git", "--ca=" + authority(t, web),
			"--credentials=" + secret(t, map[string]string{".git-credentials": "https://ci:secret-token@" + host + "\n"})},
		"ssh": {"--url=ssh://git@" + shell.address + h.bare,
			"--credentials=" + secret(t, map[string]string{"ssh-privatekey": shell.privateKey, "known_hosts": shell.knownHosts})},
		"file": {"--url=file://" + h.bare},
		"http where it is allowed": {"--url=" + ours.URL + "/app.git",
			"--plain-http-hosts=" + strings.TrimPrefix(ours.URL, "http://")},
	}
	for name, remote := range remotes {
		t.Run(name, func(t *testing.T) {
			for revision, want := range map[string]string{
				"HEAD": h.second, "main": h.second, "feature/x": h.feature, "v1": h.first, "v2": h.second,
				"refs/heads/main": h.second, "refs/pull/7/head": h.pulled, h.feature: h.feature, h.first: h.first,
			} {
				dir := t.TempDir()
				run(t, append(remote, "--source="+dir, "--revision="+revision)...).requireCommit(t, want)
				require.Equal(t, want, gitCommand(t, dir, "rev-parse", "HEAD"), revision)
				require.Empty(t, gitCommand(t, dir, "status", "--porcelain"), revision)
			}
		})
	}
}

func TestWhatIsCheckedOut(t *testing.T) {
	h := newHistory(t)
	dir := t.TempDir()
	got := run(t, "--source="+dir, "--subdirectory=src/app", "--url=file://"+h.bare)
	got.requireCommit(t, h.second)
	require.Contains(t, got.results, "CHAINS-GIT_URL=file://"+h.bare+"\n")
	require.Contains(t, got.said, "Second, 3 files")
	dir = filepath.Join(dir, "src", "app")
	require.Equal(t, "two\n", read(t, dir, "README.md"))
	target, err := os.Readlink(filepath.Join(dir, "LINK"))
	require.NoError(t, err)
	require.Equal(t, "README.md", target)
	info, err := os.Stat(filepath.Join(dir, "bin", "run"))
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&0o100)
	require.NoFileExists(t, filepath.Join(dir, ".git", claimed))
}

func TestDepth(t *testing.T) {
	h := newHistory(t)
	for depth, commits := range map[string]string{"1": "1", "2": "2", "0": "3"} {
		dir := t.TempDir()
		run(t, "--source="+dir, "--url=file://"+h.bare, "--revision=feature/x", "--depth="+depth).requireCommit(t, h.feature)
		require.Equal(t, commits, gitCommand(t, dir, "rev-list", "--count", "HEAD"))
		gitCommand(t, dir, "fsck", "--strict")
	}
	run(t, "--source="+t.TempDir(), "--url=file://"+h.bare, "--depth=-1").requireRefusal(t, 2, "--depth is -1")
}

func TestASecondRunFetchesNothing(t *testing.T) {
	h := newHistory(t)
	dir := t.TempDir()
	args := []string{"--source=" + dir, "--url=file://" + h.bare, "--revision=v2"}
	first := run(t, args...)
	second := run(t, args...)
	second.requireCommit(t, h.second)
	require.Equal(t, first.results, second.results)
	require.Contains(t, second.said, "already")
}

func TestAnInterruptedRunIsBegunAgain(t *testing.T) {
	h := newHistory(t)
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".git"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".git", claimed), nil, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "half"), []byte("half"), 0o644))
	run(t, "--source="+dir, "--url=file://"+h.bare).requireCommit(t, h.second)
	require.NoFileExists(t, filepath.Join(dir, "half"))
}

func TestAFailedRunLeavesTheWorkspaceEmpty(t *testing.T) {
	h := newHistory(t)
	dir := t.TempDir()
	run(t, "--source="+dir, "--url=file://"+h.bare, "--revision="+strings.Repeat("a", 40)).
		requireRefusal(t, 2, "commit "+strings.Repeat("a", 40)+" is in no branch or tag of", "was it pushed")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestRefusals(t *testing.T) {
	h := newHistory(t)
	web := gitHTTP(t, filepath.Dir(h.bare), "ci", "secret-token")
	ca := authority(t, web)
	shell := newSSHD(t)
	stranger, _ := newKey(t)
	impostor := newSSHD(t)
	moved := httptest.NewTLSServer(http.RedirectHandler("https://elsewhere.example.com/app.git/info/refs", http.StatusFound))
	t.Cleanup(moved.Close)
	gitCommand(t, h.bare, "update-ref", "refs/heads/v1", h.second)
	empty := filepath.Join(h.root, "repos", "empty.git")
	gitCommand(t, h.root, "init", "--bare", empty)
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "mine.txt"), []byte("mine"), 0o644))
	file, https, ssh := "--url=file://"+h.bare, "--url="+web.URL+"/app.git", "--url=ssh://git@"+shell.address+h.bare

	for name, test := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"missing ref":        {[]string{file, "--revision=v9"}, 2, []string{`there is no "v9"`, "there is feature/x, main, v1"}},
		"similar ref":        {[]string{file, "--revision=feature"}, 2, []string{`there is no "feature"`, "there is feature/x"}},
		"short hash":         {[]string{file, "--revision=" + h.first[:8]}, 2, []string{"with all its 40 digits"}},
		"ambiguous":          {[]string{file, "--revision=v1"}, 2, []string{"refs/heads/v1 and refs/tags/v1", "--revision=refs/heads/v1"}},
		"no repository":      {[]string{"--url=file://" + h.root}, 2, []string{"there is no repository at"}},
		"empty repository":   {[]string{"--url=file://" + empty}, 2, []string{"has no commits"}},
		"not over https":     {[]string{"--url=" + web.URL + "/none.git", "--ca=" + ca, "--credentials=" + secret(t, map[string]string{"username": "ci", "password": "secret-token"})}, 2, []string{"there is no repository at"}},
		"no credentials":     {[]string{https, "--ca=" + ca}, 2, []string{"asks for credentials and there are none", "kubernetes.io/basic-auth"}},
		"bad credentials":    {[]string{https, "--ca=" + ca, "--credentials=" + secret(t, map[string]string{"username": "ci", "password": "wrong-token"})}, 2, []string{"refuses the credentials", "still hold"}},
		"unknown authority":  {[]string{https}, 2, []string{"certificate", "bind the workspace ca"}},
		"another host":       {[]string{"--url=" + moved.URL + "/app.git", "--ca=" + authority(t, moved)}, 2, []string{"redirects to", "--url=https://elsewhere.example.com/app.git"}},
		"no such host":       {[]string{"--url=https://none.invalid/app.git", "--retry-budget=0s"}, 3, []string{"none.invalid is unreachable"}},
		"nobody listens":     {[]string{"--url=https://127.0.0.1:1/app.git", "--retry-budget=0s"}, 3, []string{"127.0.0.1:1 is unreachable", "connection refused"}},
		"not empty":          {[]string{file, "--source=" + full}, 2, []string{"is not empty: mine.txt", "--subdirectory"}},
		"out of workspace":   {[]string{file, "--subdirectory=../x"}, 2, []string{"leads out of the workspace"}},
		"ssh without key":    {[]string{ssh}, 2, []string{"needs a key and there is none"}},
		"ssh without hosts":  {[]string{ssh, "--credentials=" + secret(t, map[string]string{"ssh-privatekey": shell.privateKey})}, 2, []string{"no known_hosts", "ssh-keyscan"}},
		"ssh unknown host":   {[]string{ssh, "--credentials=" + secret(t, map[string]string{"ssh-privatekey": shell.privateKey, "known_hosts": impostor.knownHosts})}, 2, []string{"known_hosts does not know"}},
		"ssh changed key":    {[]string{ssh, "--credentials=" + secret(t, map[string]string{"ssh-privatekey": shell.privateKey, "known_hosts": strings.ReplaceAll(impostor.knownHosts, port(impostor.address), port(shell.address))})}, 1, []string{"is not the one in known_hosts"}},
		"ssh refused key":    {[]string{ssh, "--credentials=" + secret(t, map[string]string{"ssh-privatekey": stranger, "known_hosts": shell.knownHosts})}, 2, []string{"refuses the credentials"}},
		"broken key":         {[]string{ssh, "--credentials=" + secret(t, map[string]string{"ssh-privatekey": "nonsense"})}, 2, []string{"is not a private key"}},
		"empty secret":       {[]string{https, "--credentials=" + t.TempDir()}, 2, []string{"holds none of"}},
		"password on http":   {[]string{"--url=http://127.0.0.1:1/a", "--plain-http-hosts=127.0.0.1:1", "--credentials=" + secret(t, map[string]string{"username": "ci", "password": "secret-token"})}, 2, []string{"plain HTTP, which would show it"}},
		"credentials in url": {[]string{"--url=https://ci:secret-token@git.example.com/app"}, 2, []string{"holds credentials"}},
		"url missing":        {nil, 2, []string{"--url"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			args := append([]string{"--source=" + dir}, test.args...)
			got := run(t, args...)
			got.requireRefusal(t, test.code, test.says...)
			for _, hidden := range []string{"secret-token", "wrong-token", "PRIVATE KEY-----\n"} {
				require.NotContains(t, got.said+got.results, hidden)
			}
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, entries, "a refused run leaves nothing")
		})
	}
	require.Equal(t, "mine", read(t, full, "mine.txt"))
}

func port(address string) string { return address[strings.LastIndex(address, ":")+1:] }

func TestFaultsThatPassAreRetriedWithinTheBudget(t *testing.T) {
	h := newHistory(t)
	var requests atomic.Int32
	ours := gitserver.Handler(filepath.Dir(h.bare))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch requests.Add(1) {
		case 1:
			http.Error(w, "restarting", http.StatusServiceUnavailable)
		case 3: // in the middle of the pack
			w.Header().Set("Content-Length", "5000")
			w.Write([]byte("0008NAK\nPACK"))
			panic(http.ErrAbortHandler)
		default:
			ours.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	dir := t.TempDir()
	got := run(t, "--source="+dir, "--url="+server.URL+"/app.git", "--plain-http-hosts="+host)
	got.requireCommit(t, h.second)
	require.Contains(t, got.said, "again in 1s")
	require.Empty(t, gitCommand(t, dir, "status", "--porcelain"))

	requests.Store(0)
	run(t, "--source="+t.TempDir(), "--url="+server.URL+"/app.git", "--plain-http-hosts="+host, "--retry-budget=0s").
		requireRefusal(t, 3, "is unreachable", "--retry-budget")
}

func TestSubmodulesAndTheirs(t *testing.T) {
	h := newHistory(t)
	web := gitHTTP(t, filepath.Join(h.root, "repos"), "ci", "secret-token")
	work := func(name string) string {
		dir := filepath.Join(h.root, name)
		gitCommand(t, h.root, "init", "--initial-branch=main", dir)
		return dir
	}
	publish := func(dir, name string) string {
		gitCommand(t, dir, "add", "-A")
		gitCommand(t, dir, "commit", "-m", name)
		gitCommand(t, h.root, "clone", "--bare", dir, filepath.Join(h.root, "repos", name+".git"))
		return gitCommand(t, dir, "rev-parse", "HEAD")
	}
	middle := work("middle")
	gitCommand(t, middle, "-c", "protocol.file.allow=always", "submodule", "add", h.bare, "deep/app")
	gitCommand(t, middle, "config", "-f", ".gitmodules", "submodule.deep/app.url", "../app.git")
	gitCommand(t, filepath.Join(middle, "deep", "app"), "checkout", h.first) // not the tip of any branch
	publish(middle, "middle")
	outer := work("outer")
	gitCommand(t, outer, "-c", "protocol.file.allow=always", "submodule", "add", filepath.Join(h.root, "repos", "middle.git"), "lib")
	gitCommand(t, outer, "config", "-f", ".gitmodules", "submodule.lib.url", "../middle.git")
	commit := publish(outer, "outer")

	dir := t.TempDir()
	args := []string{"--source=" + dir, "--url=" + web.URL + "/outer.git", "--ca=" + authority(t, web), "--submodules=true",
		"--credentials=" + secret(t, map[string]string{"username": "ci", "password": "secret-token"})}
	run(t, args...).requireCommit(t, commit)
	require.Equal(t, "one\n", read(t, dir, "lib", "deep", "app", "README.md"))

	gitCommand(t, outer, "config", "-f", ".gitmodules", "submodule.lib.url", "file://"+filepath.Join(h.root, "repos", "middle.git"))
	os.RemoveAll(filepath.Join(h.root, "repos", "outer.git"))
	publish(outer, "outer")
	args[0] = "--source=" + t.TempDir()
	run(t, args...).requireRefusal(t, 1, "points into this machine")
}

func TestATamperedCheckoutIsRefused(t *testing.T) {
	h := newHistory(t)
	dir := t.TempDir()
	args := []string{"--source=" + dir, "--url=file://" + h.bare}
	run(t, args...).requireCommit(t, h.second)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README.md"), []byte("two!"), 0o644))
	run(t, args...).requireRefusal(t, 2, "is not empty")
}

func TestACancelledRunIsUndecided(t *testing.T) {
	h := newHistory(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	code := newCommand().Execute(ctx, []string{"--source=" + t.TempDir(), "--url=file://" + h.bare}, nil, &stdout, &stderr, func(string) string { return "" })
	require.Equal(t, 3, code, stderr.String())
}
