package images

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// contents is an image taken apart.
type contents struct {
	config      v1.ConfigFile // with the root file system and history of the base only
	mediaType   types.MediaType
	baseLayers  []v1.Layer
	layers      []v1.Layer // on top of baseLayers
	history     []string   // one line for each of layers
	annotations map[string]string
}

// open takes an image apart without reading its layers.
func open(image v1.Image) (contents, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return contents{}, fmt.Errorf("reading the base's configuration: %w", err)
	}
	mediaType, err := image.MediaType()
	if err != nil {
		return contents{}, fmt.Errorf("reading the base's manifest: %w", err)
	}
	layers, err := image.Layers()
	if err != nil {
		return contents{}, fmt.Errorf("reading the base's layers: %w", err)
	}
	return contents{config: *config.DeepCopy(), mediaType: mediaType, baseLayers: layers}, nil
}

// layerType is the layer type that belongs into a manifest of this media type.
func (c contents) layerType() types.MediaType {
	if c.mediaType == types.DockerManifestSchema2 {
		return types.DockerLayer
	}
	return types.OCILayer
}

func (c contents) configType() types.MediaType {
	if c.mediaType == types.DockerManifestSchema2 {
		return types.DockerConfigJSON
	}
	return types.OCIConfigJSON
}

// assemble puts an image together. It starts from nothing and not from the base's
// manifest, so that no annotation of the base passes on.
func assemble(c contents) (v1.Image, error) {
	var adds []mutate.Addendum
	for _, l := range append(append([]v1.Layer(nil), c.baseLayers...), c.layers...) {
		adds = append(adds, mutate.Addendum{Layer: l})
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, c.mediaType), c.configType())
	image, err := mutate.Append(image, adds...)
	if err != nil {
		return nil, fmt.Errorf("adding layers: %w", err)
	}
	config := c.config.DeepCopy()
	config.RootFS.Type = "layers"
	for i, l := range c.layers {
		diffID, err := l.DiffID()
		if err != nil {
			return nil, err
		}
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID)
		config.History = append(config.History, v1.History{Created: config.Created, CreatedBy: "sluice", Comment: c.history[i]})
	}
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		return nil, fmt.Errorf("configuring the image: %w", err)
	}
	if len(c.annotations) > 0 {
		image = mutate.Annotations(image, c.annotations).(v1.Image)
	}
	return image, nil
}
