package team

import (
	"context"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/trust"
)

// Repository names a repository of the cluster's registry.
func (c *Cluster) Repository(path string) (name.Repository, error) {
	return name.NewRepository(c.Registry + "/" + path)
}

// Remote returns the options with which go-containerregistry reaches the
// cluster's registry from this machine.
func (c *Cluster) Remote(ctx context.Context) []remote.Option { return c.client.Remote(ctx) }

// newClient trusts the CAs that lie beside the file, and the public ones.
func newClient(caFile string) (*registry.Client, error) {
	return (&registry.Options{Trust: &trust.Options{Dir: filepath.Dir(caFile)}}).Client()
}
