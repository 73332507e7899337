// Build-go compiles a Go program in the user's toolchain, makes an image of it and
// pushes it by digest.
//
// It promises that the same source, toolchain and base give the same digest, and that
// the unchanged case costs one HEAD request. It refuses source that does not compile
// (exit code 1), a toolchain or a base that is not named by digest (2), and says so when
// modules or the registry were out of reach (3).
//
//	build-go --source=. --package=./cmd/app --image=localhost:5000/team/app --toolchain=local
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

func build(ctx context.Context, r *task.Run, o *options) error {
	if err := o.golang.Check(); err != nil {
		return err
	}
	client, err := o.registry.Client()
	if err != nil {
		return err
	}
	repository, err := client.Repository(o.image)
	if err != nil {
		return err
	}
	base, err := resolveBase(ctx, o, client)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "build-go-")
	if err != nil {
		return fmt.Errorf("making a scratch directory: %w", err)
	}
	defer os.RemoveAll(scratch)
	g, err := program(r, o, base, scratch)
	if err != nil {
		return err
	}
	image, err := publish(ctx, r, o, g, repository, client)
	if err != nil {
		return err
	}
	return report(r, base, image)
}

// program describes the build to package images.
func program(r *task.Run, o *options, base images.Base, scratch string) (images.Go, error) {
	dir, err := o.module()
	if err != nil {
		return images.Go{}, err
	}
	return images.Go{
		Dir: dir, Platforms: o.platforms, Base: base,
		Tags: o.buildTags, LDFlags: o.ldflags,
		Env:       o.golang.Env(os.Environ(), scratch, o.registry.Trust.Dir),
		Toolchain: o.golang.Toolchain, Annotations: o.annotations(), Created: o.epoch.time(),
		Scratch: scratch, Output: r.Stderr,
	}, nil
}

func publish(ctx context.Context, r *task.Run, o *options, g images.Go, repository name.Repository, client *registry.Client) (name.Digest, error) {
	start := time.Now()
	options := client.Remote(ctx)
	inputs, err := g.Inputs(ctx, o.pkg)
	if err != nil {
		return name.Digest{}, explain(err, o, repository)
	}
	if o.reuse {
		digest, found, err := images.Find(ctx, repository, inputs, options...)
		if err != nil {
			return name.Digest{}, explain(err, o, repository)
		}
		if found {
			r.Printf("same inputs as before: nothing compiled, nothing pushed (%s)", time.Since(start).Round(time.Millisecond))
			return digest, nil
		}
	}
	r.Printf("compiling %s for %s", o.pkg, o.platforms.String())
	artifact, err := g.Image(ctx, o.pkg)
	if err != nil {
		return name.Digest{}, explain(err, o, repository)
	}
	r.Printf("compiled in %s", time.Since(start).Round(100*time.Millisecond))
	start = time.Now()
	digest, err := images.Push(ctx, repository, artifact, []string{inputs.Tag()}, options...)
	if err != nil {
		return name.Digest{}, explain(err, o, repository)
	}
	r.Printf("pushed in %s", time.Since(start).Round(100*time.Millisecond))
	return digest, nil
}

func resolveBase(ctx context.Context, o *options, client *registry.Client) (images.Base, error) {
	if o.base == "" {
		return images.Static(), nil
	}
	ref, err := client.Reference(o.base)
	if err != nil {
		return nil, err
	}
	if digest, is := ref.(name.Digest); is {
		return images.Remote(o.base, digest, client.Remote(ctx)...), nil
	}
	if !o.allowBaseTag {
		return nil, task.Misconfigured("base %q is named by a tag, which can mean another image tomorrow", o.base).
			WithRemedy("write it as name@sha256:…, or set allow-base-tag to record the digest that it has now")
	}
	base, err := images.Resolve(ctx, ref, client.Remote(ctx)...)
	return base, registry.Explain(errors.Unwrap(err), "resolving base", ref)
}

func report(r *task.Run, base images.Base, image name.Digest) error {
	baseDigest, err := base.Digest()
	if err != nil {
		return fmt.Errorf("reading the base's digest: %w", err)
	}
	r.Attr("oci.manifest.digest", image.DigestStr())
	for _, result := range [][2]string{
		{"IMAGE_URL", image.Context().Name()}, {"IMAGE_DIGEST", image.DigestStr()},
		{"IMAGE_REF", image.Name()}, {"BASE_DIGEST", baseDigest.String()},
	} {
		if err := r.Result(result[0], result[1]); err != nil {
			return err
		}
	}
	return nil
}
