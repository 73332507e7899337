package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command {
	c := task.New("sbom", "List the packages of an image, as SPDX and CycloneDX, and attach the lists to its digest.")
	o := newOptions()
	o.evidence = predicate.Declare(c)
	o.registry = registry.Declare(c)
	c.OptionalWorkspace(&o.source, "source", "Where the layout lies, if one is looked into.")
	c.String(&o.image, "image", "", "Image to look into, by digest: registry/path@sha256:…; an index is looked into platform by platform.")
	c.String(&o.layout, "layout", "", "OCI image layout to look into in place of an image in a registry: a directory of the workspace source.")
	c.String(&o.cache, "cache-repository", "", "Repository that keeps what was found in base layers, so that only what is above them is looked into; empty for none.")
	c.Bool(&o.attach, "attach", true, "Attach the documents to the digest in its repository, as OCI referrers.")
	c.Bool(&o.files, "files", false, "List the files that packages own too, with their digests; the documents become much larger.")
	c.Var(&o.epoch, "source-date-epoch", "When the documents say that they were made, in seconds since 1970.")
	c.Var(&o.maxSize, "max-size", "Most disk that the unpacked layers of one platform may take, such as 512Mi or 8Gi.")
	declareResults(c)
	c.Example("sbom --reports=/tmp/reports --image=localhost:5000/team/app@sha256:… --attach=false")
	c.Run = func(ctx context.Context, r *task.Run) error { return run(ctx, r, o) }
	return c
}

func main() { task.Main(newCommand()) }
