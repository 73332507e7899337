package ocirepo_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/registrytest"
)

// byPath is a keychain with credentials for paths.
type byPath map[string]authn.Basic

func (k byPath) Resolve(r authn.Resource) (authn.Authenticator, error) {
	for path, credentials := range k {
		if strings.HasSuffix(r.String(), path) {
			return &credentials, nil
		}
	}
	return authn.Anonymous, nil
}

// TestRepositoriesWithTheSameCredentialsShareAHandshake counts version checks.
func TestRepositoriesWithTheSameCredentialsShareAHandshake(t *testing.T) {
	var checks atomic.Int64
	reg := registrytest.Start(t, registrytest.BasicAuth("ci", "secret"), registrytest.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/" {
				checks.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	}))
	good, bad := authn.Basic{Username: "ci", Password: "secret"}, authn.Basic{Username: "ci", Password: "guess"}
	for _, test := range []struct {
		name     string
		keychain byPath
		checks   int64
		denied   bool
	}{
		{"the same", byPath{"dev/app": good, "prod/app": good}, 1, false},
		{"others", byPath{"dev/app": good, "prod/app": bad}, 2, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			checks.Store(0)
			client := ocirepo.New(ocirepo.Access{Keychain: test.keychain})
			source, target := at(t, client, reg.Host+"/dev/app", ocirepo.Pull), at(t, client, reg.Host+"/prod/app", ocirepo.Push)
			var denied error
			var g errgroup.Group
			g.Go(func() error { _, err := source.TagsWithPrefix(t.Context(), "v"); return err })
			g.Go(func() error { _, denied = target.TagsWithPrefix(t.Context(), "v"); return nil })
			require.NoError(t, g.Wait())
			if test.denied {
				require.ErrorIs(t, denied, ocirepo.ErrDenied, "nobody gets another one's credentials")
			} else {
				require.NoError(t, denied)
			}
			require.Equal(t, test.checks, checks.Load())
		})
	}
}

func at(t *testing.T, client *ocirepo.Client, path string, mode ocirepo.Mode) *ocirepo.Repository {
	t.Helper()
	repo, err := name.NewRepository(path)
	require.NoError(t, err)
	return client.Open(repo, mode)
}
