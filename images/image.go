package images

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

// Annotation keys of the OCI image specification that this package sets or expects.
const (
	annotationBaseName   = "org.opencontainers.image.base.name"
	annotationBaseDigest = "org.opencontainers.image.base.digest"
	annotationCreated    = "org.opencontainers.image.created"

	// AnnotationRevision is the commit that an image was built from.
	AnnotationRevision = "org.opencontainers.image.revision"
	// AnnotationSource is the URL of the repository that an image was built from.
	AnnotationSource = "org.opencontainers.image.source"
)

// Spec describes an image for one or more platforms.
type Spec struct {
	Base        Base
	Platforms   []Platform
	Configure   func(*v1.Config)  // changes the base's run configuration; may be nil
	Annotations map[string]string // beside those that name the base and the time
	Created     time.Time         // every time in the image; the zero value is 1970 (SOURCE_DATE_EPOCH=0)

	// Merge reads the base's layers, and keeps its directories and its symbolic links to
	// directories as they are where layers add files below them. Without it, entries are
	// taken as they stand, and nothing of the base is read but its configuration.
	Merge bool

	// Scratch is a directory that keeps compressed layers until they are pushed. Without
	// one they are compressed again then, and need no disk.
	Scratch string
}

// Platform is what is added to the base for one platform.
type Platform struct {
	v1.Platform
	Layers []Layer
}

// Layer is a layer to add, with what its history says of it.
type Layer struct {
	Entries []Entry
	History string // one line on what it holds
}

// Artifact is an image or an image index, ready to be pushed.
type Artifact interface {
	partial.WithRawManifest
	Digest() (v1.Hash, error)
	MediaType() (types.MediaType, error)
	Size() (int64, error)
}

// Build assembles an image: a [v1.Image] for one platform, a [v1.ImageIndex], in the
// order of the platforms' names, for several. Layers are read for their digests, but
// never held in memory.
//
// The configuration, the manifest's media type and the layers of the base stay as they
// are; its annotations do not pass on, since they speak of another image.
func Build(ctx context.Context, spec Spec) (Artifact, error) {
	if len(spec.Platforms) == 0 {
		return nil, errors.New("building an image: no platform is given")
	}
	spec.Created = wholeSeconds(spec.Created)
	platforms := spec.sorted()
	for i := 1; i < len(platforms); i++ {
		if platforms[i].Equals(platforms[i-1].Platform) {
			return nil, fmt.Errorf("building an image: platform %s is given twice", platforms[i])
		}
	}
	adds := make([]mutate.IndexAddendum, len(platforms))
	var group errgroup.Group // without a context of its own: the base's layers are read long after, when they are pushed
	for i, p := range platforms {
		group.Go(func() error {
			image, err := spec.image(ctx, p)
			if err != nil {
				return fmt.Errorf("building an image for %s: %w", p, err)
			}
			adds[i] = mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &p.Platform}}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if len(adds) == 1 {
		return adds[0].Add.(v1.Image), nil
	}
	return spec.index(adds)
}

// sorted returns the platforms in the order of their names.
func (s Spec) sorted() []Platform {
	return slices.SortedStableFunc(slices.Values(s.Platforms), func(a, b Platform) int {
		return strings.Compare(a.String(), b.String())
	})
}

func wholeSeconds(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return t.UTC().Truncate(time.Second)
}

func (s Spec) image(ctx context.Context, p Platform) (v1.Image, error) {
	base, err := s.Base.Image(ctx, p.Platform)
	if err != nil {
		return nil, err
	}
	c, err := open(base)
	if err != nil {
		return nil, err
	}
	c.config.Created = v1.Time{Time: s.Created}
	c.config.Author, c.config.Container, c.config.DockerVersion = "", "", ""
	if s.Configure != nil {
		s.Configure(&c.config.Config)
	}
	var files rootfs
	if s.Merge {
		if files, err = readRootfs(c.baseLayers); err != nil {
			return nil, err
		}
	}
	for _, add := range p.Layers {
		if s.Merge {
			if add.Entries, err = files.merge(add.Entries); err != nil {
				return nil, err
			}
			files.apply(add.Entries)
		}
		l, err := newLayer(add.Entries, s.Created, c.layerType(), s.Scratch)
		if err != nil {
			return nil, err
		}
		c.layers = append(c.layers, l)
		c.history = append(c.history, add.History)
	}
	digest, err := base.Digest()
	if err != nil {
		return nil, err
	}
	c.annotations = s.annotations(digest)
	return assemble(c)
}

func (s Spec) index(adds []mutate.IndexAddendum) (v1.ImageIndex, error) {
	digest, err := s.Base.Digest()
	if err != nil {
		return nil, err
	}
	mediaType := types.OCIImageIndex
	if first, err := adds[0].Add.MediaType(); err != nil {
		return nil, err
	} else if first == types.DockerManifestSchema2 {
		mediaType = types.DockerManifestList
	}
	index := mutate.IndexMediaType(mutate.AppendManifests(empty.Index, adds...), mediaType)
	annotated, ok := mutate.Annotations(index, s.annotations(digest)).(v1.ImageIndex)
	if !ok {
		return nil, errors.New("annotating the index: it is no index any more")
	}
	return annotated, nil
}

func (s Spec) annotations(base v1.Hash) map[string]string {
	all := maps.Clone(s.Annotations)
	if all == nil {
		all = map[string]string{}
	}
	all[annotationCreated] = s.Created.Format(time.RFC3339)
	if n := s.Base.Name(); n != "" { // one that lies in no registry is nothing to look up
		all[annotationBaseName] = n
		all[annotationBaseDigest] = base.String()
	}
	return all
}
