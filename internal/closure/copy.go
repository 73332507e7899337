package closure

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-ci/sluice/internal/ocirepo"
)

// Copy brings everything but the root's own manifest to the target, and proves
// that the target lists every referrer. [Closure.Tag] completes it.
func (c *Closure) Copy(ctx context.Context, target *ocirepo.Repository) error {
	if target.Name.String() == c.Source.Name.String() {
		return nil // a tag is all that can be new
	}
	if err := c.copyNodes(ctx, target, c.Nodes); err != nil {
		return fmt.Errorf("copying %s@%s to %s: %w", c.Source.Name, c.Root, target.Name, err)
	}
	return nil
}

// Tag moves the target's tag to the root: the last step of a promotion. Without a
// tag the root is stored under its digest only.
func (c *Closure) Tag(ctx context.Context, target *ocirepo.Repository, tag string) error {
	if tag == "" {
		tag = c.Root.String()
	}
	if _, err := target.Put(ctx, tag, c.Nodes[0].Manifest); err != nil {
		return fmt.Errorf("tagging %s: %w", c.Root, err)
	}
	return nil
}

func (c *Closure) copyNodes(ctx context.Context, target *ocirepo.Repository, nodes []*Node) error {
	k := &carrier{source: c.Source, target: target, blobs: map[v1.Hash]func() error{}}
	g, gctx := errgroup.WithContext(ctx)
	for _, d := range slices.Backward((&Closure{Nodes: nodes}).Blobs()) { // evidence first: it takes more steps than layers
		g.Go(k.blob(gctx, d))
	}
	// Manifests that others point to come before those that point.
	var first, inner, last []*Node
	for _, n := range nodes {
		switch {
		case n.Role == Root: // its own manifest is the tag's
		case len(n.Children) == 0:
			first = append(first, n)
		case n.Role == Child: // an index within an index is rare; the innermost stands first
			inner = append(inner, n)
		default:
			last = append(last, n)
		}
	}
	k.put(gctx, g, first)
	if err := g.Wait(); err != nil {
		return err
	}
	for _, n := range inner {
		if _, err := target.Put(ctx, n.Manifest.Digest.String(), n.Manifest); err != nil {
			return err
		}
	}
	g, gctx = errgroup.WithContext(ctx)
	k.put(gctx, g, last)
	return g.Wait()
}

// put stores manifests, each as soon as its blobs are there.
func (c *carrier) put(ctx context.Context, g *errgroup.Group, nodes []*Node) {
	referrers := map[v1.Hash][]*Node{}
	for _, n := range nodes {
		ref := n.Tag
		switch n.Role {
		case Referrer:
			referrers[n.Subject] = append(referrers[n.Subject], n)
			continue
		case Child:
			ref = n.Manifest.Digest.String()
		}
		g.Go(func() error {
			if err := c.wait(ctx, n); err != nil {
				return err
			}
			_, err := c.target.Put(ctx, ref, n.Manifest)
			return err
		})
	}
	for subject, nodes := range referrers {
		g.Go(func() error {
			if err := c.wait(ctx, nodes...); err != nil {
				return err
			}
			return attach(ctx, c.target, subject, nodes)
		})
	}
}

// attach stores referrers and proves that the target lists them.
func attach(ctx context.Context, target *ocirepo.Repository, subject v1.Hash, nodes []*Node) error {
	var manifests []ocirepo.Manifest
	for _, n := range nodes {
		manifests = append(manifests, n.Manifest)
	}
	if err := target.Attach(ctx, subject, manifests...); err != nil {
		return err
	}
	missing, err := target.Unlisted(ctx, subject, manifests)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("%w: %s does not list referrer %s of %s although it took it",
			ocirepo.ErrUnavailable, target.Name, missing[0], subject)
	}
	return err
}
