package registrytest_test

import (
	"crypto/x509"
	"net/http"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/registrytest"
)

func TestServesWhatWasPushed(t *testing.T) {
	reg := registrytest.Start(t)
	push(t, reg)
	require.Contains(t, reg.Requests()[len(reg.Requests())-1].String(), "/v2/team/app/manifests/latest")
}

func TestDemandsTheTrustedCertificateAndThePassword(t *testing.T) {
	reg := registrytest.Start(t, registrytest.TLS(), registrytest.BasicAuth("ci", "secret"))
	ref, err := name.ParseReference(reg.Host + "/team/app:latest")
	require.NoError(t, err)

	_, err = remote.Head(ref)
	require.Error(t, err, "without the authority")

	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(reg.CA))
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig.RootCAs = pool
	_, err = remote.Get(ref, remote.WithTransport(transport))
	require.ErrorContains(t, err, "UNAUTHORIZED")

	push(t, reg, remote.WithTransport(transport),
		remote.WithAuth(&authn.Basic{Username: "ci", Password: "secret"}))
}

func TestKeepsItsDataAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	digest := push(t, registrytest.Start(t, registrytest.Storage(dir)))
	reg := registrytest.Start(t, registrytest.Storage(dir))
	ref, err := name.ParseReference(reg.Host + "/team/app:latest")
	require.NoError(t, err)
	got, err := remote.Head(ref)
	require.NoError(t, err)
	require.Equal(t, digest, got.Digest.String())
}

func TestFaultsStandBetweenClientAndRegistry(t *testing.T) {
	reg := registrytest.Start(t, registrytest.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
	}))
	response, err := http.Head(reg.URL + "/v2/team/app/manifests/latest")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, []registrytest.Request{
		{Method: http.MethodHead, URI: "/v2/team/app/manifests/latest", Status: http.StatusTooManyRequests},
	}, reg.Requests())
	reg.Forget()
	require.Empty(t, reg.Requests())
}

func push(t *testing.T, reg *registrytest.Registry, options ...remote.Option) string {
	t.Helper()
	image, err := random.Image(256, 2)
	require.NoError(t, err)
	ref, err := name.ParseReference(reg.Host + "/team/app:latest")
	require.NoError(t, err)
	require.NoError(t, remote.Write(ref, image, options...))
	want, err := image.Digest()
	require.NoError(t, err)
	got, err := remote.Get(ref, options...)
	require.NoError(t, err)
	require.Equal(t, want, got.Digest)
	return want.String()
}
