package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/sluice-ci/sluice/internal/closure"
	"github.com/sluice-ci/sluice/internal/ocirepo"
)

// plan prints what a promotion would move, and for an environment whether it would
// be let through: it fails as the promotion would. It writes nothing to any registry.
func (m *move) plan(ctx context.Context, out io.Writer) error {
	if err := m.planCopy(ctx, out); err != nil || m.admission == nil {
		return err
	}
	a := m.admission
	if err := m.check(ctx, time.Now().UTC().Truncate(time.Second)); err != nil {
		return err
	}
	said := "there will be a record of that"
	if a.chain.Unfinished(m.newRecord(), m.digest) {
		said = fmt.Sprintf("record %d says so already", a.chain.Newest.Number)
	}
	fmt.Fprintf(out, "Policy %q admits it to %q; %s.\n", a.policy.Metadata.Name, a.environment.Name, said)
	return nil
}

// planCopy prints every manifest of the closure and how many bytes of blobs it has
// that the target lacks.
func (m *move) planCopy(ctx context.Context, out io.Writer) error {
	c, err := closure.Discover(ctx, m.attached, m.digest)
	if err != nil {
		return err
	}
	var blobs, bytes int64
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tTYPE\tDIGEST\tTARGET")
	for _, n := range c.Nodes {
		state := "to copy"
		_, err := m.target.Head(ctx, n.Manifest.Digest.String())
		if err == nil {
			state = "there"
		} else if !errors.Is(err, ocirepo.ErrNotFound) {
			return err
		}
		kind := n.Kind
		if n.Role != closure.Referrer {
			kind = string(n.Manifest.MediaType)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", n.Role, kind, n.Manifest.Digest, state)
	}
	for _, d := range c.Blobs() {
		has, err := m.target.HasBlob(ctx, d.Digest)
		if err != nil {
			return err
		}
		if !has {
			blobs, bytes = blobs+1, bytes+d.Size
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	how := "streamed from " + m.source.Name.RegistryStr()
	if m.source.Name.RegistryStr() == m.target.Name.RegistryStr() {
		how = "mounted: no byte moves"
	}
	fmt.Fprintf(out, "\n%d blobs of %d bytes would be %s; then %s:%s would move to %s.\n",
		blobs, bytes, how, m.target.Name, m.tag, m.digest)
	return nil
}
