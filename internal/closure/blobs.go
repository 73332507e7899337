package closure

import (
	"context"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/ocirepo"
)

// carrier brings blobs from one repository to another, each once.
type carrier struct {
	source, target *ocirepo.Repository

	mu    sync.Mutex
	blobs map[v1.Hash]func() error
}

// blob gives what brings a blob, and returns when it is there.
func (c *carrier) blob(ctx context.Context, d v1.Descriptor) func() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.blobs[d.Digest] == nil {
		c.blobs[d.Digest] = sync.OnceValue(func() error { return c.target.CopyBlob(ctx, c.source, d) })
	}
	return c.blobs[d.Digest]
}

// wait returns when all blobs of the nodes are there.
func (c *carrier) wait(ctx context.Context, nodes ...*Node) error {
	for _, n := range nodes {
		for _, d := range n.Blobs {
			if err := c.blob(ctx, d)(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Blobs gives the blobs of the closure, each once.
func (c *Closure) Blobs() (all []v1.Descriptor) {
	seen := map[v1.Hash]bool{}
	for _, n := range c.Nodes {
		for _, d := range n.Blobs {
			if !seen[d.Digest] {
				seen[d.Digest] = true
				all = append(all, d)
			}
		}
	}
	return all
}
