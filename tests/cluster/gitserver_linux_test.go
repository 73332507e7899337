package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/tests/cluster/machine"
	"github.com/stretchr/testify/require"
)

// serveGit serves a repository with one file, on branch main, to the cluster's pods: over TLS with the certificate that the cluster's CA made
// for servers on this host. It gives the repository's URL.
func serveGit(t *testing.T, places layout, file, text string) string {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, file), []byte(text), 0o644))
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"add", file},
		{"-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "--message=Add a task"},
	} {
		runOnHost(t, "git", append([]string{"-C", root}, args...)...)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(runOnHost(t, "git", "--exec-path")), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(filepath.Dir(places.CA()), "host.crt"), filepath.Join(filepath.Dir(places.CA()), "host.key"))
	require.NoError(t, err)
	listener, err := net.Listen("tcp", net.JoinHostPort(machine.HostAddress, "0"))
	require.NoError(t, err)
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: backend}, TLS: &tls.Config{Certificates: []tls.Certificate{pair}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL + "/.git"
}
