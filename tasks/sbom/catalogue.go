package main

import (
	"context"
	"errors"
	"os"

	"github.com/anchore/go-sync"
	"github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	_ "modernc.org/sqlite" // reads the RPM database

	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// catalogue is what was found in a subject, and the documents that tell it.
type catalogue struct {
	subject
	found     *sbom.SBOM
	documents []document // SPDX, CycloneDX
}

func (c *catalogue) packages() int { return c.found.Artifacts.Packages.PackageCount() }

// catalogueImage unpacks one image's layers into a scratch directory, looks through them, and removes them.
func (o *options) catalogueImage(ctx context.Context, s subject) (*catalogue, error) {
	scratch, err := os.MkdirTemp("", "sbom-")
	if err != nil {
		return nil, task.Misconfigured("making a scratch directory: %w", err)
	}
	defer os.RemoveAll(scratch)
	budget := &budget{left: int64(o.maxSize)}
	found, err := o.look(ctx, s, limitedImage{s.image, budget}, scratch)
	if budget.exceeded() {
		return nil, task.Refuse("the layers of %s unpack to more than %s", s.ref, &o.maxSize).
			WithRemedy("raise --max-size, and the task's volume with it, if the image is meant to be that large")
	}
	if err != nil {
		return nil, err
	}
	return &catalogue{subject: s, found: found}, nil
}

func (o *options) look(ctx context.Context, s subject, limited limitedImage, scratch string) (*sbom.SBOM, error) {
	raw, err := s.image.RawManifest()
	if err != nil {
		return nil, registry.Explain(err, "fetching", s.ref)
	}
	ctx = sync.SetContextExecutor(image.WithLazyLayerSquashes(ctx), image.LayerFetchExecutor, sync.NewExecutor(1))
	unpacked := image.New(limited, file.NewTempDirGenerator("sbom"), scratch,
		image.WithRepoDigests(s.ref.Name()), image.WithManifest(raw))
	if err := unpacked.Read(ctx); err != nil {
		return nil, registry.Explain(err, "unpacking", s.ref)
	}
	from := stereoscopesource.New(unpacked, stereoscopesource.ImageConfig{Reference: s.ref.Name()})
	defer from.Close()
	found, err := syft.CreateSBOM(ctx, from, o.config())
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, task.Undecided("looking into %s: %w", s.ref, err)
	}
	if found.Artifacts.Packages.PackageCount() == 0 && limited.budget.used > 0 {
		return nil, task.Undecided("no package was found in %s", s.ref).
			WithRemedy("an empty list would pass every gate: are its files of a kind that can be recognised?")
	}
	return found, nil
}

// config is how syft looks: all cataloguers that fit an image, over the file system as a container sees it.
func (o *options) config() *syft.CreateSBOMConfig {
	c := syft.DefaultCreateSBOMConfig()
	if !o.files {
		c = c.WithoutFiles().WithRelationshipsConfig(cataloging.RelationshipsConfig{
			PackageFileOwnershipOverlap:                   true,
			ExcludeBinaryPackagesWithFileOwnershipOverlap: true,
		})
	}
	return c
}
