// Package build is what the tasks that make images share: where the image goes, what
// it stands on, what it records of its origin, and how it is found again by its inputs.
//
// It promises that an image is pushed by digest and reported in results of the names
// that Tekton Chains reads. It refuses a base by tag unless that was allowed.
//
//	o := build.Declare(c)
//	…
//	target, err := o.Open(ctx)
//	…
//	return target.Publish(ctx, r, inputs, func(ctx context.Context) (images.Artifact, error) { … })
package build

import (
	"time"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// Options are what a task that makes an image is asked for; fields have the names of
// their params.
type Options struct {
	Image            string
	Platforms        Platforms
	Base             string
	AllowBaseTag     bool
	Revision, Source string
	Epoch            Epoch
	Reuse            bool
	Registry         *registry.Options
}

// Declare adds the params, workspaces and results that all image-making tasks have.
func Declare(c *task.Command) *Options {
	o := &Options{Platforms: Platforms{{OS: "linux", Architecture: "amd64"}}}
	c.Required(&o.Image, "image", "Repository to push to: registry/path, without tag or digest.")
	c.Var(&o.Platforms, "platforms", "Platforms to build for, comma-separated, such as linux/amd64,linux/arm64; several make an index.")
	c.String(&o.Base, "base", "", "Base image, by digest; empty for one that holds certificate authorities, a nonroot user and /tmp.")
	c.Bool(&o.AllowBaseTag, "allow-base-tag", false, "Take a base by tag too, and record the digest that it has now.")
	c.String(&o.Revision, "revision", "", "Commit to record in the image; the image then changes with every commit.")
	c.String(&o.Source, "source-url", "", "URL of the source to record in the image.")
	c.Var(&o.Epoch, "source-date-epoch", "The one time of everything in the image, in seconds since 1970.")
	c.Bool(&o.Reuse, "reuse", true, "Take the image that was made from the same inputs before, where the repository has it.")
	o.Registry = registry.Declare(c)
	c.Result("IMAGE_URL", "Repository that the image was pushed to.")
	c.Result("IMAGE_DIGEST", "Digest of the image, or of the index when there are several platforms.")
	c.Result("IMAGE_REF", "The image by digest: IMAGE_URL@IMAGE_DIGEST.")
	c.Result("BASE_DIGEST", "Digest of the base image that it stands on.")
	return o
}

// Annotations are what the image records of its origin.
func (o *Options) Annotations() map[string]string {
	a := map[string]string{}
	if o.Revision != "" {
		a[images.AnnotationRevision] = o.Revision
	}
	if o.Source != "" {
		a[images.AnnotationSource] = o.Source
	}
	return a
}

// Created is the one time of everything in the image.
func (o *Options) Created() time.Time { return time.Unix(int64(o.Epoch), 0) }
