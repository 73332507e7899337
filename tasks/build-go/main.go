package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command {
	c := task.New("build-go", "Compile a Go program, make an image of it and push it by digest.")
	o := newOptions()
	c.Workspace(&o.source, "source", "The source tree.")
	o.golang = gotool.Declare(c)
	c.String(&o.directory, "directory", ".", "Directory of the source that holds the module.")
	c.String(&o.pkg, "package", ".", "Main package, as go build names it: an import path, or ./cmd/app.")
	c.Required(&o.image, "image", "Repository to push to: registry/path, without tag or digest.")
	c.Var(&o.platforms, "platforms", "Platforms to build for, comma-separated, such as linux/amd64,linux/arm64; several make an index.")
	c.Strings(&o.buildTags, "build-tags", "", "Go build tags, comma-separated.")
	c.String(&o.ldflags, "ldflags", "", "Linker flags beside -s -w, such as -X main.version=1.2.3.")
	c.String(&o.base, "base", "", "Base image, by digest; empty for one that holds certificate authorities, a nonroot user and /tmp.")
	c.Bool(&o.allowBaseTag, "allow-base-tag", false, "Take a base by tag too, and record the digest that it has now.")
	c.String(&o.revision, "revision", "", "Commit to record in the image; the image then changes with every commit.")
	c.String(&o.sourceURL, "source-url", "", "URL of the source to record in the image.")
	c.Var(&o.epoch, "source-date-epoch", "The one time of everything in the image, in seconds since 1970.")
	c.Bool(&o.reuse, "reuse", true, "Take the image that was made from the same inputs before, where the repository has it.")
	o.registry = registry.Declare(c)
	declareResults(c)
	c.Example("build-go --source=. --package=./cmd/app --image=localhost:5000/team/app --toolchain=local")
	c.Run = func(ctx context.Context, r *task.Run) error { return build(ctx, r, o) }
	return c
}

func main() { task.Main(newCommand()) }
