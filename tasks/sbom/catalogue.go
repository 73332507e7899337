package main

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/anchore/go-sync"
	"github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	v1 "github.com/google/go-containerregistry/pkg/v1"
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

// catalogueImage unpacks an image's layers into a scratch directory, looks through them, and removes them. Where the
// cache knows the base, the layers above it are enough.
func (o *options) catalogueImage(ctx context.Context, r *task.Run, cache *cache, s subject) (*catalogue, error) {
	config, err := s.image.ConfigFile()
	if err != nil {
		return nil, registry.Explain(err, "fetching the configuration of", s)
	}
	ids := config.RootFS.DiffIDs
	base := ids[:baseLayers(len(ids))]
	if cache == nil || len(base) == 0 || o.files {
		found, err := o.look(ctx, s, 0, nil)
		return &catalogue{subject: s, found: found}, err
	}
	known, below, err := cache.load(ctx, key(base))
	if err != nil {
		r.Printf("not using the cache's entry for the base of %s: %v", s, err)
	}
	if err == nil && known != nil {
		found, err := o.lookAbove(ctx, s, len(base), known, below)
		if err != nil || found != nil {
			return &catalogue{subject: s, found: found}, err
		}
	}
	found, err := o.look(ctx, s, 0, func(whole *sbom.SBOM, unpacked *image.Image) {
		if known == nil {
			o.remember(ctx, r, cache, base, whole, unpacked)
		}
	})
	return &catalogue{subject: s, found: found}, err
}

// lookAbove looks into the layers above a known base. It returns nil where those change the base.
func (o *options) lookAbove(ctx context.Context, s subject, from int, known *entry, below *sbom.SBOM) (*sbom.SBOM, error) {
	fits := false
	above, err := o.look(ctx, s, from, func(found *sbom.SBOM, unpacked *image.Image) {
		fits = additive(unpacked, 0, known.Files) && unrelated(below.Artifacts.Packages, found.Artifacts.Packages)
	})
	if err != nil || !fits {
		return nil, err
	}
	return join(below, above), nil
}

// remember stores what a whole image says of its base, where the layers above leave that as it is. A cache that cannot be
// written costs time and nothing else.
func (o *options) remember(ctx context.Context, r *task.Run, cache *cache, base []v1.Hash, whole *sbom.SBOM, unpacked *image.Image) {
	files := notDirectories(unpacked, len(base)-1)
	below, above := split(whole, base)
	if !additive(unpacked, len(base), files) || !unrelated(below.Artifacts.Packages, above.Artifacts.Packages) {
		return
	}
	if err := cache.store(ctx, key(base), files, *below); err != nil {
		r.Printf("not keeping the base's catalogue: %v", err)
	}
}

// look unpacks the layers from the given one on and looks through them; then, while they are still there, calls seen.
func (o *options) look(ctx context.Context, s subject, from int, seen func(*sbom.SBOM, *image.Image)) (*sbom.SBOM, error) {
	scratch, err := os.MkdirTemp("", "sbom-")
	if err != nil {
		return nil, task.Misconfigured("making a scratch directory: %w", err)
	}
	defer os.RemoveAll(scratch)
	budget := &budget{left: int64(o.maxSize)}
	found, err := o.scan(ctx, s, limitedImage{s.image, from, budget}, scratch, seen)
	if budget.exceeded() {
		return nil, task.Refuse("the layers of %s unpack to more than %s", s, &o.maxSize).
			WithRemedy("raise --max-size, and the task's volume with it, if the image is meant to be that large")
	}
	return found, err
}

func (o *options) scan(ctx context.Context, s subject, limited limitedImage, scratch string, seen func(*sbom.SBOM, *image.Image)) (*sbom.SBOM, error) {
	raw, err := s.image.RawManifest()
	if err != nil {
		return nil, registry.Explain(err, "fetching", s)
	}
	ctx = sync.SetContextExecutor(image.WithLazyLayerSquashes(ctx), image.LayerFetchExecutor, sync.NewExecutor(1))
	unpacked := image.New(limited, file.NewTempDirGenerator("sbom"), scratch, image.WithManifest(raw))
	if err := unpacked.Read(ctx); err != nil {
		return nil, registry.Explain(err, "unpacking", s)
	}
	from := stereoscopesource.New(unpacked, stereoscopesource.ImageConfig{Reference: s.String()})
	defer from.Close()
	if ctx, err = withLicences(ctx); err != nil {
		return nil, task.Undecided("preparing to recognise licences: %w", err)
	}
	found, err := syft.CreateSBOM(ctx, from, o.config())
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, task.Undecided("looking into %s: %w", s, err)
	}
	if limited.from == 0 && found.Artifacts.Packages.PackageCount() == 0 && limited.budget.used > 0 {
		return nil, task.Undecided("no package was found in %s", s).
			WithRemedy("an empty list would pass every gate: are its files of a kind that can be recognised?")
	}
	if !o.files {
		betweenPackages(found)
	}
	if seen != nil {
		seen(found, unpacked)
	}
	return found, nil
}

// betweenPackages leaves out relationships to files. Files that are not listed with their digests would appear in the
// documents with a digest of zeros.
func betweenPackages(found *sbom.SBOM) {
	found.Relationships = slices.DeleteFunc(found.Relationships, func(r artifact.Relationship) bool {
		return found.Artifacts.Packages.Package(r.From.ID()) == nil || found.Artifacts.Packages.Package(r.To.ID()) == nil
	})
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
