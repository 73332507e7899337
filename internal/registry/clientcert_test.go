package registry_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/registrytest"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/internal/trust"
)

// clientCertificate writes a client certificate for a host into dir, as a Secret is
// mounted: files are links to a hidden directory.
func clientCertificate(t *testing.T, dir, host string, certificate, key []byte) {
	t.Helper()
	hidden := filepath.Join(dir, "..data", host)
	require.NoError(t, os.MkdirAll(hidden, 0o755))
	require.NoError(t, os.Symlink(filepath.Join("..data", host), filepath.Join(dir, host)))
	require.NoError(t, os.WriteFile(filepath.Join(hidden, "client.cert"), certificate, 0o600))
	if key != nil {
		require.NoError(t, os.WriteFile(filepath.Join(hidden, "client.key"), key, 0o600))
	}
}

func TestClientCertificateReachesTheRegistryThatAsksForIt(t *testing.T) {
	pool, certificate, key := registrytest.ClientCertificate(t)
	_, stranger, strangersKey := registrytest.ClientCertificate(t)
	reg := registrytest.Start(t, registrytest.ClientCertificates(pool), registrytest.BasicAuth("ci", "secret"))
	open := registrytest.Start(t, registrytest.ClientCertificates(pool))
	for _, test := range []struct {
		name      string
		reg       *registrytest.Registry
		configure func(dir string)
		code      int
		says      string
	}{
		{"certificate and password", reg, func(dir string) { clientCertificate(t, dir, reg.Host, certificate, key) }, 0, ""},
		{"no certificate", reg, func(string) {}, 2, "client.cert"},
		{"certificate of another host", reg, func(dir string) { clientCertificate(t, dir, "registry.example.com", certificate, key) }, 2, "client.cert"},
		{"certificate of a stranger", reg, func(dir string) { clientCertificate(t, dir, reg.Host, stranger, strangersKey) }, 2, "client.cert"},
		{"certificate without its key", reg, func(dir string) { clientCertificate(t, dir, reg.Host, certificate, nil) }, 2, "beside each other"},
		{"key of another certificate", reg, func(dir string) { clientCertificate(t, dir, reg.Host, certificate, strangersKey) }, 2, "beside each other"},
		{"certificate and no config", open, func(dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "config.json")))
			clientCertificate(t, dir, open.Host, certificate, key)
		}, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := dockerConfig(t, "config.json", test.reg.Host, "ci", "secret")
			test.configure(dir)
			o := &registry.Options{Trust: &trust.Options{Dir: caDir(t, test.reg)}, DockerConfig: dir}
			_, err := o.Client()
			if err == nil {
				err = push(t, o, test.reg.Host+"/team/app")
			}
			require.Equal(t, test.code, task.Code(err), "%v", err)
			if test.says != "" {
				var e *task.Error
				require.ErrorAs(t, err, &e)
				require.Contains(t, strings.Join(e.Remedy, " "), test.says, "%v", err)
			}
		})
	}
}
