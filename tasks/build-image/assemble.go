// Build-image puts prebuilt files (an archive, a folder, a tree of another language's
// build) onto a base image and pushes the result by digest.
//
// It promises that the same files, base and params give the same digest, that memory does
// not grow with the files, and that the base keeps running as it was written: its
// configuration, its directories with their owners and modes, its links. It refuses a base by
// tag, files that would hide a directory of the base, and what a layer cannot hold.
//
//	build-image --source=. --image=localhost:5000/team/site --base=… -- dist:/srv/www target/app.jar:/app/
package main

import (
	"context"
	"errors"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/build"
	"github.com/sluice-ci/sluice/internal/task"
)

// options are what a run was asked for; fields have the names of their params.
type options struct {
	*build.Options
	source                string
	layers                []string
	remove                []string
	ignoreFile            string
	keepModes, keepXattrs bool
	config                config
}

func assemble(ctx context.Context, r *task.Run, o *options) error {
	mappings, err := o.mappings()
	if err != nil {
		return err
	}
	target, err := o.Open(ctx)
	if err != nil {
		return err
	}
	ignore, err := o.ignore()
	if err != nil {
		return err
	}
	spec := images.Spec{
		Base: target.Base, Merge: true, Configure: o.config.configure,
		Annotations: o.Annotations(), Created: o.Created(),
	}
	for _, p := range o.Platforms {
		layers, err := o.platform(p, mappings, ignore)
		if err != nil {
			return err
		}
		spec.Platforms = append(spec.Platforms, layers)
	}
	return target.Publish(ctx, r, spec.Inputs, func(ctx context.Context, _ func()) (images.Artifact, error) {
		artifact, err := images.Build(ctx, spec)
		var layout *images.LayoutError
		if errors.As(err, &layout) {
			return nil, task.Misconfigured("%w", layout).
				WithRemedy("change the TARGET in layers, or the entry in remove, to fit base %s", o.baseName())
		}
		return artifact, err
	})
}

func (o *options) mappings() ([]mapping, error) {
	if len(o.layers)+len(o.remove) == 0 {
		return nil, task.Misconfigured("layers is empty: nothing is put onto the base").
			WithRemedy("name what to copy, as SOURCE:/TARGET")
	}
	var all []mapping
	for _, text := range o.layers {
		m, err := parseMapping(text)
		if err != nil {
			return nil, task.Misconfigured("layers: %w", err).WithRemedy("for example dist:/srv/www, or target/app.jar:/app/:65532:65532")
		}
		all = append(all, m)
	}
	return all, nil
}

func (o *options) baseName() string {
	if o.Base == "" {
		return "made here"
	}
	return o.Base
}
