package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/registrytest"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/internal/trust"
)

// TestEachRegistryGetsItsOwnCredentials promotes from a registry with passwords to one
// that asks for client certificates, both behind a CA of their own.
func TestEachRegistryGetsItsOwnCredentials(t *testing.T) {
	pool, certificate, key := registrytest.ClientCertificate(t)
	source := registrytest.Start(t, registrytest.TLS(), registrytest.BasicAuth("ci", "secret"))
	target := registrytest.Start(t, registrytest.ClientCertificates(pool))
	dir, ca := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write(filepath.Join(dir, "config.json"), fmt.Sprintf(`{"auths":{%q:{"username":"ci","password":"secret"}}}`, source.Host))
	write(filepath.Join(ca, "ca.pem"), string(source.CA)+string(target.CA))

	image, err := random.Image(1024, 3)
	require.NoError(t, err)
	digest, err := image.Digest()
	require.NoError(t, err)
	access, err := (&registry.Options{Trust: &trust.Options{Dir: ca}, DockerConfig: dir}).Client()
	require.NoError(t, err)
	from, err := access.Digest(source.Host + "/team/app@" + digest.String())
	require.NoError(t, err)
	require.NoError(t, remote.Write(from, image, access.Remote(t.Context())...))

	promote := func() (int, string) {
		var words strings.Builder
		args := []string{"--dockerconfig=" + dir, "--ca=" + ca, "--image=" + from.String(), "--target=" + target.Host + "/prod/app:v1"}
		return newCommand().Execute(t.Context(), args, strings.NewReader(""), &words, &words, func(string) string { return "" }), words.String()
	}
	code, words := promote()
	require.Equal(t, task.CodeMisconfigured, code, words)
	require.Contains(t, words, "needs <host>/client.cert and <host>/client.key in the workspace dockerconfig")

	write(filepath.Join(dir, target.Host, "client.cert"), string(certificate))
	write(filepath.Join(dir, target.Host, "client.key"), string(key))
	code, words = promote()
	require.Equal(t, task.CodeDone, code, words)
}
