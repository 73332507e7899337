package gotool_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/task"
)

const toolchain = "registry.example.com/go@sha256:0000000000000000000000000000000000000000000000000000000000000000"

func TestToolchainIsNamedByDigest(t *testing.T) {
	require.NoError(t, (&gotool.Options{Toolchain: toolchain}).Check())
	require.NoError(t, (&gotool.Options{Toolchain: gotool.Local}).Check())
	err := (&gotool.Options{Toolchain: "registry.example.com/go:1.26"}).Check()
	require.EqualError(t, err, `toolchain "registry.example.com/go:1.26" is not named by digest`)
	require.Equal(t, task.CodeMisconfigured, task.Code(err))
}

func TestToolchainWithoutGoIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	require.ErrorContains(t, (&gotool.Options{Toolchain: toolchain}).Check(), "finding the go command in toolchain")
}

// The go command itself tells what it makes of the environment.
func TestGoCommandWritesOnlyWhereItMay(t *testing.T) {
	scratch, cache := t.TempDir(), t.TempDir()
	step := []string{"PATH=" + os.Getenv("PATH"), "HOME=/", "GOFLAGS=-tags=other", "GOPROXY=off"}
	env := func(o gotool.Options) map[string]string {
		cmd := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOPATH", "GOTMPDIR", "GOFLAGS", "GOPROXY", "GOPRIVATE", "GOENV")
		cmd.Dir, cmd.Env = scratch, o.Env(step, scratch, "")
		out, err := cmd.Output()
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		got := map[string]string{}
		for i, name := range cmd.Args[2:] {
			got[name] = lines[i]
		}
		return got
	}
	require.Equal(t, map[string]string{
		"GOCACHE": filepath.Join(scratch, "go-build"), "GOMODCACHE": filepath.Join(scratch, "go-mod"),
		"GOPATH": filepath.Join(scratch, "gopath"), "GOTMPDIR": scratch,
		"GOFLAGS": "-modcacherw", "GOPROXY": "off", "GOPRIVATE": "", "GOENV": "",
	}, env(gotool.Options{Toolchain: toolchain}))
	require.Equal(t, map[string]string{
		"GOCACHE": filepath.Join(cache, "go-build"), "GOMODCACHE": filepath.Join(cache, "go-mod"),
		"GOPATH": filepath.Join(scratch, "gopath"), "GOTMPDIR": scratch,
		"GOFLAGS": "-mod=vendor -modcacherw", "GOPROXY": "direct", "GOPRIVATE": "git.example.com/*", "GOENV": "",
	}, env(gotool.Options{Toolchain: toolchain, Cache: cache, Proxy: "direct", Private: "git.example.com/*", Flags: "-mod=vendor"}))
}

func TestCertificatesOfTheWorkspaceAreAdded(t *testing.T) {
	o := gotool.Options{Toolchain: toolchain}
	require.Contains(t, o.Env(nil, "/tmp", "/workspace/ca"), "SSL_CERT_DIR=/etc/ssl/certs:/etc/pki/tls/certs:/workspace/ca")
	require.Contains(t, o.Env([]string{"SSL_CERT_DIR=/own"}, "/tmp", "/workspace/ca"), "SSL_CERT_DIR=/own:/workspace/ca")
}
