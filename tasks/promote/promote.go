// Promote copies an image from one repository to another by digest, with the
// manifests of all its platforms, every referrer and cosign's tags, and moves the
// target's tag when all of that is there.
//
// It promises that the digest does not change, that the target's tag never names an
// image whose evidence is missing, that blobs within one registry are mounted and
// not moved, and that a rerun after a kill at any moment completes the promotion.
//
// For an environment of a promotion policy it verifies the evidence at the source and
// again at the target, and signs a record of the promotion before the tag moves.
//
// It refuses a source by tag (a tag can move between two looks at it), a source that
// is not complete, evidence that does not meet the policy, an environment out of
// order, and a promotion while another one is going on.
//
//	promote --image=registry.example.com/dev/app@sha256:… --target=registry.example.com/prod/app:v1
package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/closure"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/promotion"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

const defaultBudget = 2 * time.Minute

type options struct {
	registry    *registry.Options
	policy      *promotion.Options
	key         string
	image       string
	target      string
	environment string
	commit      string
	run         string
	budget      time.Duration
	plan        bool
}

func promote(ctx context.Context, r *task.Run, o *options) error {
	m, err := o.move()
	if err != nil {
		return err
	}
	if o.plan {
		r.WithoutResults()
		return ocirepo.Explain(m.plan(ctx, r.Stdout))
	}
	r.Attr("oci.manifest.digest", m.digest.String())
	if err := m.run(ctx, r); err != nil {
		return ocirepo.Explain(err)
	}
	record := ""
	if m.admission != nil {
		record = m.admission.chain.Newest.Manifest.String()
	}
	return errors.Join(
		r.Result("IMAGE_URL", m.target.Name.String()+":"+m.tag),
		r.Result("IMAGE_DIGEST", m.digest.String()),
		r.Result("IMAGE_REF", m.target.Name.Digest(m.digest.String()).String()),
		r.Result("record", record),
	)
}

// move settles what goes where.
func (o *options) move() (*move, error) {
	access, err := o.registry.Client()
	if err != nil {
		return nil, err
	}
	image, err := access.Digest(o.image)
	if err != nil {
		return nil, err
	}
	client := ocirepo.New(ocirepo.Access{Keychain: access.Keychain, Transport: access.Transport, Budget: o.budget})
	m := &move{source: client.Open(image.Context(), ocirepo.Pull)}
	m.attached = m.source.Attachments()
	if m.digest, err = v1.NewHash(image.DigestStr()); err != nil {
		return nil, err
	}
	text := o.target
	switch {
	case o.environment != "" && o.target != "":
		return nil, task.Misconfigured("target and environment are both set").
			WithRemedy("leave target empty: the policy says where %q is", o.environment)
	case o.environment != "":
		if m.admission, err = o.admission(client, access); err != nil {
			return nil, err
		}
		text = m.admission.environment.TargetTag()
	case o.target == "":
		return nil, task.Misconfigured("neither target nor environment is set").
			WithRemedy("name a target registry/path:tag, or an environment of a policy")
	}
	target, err := targetTag(access, text)
	if err != nil {
		return nil, err
	}
	m.target, m.tag = client.Open(target.Context(), ocirepo.Push, image.Context()), target.TagStr()
	return m, nil
}

// targetTag parses a target, which has a tag and no digest: the digest is the source's.
func targetTag(access *registry.Client, text string) (name.Tag, error) {
	ref, err := access.Reference(text)
	if err != nil {
		return name.Tag{}, err
	}
	tag, ok := ref.(name.Tag)
	if !ok || !strings.HasSuffix(text, ":"+tag.TagStr()) {
		return name.Tag{}, task.Misconfigured("target %q does not name a tag", text).
			WithRemedy("write it as registry/path:tag; the digest comes from the image")
	}
	return tag, nil
}

// move is one image on its way.
type move struct {
	digest         v1.Hash
	source, target *ocirepo.Repository
	attached       *ocirepo.Attachments // at the source: what is verified is what is copied
	tag            string
	admission      *admission // nil without an environment
}

func (m *move) run(ctx context.Context, r *task.Run) error {
	if m.admission != nil {
		return m.admit(ctx, r)
	}
	c, _, err := m.bring(ctx, r)
	if err != nil || c == nil {
		return err
	}
	if err := c.Tag(ctx, m.target, m.tag); err != nil {
		return err
	}
	r.Printf("promoted %s to %s:%s with %s", m.digest, m.target.Name, m.tag, c.Summary())
	return nil
}

// bring copies everything but the tag. The closure is nil where the tag is at the
// digest already, and only evidence could be new.
func (m *move) bring(ctx context.Context, r *task.Run) (*closure.Closure, v1.Descriptor, error) {
	go m.attached.Of(ctx, m.digest) // needed in any case, and not only when the target has answered
	before, err := m.target.Head(ctx, m.tag)
	if err != nil && !errors.Is(err, ocirepo.ErrNotFound) {
		return nil, v1.Descriptor{}, err
	}
	if before.Digest == m.digest {
		n, err := closure.Refresh(ctx, m.attached, m.target, before)
		if err != nil {
			return nil, v1.Descriptor{}, err
		}
		r.Printf("%s:%s is at %s already; %d pieces of evidence were new", m.target.Name, m.tag, m.digest, n)
		return nil, before, nil
	}
	c, err := closure.Discover(ctx, m.attached, m.digest)
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	for _, p := range c.Problems {
		r.Printf("left behind: %s", p)
	}
	return c, c.Nodes[0].Manifest.Descriptor(), c.Copy(ctx, m.target)
}
