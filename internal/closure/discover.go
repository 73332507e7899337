package closure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-ci/sluice/internal/ocirepo"
)

const maxNodes = 10_000 // manifests of one closure

// Closure is an image with all that belongs to it, in one repository.
type Closure struct {
	Source *ocirepo.Repository
	Root   v1.Hash
	Nodes  []*Node // the root first; children before their referrers

	Problems []error // entries of referrer lists that nothing can read; they are not copied
}

// Discover reads the closure of a digest: one request a manifest, and one or two
// a manifest for what is attached to it.
func Discover(ctx context.Context, source *ocirepo.Attachments, root v1.Hash) (*Closure, error) {
	g, ctx := errgroup.WithContext(ctx)
	w := &walk{
		closure: &Closure{Source: source.Repository, Root: root},
		source:  source, group: g, seen: map[v1.Hash]bool{root: true},
	}
	g.Go(func() error { return w.visit(ctx, root.String(), &Node{Role: Root}) })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	w.closure.sort()
	return w.closure, nil
}

type walk struct {
	closure *Closure
	source  *ocirepo.Attachments
	group   *errgroup.Group

	mu   sync.Mutex
	seen map[v1.Hash]bool
}

// visit reads a manifest and, at the same time, what is attached to it.
func (w *walk) visit(ctx context.Context, ref string, as *Node) error {
	if digest, err := v1.NewHash(ref); err == nil {
		w.group.Go(func() error { return w.visitAttached(ctx, digest) })
	}
	m, err := w.source.Manifest(ctx, ref)
	if err != nil {
		return err
	}
	n, err := parse(m)
	if err != nil {
		return err
	}
	n.Role, n.Subject, n.Tag, n.depth = as.Role, as.Subject, as.Tag, as.depth
	w.mu.Lock()
	w.closure.Nodes = append(w.closure.Nodes, n)
	many := len(w.closure.Nodes) > maxNodes
	w.mu.Unlock()
	if many {
		return fmt.Errorf("%w: more than %d manifests", ocirepo.ErrTooLarge, maxNodes)
	}
	for _, d := range n.Children {
		w.start(ctx, d.Digest, &Node{Role: Child, depth: n.depth + 1})
	}
	if n.Tag != "" && w.first(m.Digest) {
		w.group.Go(func() error { return w.visitAttached(ctx, m.Digest) })
	}
	return nil
}

func (w *walk) visitAttached(ctx context.Context, digest v1.Hash) error {
	found, err := w.source.Of(ctx, digest)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.closure.Problems = append(w.closure.Problems, found.Problems...)
	w.mu.Unlock()
	for _, r := range found.Referrers {
		w.start(ctx, r.Digest, &Node{Role: Referrer, Subject: digest})
	}
	for _, tag := range found.Tags {
		w.group.Go(func() error { return w.visit(ctx, tag, &Node{Role: Tagged, Tag: tag}) })
	}
	return nil
}

func (w *walk) start(ctx context.Context, digest v1.Hash, as *Node) {
	if !w.first(digest) {
		return
	}
	w.group.Go(func() error {
		err := w.visit(ctx, digest.String(), as)
		if as.Role == Referrer && errors.Is(err, ocirepo.ErrNotFound) {
			// A list of referrers may name one that was deleted since.
			w.mu.Lock()
			defer w.mu.Unlock()
			w.closure.Problems = append(w.closure.Problems, err)
			return nil
		}
		return err
	})
}

func (w *walk) first(digest v1.Hash) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen[digest] {
		return false
	}
	w.seen[digest] = true
	return true
}

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
