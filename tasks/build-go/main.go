package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/build"
	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command {
	c := task.New("build-go", "Compile a Go program, make an image of it and push it by digest.")
	o := &options{}
	c.Workspace(&o.source, "source", "The source tree.")
	o.golang = gotool.Declare(c)
	c.String(&o.directory, "directory", ".", "Directory of the source that holds the module.")
	c.String(&o.pkg, "package", ".", "Main package, as go build names it: an import path, or ./cmd/app.")
	c.Strings(&o.buildTags, "build-tags", "", "Go build tags, comma-separated.")
	c.String(&o.ldflags, "ldflags", "", "Linker flags beside -s -w, such as -X main.version=1.2.3.")
	o.Options = build.Declare(c)
	c.Reports()
	c.Example("build-go --source=. --package=./cmd/app --image=localhost:5000/team/app --toolchain=local")
	c.Run = func(ctx context.Context, r *task.Run) error { return compile(ctx, r, o) }
	return c
}

func main() { task.Main(newCommand()) }
