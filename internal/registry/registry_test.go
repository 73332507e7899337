package registry_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
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

// dockerConfig writes a config.json with credentials for a key and returns its directory.
func dockerConfig(t *testing.T, file, key, user, password string) string {
	dir := t.TempDir()
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	require.NoError(t, os.WriteFile(filepath.Join(dir, file),
		fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, key, auth), 0o600))
	return dir
}

func caDir(t *testing.T, reg *registrytest.Registry) string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.crt"), reg.CA, 0o600))
	return dir
}

func push(t *testing.T, o *registry.Options, repo string) error {
	t.Helper()
	client, err := o.Client()
	require.NoError(t, err)
	r, err := client.Repository(repo)
	require.NoError(t, err)
	image, err := random.Image(64, 1)
	require.NoError(t, err)
	return registry.Explain(remote.Write(r.Tag("v1"), image, client.Remote(t.Context())...), "pushing", r)
}

func TestCredentialsAndCAReachTheRegistry(t *testing.T) {
	reg := registrytest.Start(t, registrytest.TLS(), registrytest.BasicAuth("ci", "secret"))
	ca := caDir(t, reg)
	for _, test := range []struct {
		name, dockerconfig, ca string
		code                   int
		says                   string
	}{
		{"config.json", dockerConfig(t, "config.json", reg.Host, "ci", "secret"), ca, 0, ""},
		{"Kubernetes secret", dockerConfig(t, ".dockerconfigjson", reg.Host, "ci", "secret"), ca, 0, ""},
		{"for one path", dockerConfig(t, "config.json", reg.Host+"/team", "ci", "secret"), ca, 0, ""},
		{"with scheme", dockerConfig(t, "config.json", "https://"+reg.Host, "ci", "secret"), ca, 0, ""},
		{"wrong password", dockerConfig(t, "config.json", reg.Host, "ci", "guess"), ca, 2, "refused the credentials"},
		{"no CA", dockerConfig(t, "config.json", reg.Host, "ci", "secret"), "", 2, "bind the workspace ca"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := &registry.Options{Trust: &trust.Options{Dir: test.ca}, DockerConfig: test.dockerconfig}
			err := push(t, o, reg.Host+"/team/app")
			require.Equal(t, test.code, task.Code(err), "%v", err)
			if test.says != "" {
				var e *task.Error
				require.ErrorAs(t, err, &e)
				require.Contains(t, err.Error()+strings.Join(e.Remedy, " "), test.says)
			}
		})
	}
}

func TestPlainHTTPOnlyForNamedHosts(t *testing.T) {
	o := &registry.Options{Trust: &trust.Options{}, PlainHTTP: []string{"registry.example.com:5000"}}
	client, err := o.Client()
	require.NoError(t, err)
	for host, scheme := range map[string]string{"registry.example.com:5000": "http", "registry.example.com": "https"} {
		repo, err := client.Repository(host + "/app")
		require.NoError(t, err)
		require.Equal(t, scheme, repo.Scheme())
	}
	// A private address is where go-containerregistry falls back to plain HTTP by
	// itself; the transport refuses before a byte, or a password, is sent.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://10.255.255.1:5000/v2/", nil)
	require.NoError(t, err)
	_, err = client.Transport.RoundTrip(request)
	require.ErrorContains(t, err, "plain HTTP")
	require.Equal(t, task.CodeMisconfigured, task.Code(err))
}

func TestReferencesAreByDigestAndRepositoriesAreBare(t *testing.T) {
	client, err := (&registry.Options{Trust: &trust.Options{}}).Client()
	require.NoError(t, err)
	digest := "sha256:" + strings.Repeat("a", 64)
	for text, ok := range map[string]bool{
		"registry.example.com/app@" + digest:        true,
		"registry.example.com/app:v1@" + digest:     true,
		"registry.example.com/app:v1":               false,
		"registry.example.com/app":                  false,
		"registry.example.com/app@sha256:abc":       false,
		"registry.example.com/App@" + digest:        false,
		"registry.example.com/app@sha512:" + digest: false,
	} {
		_, err := client.Digest(text)
		require.Equal(t, ok, err == nil, text)
	}
	for text, ok := range map[string]bool{
		"registry.example.com/team/app":    true,
		"registry.example.com/team/app:v1": false,
		"app":                              false,
	} {
		_, err := client.Repository(text)
		require.Equal(t, ok, err == nil, text)
	}
}

func TestUselessDockerConfigIsRefused(t *testing.T) {
	broken := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(broken, "config.json"), []byte("{"), 0o600))
	for dir, says := range map[string]string{t.TempDir(): "holds neither config.json", broken: "reading registry credentials"} {
		_, err := (&registry.Options{Trust: &trust.Options{}, DockerConfig: dir}).Client()
		require.ErrorContains(t, err, says)
		require.Equal(t, task.CodeMisconfigured, task.Code(err))
	}
}
