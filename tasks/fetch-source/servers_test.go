package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skeema/knownhosts"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// gitCommand runs the machine's git, which these tests need: the servers that the task meets in the world are of its making.
func gitCommand(t testing.TB, dir string, args ...string) string {
	t.Helper()
	command := exec.Command("git", args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		"GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
	out, err := command.CombinedOutput()
	require.NoError(t, err, "git %s: %s (these tests need git)", strings.Join(args, " "), out)
	return strings.TrimSpace(string(out))
}

// history is a bare repository made by git: two commits on main, a branch, a lightweight and an annotated tag, a ref outside
// of both, an executable file and a symlink.
type history struct {
	root, bare               string
	first, second, feature   string
	pulled, unreachableByRef string
}

func newHistory(t testing.TB) history {
	t.Helper()
	root := t.TempDir()
	work, bare := filepath.Join(root, "work"), filepath.Join(root, "repos", "app.git")
	require.NoError(t, os.MkdirAll(work, 0o755))
	gitCommand(t, work, "init", "--initial-branch=main")
	write := func(name, content string, mode os.FileMode) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(work, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(work, name), []byte(content), mode))
	}
	commit := func(message string) string {
		gitCommand(t, work, "add", "-A")
		gitCommand(t, work, "commit", "-m", message)
		return gitCommand(t, work, "rev-parse", "HEAD")
	}
	h := history{root: root, bare: bare}
	write("README.md", "one\n", 0o644)
	write("bin/run", "#!/bin/sh\n", 0o755)
	require.NoError(t, os.Symlink("README.md", filepath.Join(work, "LINK")))
	h.first = commit("First")
	gitCommand(t, work, "tag", "v1")
	write("README.md", "two\n", 0o644)
	h.second = commit("Second\n\nwith a body")
	gitCommand(t, work, "tag", "-a", "v2", "-m", "Version 2")
	gitCommand(t, work, "checkout", "-b", "feature/x")
	write("x.txt", "x\r\n", 0o644)
	h.feature = commit("Feature")
	write("y.txt", "y", 0o644)
	h.pulled = commit("Pulled")
	gitCommand(t, work, "update-ref", "refs/pull/7/head", h.pulled)
	gitCommand(t, work, "reset", "--hard", h.feature)
	gitCommand(t, work, "checkout", "main")
	gitCommand(t, root, "clone", "--mirror", work, bare)
	return h
}

// gitHTTP serves the repositories by git's own http-backend behind TLS, to one user.
func gitHTTP(t *testing.T, root, user, password string) *httptest.Server {
	t.Helper()
	backend := filepath.Join(gitCommand(t, root, "--exec-path"), "git-http-backend")
	handler := &cgi.Handler{Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}, Stderr: io.Discard}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, p, _ := r.BasicAuth()
		switch {
		case user == "":
		case u == "" && p == "":
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		case u != user || p != password:
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

// authority writes the server's certificate as a workspace "ca".
func authority(t *testing.T, server *httptest.Server) string {
	t.Helper()
	dir := t.TempDir()
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.crt"), data, 0o644))
	return dir
}

// secret writes a workspace "credentials".
func secret(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return dir
}

// sshd serves git-upload-pack over ssh to one key.
type sshd struct {
	address    string
	privateKey string // of the user
	knownHosts string
}

func newSSHD(t *testing.T) *sshd {
	t.Helper()
	host, hostPublic := newKey(t)
	_ = hostPublic
	hostSigner, err := ssh.ParsePrivateKey([]byte(host))
	require.NoError(t, err)
	user, userPublic := newKey(t)
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if bytes.Equal(key.Marshal(), userPublic.Marshal()) {
			return nil, nil
		}
		return nil, fmt.Errorf("unknown key")
	}}
	config.AddHostKey(hostSigner)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveSSH(conn, config)
		}
	}()
	address := listener.Addr().String()
	return &sshd{address, user, knownhosts.Line([]string{address}, hostSigner.PublicKey()) + "\n"}
}

func newKey(t *testing.T) (string, ssh.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	key, err := ssh.NewPublicKey(public)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(block)), key
}

func serveSSH(conn net.Conn, config *ssh.ServerConfig) {
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	defer server.Close()
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			defer channel.Close()
			for request := range requests {
				if request.Type != "exec" {
					request.Reply(request.Type == "env", nil)
					continue
				}
				request.Reply(true, nil)
				code := execGit(channel, string(request.Payload[4:]))
				channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
				return
			}
		}()
	}
}

// execGit runs what git's ssh protocol asks for: git-upload-pack 'path'.
func execGit(channel ssh.Channel, line string) uint32 {
	path, ok := strings.CutPrefix(line, "git-upload-pack ")
	if !ok {
		return 128
	}
	command := exec.Command("git", "upload-pack", strings.Trim(path, "'"))
	command.Env = append(os.Environ(), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	command.Stdin, command.Stdout, command.Stderr = channel, channel, channel.Stderr()
	if command.Run() != nil {
		return 128
	}
	return 0
}
