package closure

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-ci/sluice/internal/ocirepo"
)

// copyBlobs brings the blobs of all nodes, each once.
func (c *Closure) copyBlobs(ctx context.Context, target *ocirepo.Repository, nodes []*Node) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, d := range blobs(nodes) {
		g.Go(func() error { return c.copyBlob(ctx, target, d) })
	}
	return g.Wait()
}

func (c *Closure) copyBlob(ctx context.Context, target *ocirepo.Repository, d v1.Descriptor) error {
	if target.Name.RegistryStr() == c.Source.Name.RegistryStr() {
		mounted, err := target.Mount(ctx, d.Digest, c.Source.Name)
		if err != nil || mounted {
			return err
		}
	}
	return target.CopyBlob(ctx, c.Source, d)
}

// Blobs gives the blobs of the closure, each once.
func (c *Closure) Blobs() []v1.Descriptor { return blobs(c.Nodes) }

func blobs(nodes []*Node) (all []v1.Descriptor) {
	seen := map[v1.Hash]bool{}
	for _, n := range nodes {
		for _, d := range n.Blobs {
			if !seen[d.Digest] {
				seen[d.Digest] = true
				all = append(all, d)
			}
		}
	}
	return all
}
