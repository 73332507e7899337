package build

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// Target is where an image goes and what it stands on.
type Target struct {
	Base images.Base

	reuse      bool
	client     *registry.Client
	repository name.Repository
}

// Open reads credentials and names. It asks a registry only for the digest of a base
// that was allowed to be a tag.
func (o *Options) Open(ctx context.Context) (*Target, error) {
	client, err := o.Registry.Client()
	if err != nil {
		return nil, err
	}
	repository, err := client.Repository(o.Image)
	if err != nil {
		return nil, err
	}
	base, err := o.resolveBase(ctx, client)
	if err != nil {
		return nil, err
	}
	return &Target{Base: base, reuse: o.Reuse, client: client, repository: repository}, nil
}

func (o *Options) resolveBase(ctx context.Context, client *registry.Client) (images.Base, error) {
	if o.Base == "" {
		return images.Static(), nil
	}
	ref, err := client.Reference(o.Base)
	if err != nil {
		return nil, err
	}
	if digest, is := ref.(name.Digest); is {
		return images.Remote(o.Base, digest, client.Remote(ctx)...), nil
	}
	if !o.AllowBaseTag {
		return nil, task.Misconfigured("base %q is named by a tag, which can mean another image tomorrow", o.Base).
			WithRemedy("write it as name@sha256:…, or set allow-base-tag to record the digest that it has now")
	}
	base, err := images.Resolve(ctx, ref, client.Remote(ctx)...)
	return base, registry.Explain(errors.Unwrap(err), "resolving base", ref)
}

// Publish looks for an image of the same inputs, makes and pushes one where there is
// none, and writes the results. Inputs are hashed again once the source was read: where
// something wrote to it meanwhile, the image is pushed, but not remembered by them.
//
// Produce may call sourceRead before it returns, so that this happens while it assembles.
// What produce says itself with a [task.Error] is kept; a registry's errors get the exit
// code and the remedy they deserve.
func (t *Target) Publish(ctx context.Context, r *task.Run, inputs func(context.Context) (images.Inputs, error), produce func(ctx context.Context, sourceRead func()) (images.Artifact, error)) error {
	start := time.Now()
	before, err := inputs(ctx)
	if err != nil {
		return err
	}
	if t.reuse {
		digest, found, err := images.Find(ctx, t.repository, before, t.client.Remote(ctx)...)
		if err != nil {
			return t.explain(err)
		}
		if found {
			r.Printf("same inputs as before: nothing built, nothing pushed (%s)", time.Since(start).Round(time.Millisecond))
			return t.report(r, digest)
		}
	}
	var again errgroup.Group
	var after images.Inputs
	sourceRead := sync.OnceFunc(func() {
		again.Go(func() (err error) { after, err = inputs(ctx); return err })
	})
	artifact, err := produce(ctx, sourceRead)
	if err == nil {
		sourceRead()
	}
	if hashing := again.Wait(); err == nil {
		err = hashing
	}
	if err != nil {
		return t.explain(err)
	}
	r.Printf("built in %s", time.Since(start).Round(100*time.Millisecond))
	tags := []string{before.Tag()}
	if before != after {
		r.Printf("the source changed while it was built; the next build will not find this image by its inputs")
		tags = nil
	}
	return t.push(ctx, r, artifact, tags)
}

func (t *Target) push(ctx context.Context, r *task.Run, artifact images.Artifact, tags []string) error {
	start := time.Now()
	digest, err := images.Push(ctx, t.repository, artifact, tags, t.client.Remote(ctx)...)
	if err != nil {
		return t.explain(err)
	}
	r.Printf("pushed in %s", time.Since(start).Round(100*time.Millisecond))
	return t.report(r, digest)
}

// explain tells a registry's failure from the others: package images wraps each once.
func (t *Target) explain(err error) error {
	var known *task.Error
	var answer *transport.Error
	var network *url.Error
	if !errors.As(err, &known) && (errors.As(err, &answer) || errors.As(err, &network)) {
		return registry.Explain(errors.Unwrap(err), "publishing to", t.repository)
	}
	return err
}

func (t *Target) report(r *task.Run, image name.Digest) error {
	base, err := t.Base.Digest()
	if err != nil {
		return fmt.Errorf("reading the base's digest: %w", err)
	}
	r.Attr("oci.manifest.digest", image.DigestStr())
	for _, result := range [][2]string{
		{"IMAGE_URL", image.Context().Name()}, {"IMAGE_DIGEST", image.DigestStr()},
		{"IMAGE_REF", image.Name()}, {"BASE_DIGEST", base.String()},
	} {
		if err := r.Result(result[0], result[1]); err != nil {
			return err
		}
	}
	return nil
}
