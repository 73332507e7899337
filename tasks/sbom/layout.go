package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/task"
)

// openLayout reads an OCI image layout: the image or index that its index.json names, or where that names several, all of
// them as one index. Every blob is checked against its digest first, for files can be changed under their names.
//
// Source: OCI Image Specification 1.1, "Image Layout Specification".
func (o *options) openLayout() (*subjects, error) {
	if o.source == "" {
		return nil, task.Misconfigured("layout %q is given without the workspace source", o.layout).WithRemedy("bind source to where the layout lies")
	}
	if !filepath.IsLocal(o.layout) {
		return nil, task.Misconfigured("--layout: %q leads out of the source", o.layout).
			WithRemedy("name a directory of the workspace source, such as dist/image")
	}
	dir := filepath.Join(o.source, o.layout)
	if err := checkLayout(dir); err != nil {
		return nil, err
	}
	root, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, task.Misconfigured("reading layout %q: %w", o.layout, err)
	}
	manifest, err := root.IndexManifest()
	if err != nil {
		return nil, task.Misconfigured("reading layout %q: %w", o.layout, err)
	}
	if err := (blobs{dir, map[v1.Hash]bool{}}).check(manifest.Manifests); err != nil {
		return nil, err
	}
	d := v1.Descriptor{MediaType: types.OCIImageIndex}
	asIndex := func() (v1.ImageIndex, error) { return root, nil }
	if len(manifest.Manifests) == 1 {
		d = manifest.Manifests[0]
		asIndex = func() (v1.ImageIndex, error) { return root.ImageIndex(d.Digest) }
	} else if d.Digest, err = root.Digest(); err != nil {
		return nil, task.Misconfigured("reading layout %q: %w", o.layout, err)
	}
	all, err := ofManifest(o.layout, d, func() (v1.Image, error) { return root.Image(d.Digest) }, asIndex)
	if err != nil {
		return nil, task.Misconfigured("reading layout %q: %w", o.layout, err)
	}
	return all, nil
}

// checkLayout tells whether a directory says that it is a layout.
func checkLayout(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "oci-layout"))
	if err != nil {
		return task.Misconfigured("reading an OCI layout: %w", err).
			WithRemedy("layout names the directory that holds oci-layout, index.json and blobs, such as `crane pull --format=oci` writes")
	}
	var marker struct{ ImageLayoutVersion string }
	if err := json.Unmarshal(data, &marker); err != nil || marker.ImageLayoutVersion != "1.0.0" {
		return task.Misconfigured("reading an OCI layout: oci-layout in %q names no version that is known: %s", dir, bytes.TrimSpace(data))
	}
	return nil
}

// blobs are a layout's files by digest.
type blobs struct {
	dir  string
	seen map[v1.Hash]bool
}

// check hashes the blobs and what they name.
func (b blobs) check(named []v1.Descriptor) error {
	for _, d := range named {
		if b.seen[d.Digest] {
			continue
		}
		b.seen[d.Digest] = true
		if err := b.hash(d); err != nil {
			return err
		}
		if !d.MediaType.IsImage() && !d.MediaType.IsIndex() {
			continue
		}
		if d.Size > ocirepo.MaxManifest {
			return task.Refuse("manifest %s has %d bytes, more than %d", d.Digest, d.Size, int64(ocirepo.MaxManifest))
		}
		data, err := os.ReadFile(b.path(d.Digest))
		if err != nil {
			return task.Misconfigured("reading an OCI layout: %w", err)
		}
		var manifest struct {
			Config            *v1.Descriptor
			Manifests, Layers []v1.Descriptor
		}
		if err := json.Unmarshal(data, &manifest); err != nil {
			return task.Misconfigured("reading manifest %s: %w", d.Digest, err)
		}
		below := append(manifest.Manifests, manifest.Layers...)
		if manifest.Config != nil {
			below = append(below, *manifest.Config)
		}
		if err := b.check(below); err != nil {
			return err
		}
	}
	return nil
}

func (b blobs) path(h v1.Hash) string { return filepath.Join(b.dir, "blobs", h.Algorithm, h.Hex) }

func (b blobs) hash(d v1.Descriptor) error {
	if d.Digest.Algorithm != "sha256" {
		return task.Misconfigured("blob %s has a digest that is not sha256", d.Digest)
	}
	file, err := os.Open(b.path(d.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return task.Misconfigured("the layout lacks blob %s", d.Digest).WithRemedy("write the layout whole, with all platforms that its index names")
	}
	if err != nil {
		return task.Misconfigured("reading an OCI layout: %w", err)
	}
	defer file.Close()
	h := sha256.New()
	n, err := io.Copy(h, file)
	if err != nil {
		return task.Misconfigured("reading an OCI layout: %w", err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != d.Digest.Hex || n != d.Size {
		return task.Refuse("blob %s has %d bytes with the digest sha256:%s", d.Digest, n, got).
			WithRemedy("the layout was changed, or written in part: write it anew")
	}
	return nil
}
