package closure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-ci/sluice/internal/ocirepo"
)

// sort puts nodes in an order that does not depend on the network.
func (c *Closure) sort() {
	rank := map[Role]int{Root: 0, Child: 1, Referrer: 2, Tagged: 3}
	slices.SortFunc(c.Nodes, func(a, b *Node) int {
		if rank[a.Role] != rank[b.Role] {
			return rank[a.Role] - rank[b.Role]
		}
		if a.depth != b.depth {
			return b.depth - a.depth
		}
		return strings.Compare(a.Tag+a.Manifest.Digest.Hex, b.Tag+b.Manifest.Digest.Hex)
	})
}

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

// Refresh brings evidence that appeared at the source since the image was copied.
// It gives the number of manifests that were new.
func (c *Closure) Refresh(ctx context.Context, target *ocirepo.Repository) (int, error) {
	if target.Name.String() == c.Source.Name.String() {
		return 0, nil
	}
	fresh, err := c.missing(ctx, target)
	if err != nil || len(fresh) == 0 {
		return 0, err
	}
	return len(fresh), c.copyNodes(ctx, target, fresh)
}

// missing gives the referrers and tags that the target does not have.
func (c *Closure) missing(ctx context.Context, target *ocirepo.Repository) ([]*Node, error) {
	if !slices.ContainsFunc(c.Nodes, func(n *Node) bool { return n.Role == Referrer || n.Role == Tagged }) {
		return nil, nil
	}
	attached, err := target.Attachments(ctx)
	if err != nil {
		return nil, err
	}
	listed := map[v1.Hash]map[v1.Hash]bool{}
	var fresh []*Node
	for _, n := range c.Nodes {
		switch n.Role {
		case Referrer:
			if listed[n.Subject] == nil {
				if listed[n.Subject], err = referrersOf(ctx, attached, n.Subject); err != nil {
					return nil, err
				}
			}
			if !listed[n.Subject][n.Manifest.Digest] {
				fresh = append(fresh, n)
			}
		case Tagged:
			if d, err := target.Head(ctx, n.Tag); err != nil || d.Digest != n.Manifest.Digest {
				fresh = append(fresh, n)
			}
		case Root, Child: // there since the image is
		}
	}
	if slices.ContainsFunc(fresh, func(n *Node) bool { return len(n.Children) > 0 }) {
		return c.Nodes, nil // a new referrer has parts of its own: they are among all
	}
	return fresh, nil
}

func (c *Closure) copyNodes(ctx context.Context, target *ocirepo.Repository, nodes []*Node) error {
	if err := c.copyBlobs(ctx, target, nodes); err != nil {
		return err
	}
	// Manifests that others point to come before those that point.
	g, gctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		if n.Role == Child && len(n.Children) == 0 {
			g.Go(func() error { return put(gctx, target, n.Manifest.Digest.String(), n) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, n := range nodes { // an index within an index is rare; the innermost stands first
		if n.Role == Child && len(n.Children) > 0 {
			if err := put(ctx, target, n.Manifest.Digest.String(), n); err != nil {
				return err
			}
		}
	}
	g, gctx = errgroup.WithContext(ctx)
	for subject, manifests := range bySubject(nodes) {
		g.Go(func() error { return attach(gctx, target, subject, manifests) })
	}
	for _, n := range nodes {
		if n.Role == Tagged {
			g.Go(func() error { return put(gctx, target, n.Tag, n) })
		}
	}
	return g.Wait()
}

func put(ctx context.Context, target *ocirepo.Repository, ref string, n *Node) error {
	_, err := target.Put(ctx, ref, n.Manifest)
	return err
}

func bySubject(nodes []*Node) map[v1.Hash][]ocirepo.Manifest {
	groups := map[v1.Hash][]ocirepo.Manifest{}
	for _, n := range nodes {
		if n.Role == Referrer {
			groups[n.Subject] = append(groups[n.Subject], n.Manifest)
		}
	}
	return groups
}

// attach stores referrers and proves that the target lists them.
func attach(ctx context.Context, target *ocirepo.Repository, subject v1.Hash, manifests []ocirepo.Manifest) error {
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

func referrersOf(ctx context.Context, attached *ocirepo.Attachments, subject v1.Hash) (map[v1.Hash]bool, error) {
	found, err := attached.Of(ctx, subject)
	if err != nil {
		return nil, err
	}
	set := map[v1.Hash]bool{}
	for _, r := range found.Referrers {
		set[r.Digest] = true
	}
	return set, nil
}
