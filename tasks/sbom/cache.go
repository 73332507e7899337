package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/sbom"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/registry"
)

const (
	cacheType  types.MediaType = "application/vnd.sluice.catalogue.v1+json+gzip"
	maxEntry                   = 64 << 20  // bytes of an entry as it is stored
	maxUnzip                   = 512 << 20 // and unpacked
	cacheTitle                 = "catalogue of base layers"
)

// cache keeps what was found in base layers, as images with one blob, in a repository. Its entries are believed: whoever
// can write into that repository can hide a package of every image with that base.
type cache struct {
	repo   name.Repository
	client *registry.Client
}

// entry is the first line of what is kept of a stack of base layers; what was found there follows in syft's own JSON.
type entry struct {
	Key   string   `json:"key"`
	Files []string `json:"files"` // paths of what is no directory, sorted
}

// key names a stack of layers by their uncompressed digests, for one version of what looks into them.
func key(diffIDs []v1.Hash) string {
	h := sha256.New()
	fmt.Fprintf(h, "1\n%s\n", syftVersion())
	for _, d := range diffIDs {
		fmt.Fprintln(h, d)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func syftVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "github.com/anchore/syft" {
				return d.Version
			}
		}
	}
	return ""
}

func (c *cache) tag(key string) name.Tag { return c.repo.Tag("catalogue-" + key[:40]) }

// load returns the entry and what it tells, or nil where there is none.
func (c *cache) load(ctx context.Context, key string) (*entry, *sbom.SBOM, error) {
	image, err := remote.Image(c.tag(key), c.client.Remote(ctx)...)
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, nil, err
	}
	if len(layers) != 1 {
		return nil, nil, errors.New("it has not one layer")
	}
	blob, err := layers[0].Compressed()
	if err != nil {
		return nil, nil, err
	}
	defer blob.Close()
	unzipped, err := gzip.NewReader(io.LimitReader(blob, maxEntry))
	if err != nil {
		return nil, nil, err
	}
	return decode(io.LimitReader(unzipped, maxUnzip), key)
}

// decode reads an entry: a line that names it, then syft's own JSON, which is read from a file because its decoder goes
// through it twice.
func decode(r io.Reader, key string) (*entry, *sbom.SBOM, error) {
	buffered := bufio.NewReaderSize(r, 1<<20)
	head, err := buffered.ReadBytes('\n')
	if err != nil {
		return nil, nil, err
	}
	var e entry
	if err := json.Unmarshal(head, &e); err != nil {
		return nil, nil, err
	}
	if e.Key != key {
		return nil, nil, fmt.Errorf("it is of %q", e.Key)
	}
	kept, err := os.CreateTemp("", "sbom-cache-")
	if err != nil {
		return nil, nil, err
	}
	defer os.Remove(kept.Name())
	defer kept.Close()
	if _, err := io.Copy(kept, buffered); err != nil {
		return nil, nil, err
	}
	if _, err := kept.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	found, _, _, err := syftjson.NewFormatDecoder().Decode(kept)
	return &e, found, err
}

// store writes an entry. The same entry has the same bytes.
func (c *cache) store(ctx context.Context, key string, files []string, found sbom.SBOM) error {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if err := json.NewEncoder(w).Encode(entry{Key: key, Files: files}); err != nil {
		return err
	}
	if err := syftjson.NewFormatEncoder().Encode(w, found); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if zipped.Len() > maxEntry {
		return fmt.Errorf("it has %d bytes, more than %d", zipped.Len(), maxEntry)
	}
	image, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), cacheType), mutate.Addendum{
		Layer: static.NewLayer(zipped.Bytes(), cacheType), Annotations: map[string]string{"org.opencontainers.image.title": cacheTitle},
	})
	if err != nil {
		return err
	}
	return remote.Write(c.tag(key), image, c.client.Remote(ctx)...)
}
