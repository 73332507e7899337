// Command sbom lists the packages of an image and attaches the lists to its digest.
//
// It promises that the same image gives the same bytes: SPDX 2.3 and CycloneDX 1.6 JSON with times from
// source-date-epoch and identifiers from the content. Of an index there is a document for every platform, attached to
// that platform's manifest, and one for all of them together, attached to the index. The Go standard library of a Go
// program is a package like any other.
//
// It refuses a tag where a digest is asked for, an index without images, a layout whose blobs do not have their digests,
// and layers that unpack to more than max-size; an image in which nothing was found is undecided (3), unless it has no
// files at all.
//
//	sbom --reports=/tmp/reports --image=localhost:5000/team/app@sha256:… --attach=false
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// softMemory is where the garbage collector begins to work harder, in bytes: for most of the time, what is held is layers'
// indexes and documents, and little of it is alive.
const softMemory = 200 << 20

// options are what a run was asked for; fields have the names of their params.
type options struct {
	evidence *predicate.Options
	registry *registry.Options
	source   string
	image    string
	layout   string
	cache    string
	attach   bool
	files    bool
	epoch    epoch
	maxSize  size
}

func newOptions() *options {
	o := &options{}
	if err := o.maxSize.Set("8Gi"); err != nil {
		panic(err)
	}
	return o
}

func declareResults(c *task.Command) {
	c.Result("packages", "How many packages the image has; of an index, all platforms together, each package once.")
	c.Result("SPDX_DIGEST", "Digest of the SPDX document in reports, sha256:….")
	c.Result("CYCLONEDX_DIGEST", "Digest of the CycloneDX document in reports, sha256:….")
}

func run(ctx context.Context, r *task.Run, o *options) error {
	began := time.Now()
	if r.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory)
	}
	client, err := o.registry.Client()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.evidence.Reports, 0o755); err != nil {
		return task.Misconfigured("making reports: %w", err)
	}
	subjects, err := o.open(ctx, client)
	if err != nil {
		return err
	}
	cache, err := o.openCache(client)
	if err != nil {
		return err
	}
	catalogued, err := o.catalogueAll(ctx, r, cache, subjects)
	if err != nil {
		return err
	}
	if err := o.write(catalogued); err != nil {
		return err
	}
	if o.attach && subjects.repository != nil {
		if err := attachAll(ctx, r, client, *subjects.repository, catalogued); err != nil {
			return err
		}
	}
	whole := catalogued[len(catalogued)-1]
	if err := o.writeReport(catalogued, began); err != nil {
		return err
	}
	r.Attr("oci.manifest.digest", whole.descriptor.Digest.String())
	r.Printf("%d packages in %s, %s", whole.packages(), whole, time.Since(began).Round(time.Millisecond))
	for _, result := range []struct{ name, value string }{
		{"packages", fmt.Sprint(whole.packages())},
		{"SPDX_DIGEST", whole.documents[0].digest()}, {"CYCLONEDX_DIGEST", whole.documents[1].digest()},
	} {
		if err := r.Result(result.name, result.value); err != nil {
			return err
		}
	}
	return nil
}

// openCache is nil where no cache was asked for.
func (o *options) openCache(client *registry.Client) (*cache, error) {
	if o.cache == "" {
		return nil, nil
	}
	repo, err := client.Repository(o.cache)
	return &cache{repo: repo, client: client}, err
}

// catalogueAll looks into every image, one after the other so that disk and memory are those of one. The document of the
// whole comes last: of an index, or of the one image there is.
func (o *options) catalogueAll(ctx context.Context, r *task.Run, cache *cache, subjects *subjects) ([]*catalogue, error) {
	var all []*catalogue
	for _, image := range subjects.images {
		c, err := o.catalogueImage(ctx, r, cache, image)
		if err != nil {
			return nil, err
		}
		if err := o.render(c); err != nil {
			return nil, err
		}
		r.Printf("%s  %s  %d packages", image.platform, image.descriptor.Digest.String()[:19], c.packages())
		all = append(all, c)
	}
	if subjects.index == nil {
		return all, nil
	}
	whole := merge(*subjects.index, all)
	if err := o.render(whole); err != nil {
		return nil, err
	}
	return append(all, whole), nil
}
