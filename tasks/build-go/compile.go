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
	"fmt"
	"os"
	"path/filepath"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/build"
	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/task"
)

// options are what a run was asked for; fields have the names of their params.
type options struct {
	*build.Options
	golang                 *gotool.Options
	source, directory, pkg string
	buildTags              []string
	ldflags                string
}

func compile(ctx context.Context, r *task.Run, o *options) error {
	if err := o.golang.Check(); err != nil {
		return err
	}
	target, err := o.Open(ctx)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "build-go-")
	if err != nil {
		return fmt.Errorf("making a scratch directory: %w", err)
	}
	defer os.RemoveAll(scratch)
	dir, err := o.module()
	if err != nil {
		return err
	}
	program := images.Go{
		Dir: dir, Platforms: o.Platforms, Base: target.Base,
		Tags: o.buildTags, LDFlags: o.ldflags,
		Env:       o.golang.Env(os.Environ(), scratch, o.Registry.Trust.Dir),
		Toolchain: o.golang.Toolchain, Annotations: o.Annotations(), Created: o.Created(),
		Scratch: scratch, Output: r.Stderr,
	}
	inputs := func(ctx context.Context) (images.Inputs, error) {
		hash, err := program.Inputs(ctx, o.pkg)
		return hash, explainGo(err, o.pkg)
	}
	return target.Publish(ctx, r, inputs, func(ctx context.Context, sourceRead func()) (images.Artifact, error) {
		program.SourceRead = sourceRead
		r.Printf("compiling %s for %s", o.pkg, o.Platforms.String())
		artifact, err := program.Image(ctx, o.pkg)
		return artifact, explainGo(err, o.pkg)
	})
}

// module is the directory in which the go command runs. It stays within the source.
func (o *options) module() (string, error) {
	if !filepath.IsLocal(o.directory) {
		return "", task.Misconfigured("--directory: %q leads out of the source", o.directory).
			WithRemedy("name a directory of the workspace source, such as services/app")
	}
	return filepath.Join(o.source, o.directory), nil
}
