package closure

import (
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/ocirepo"
)

// Role says why a manifest is in the closure.
type Role string

// The roles.
const (
	Root     Role = "image"
	Child    Role = "platform" // of an index
	Referrer Role = "referrer"
	Tagged   Role = "tag" // of cosign's kind: sha256-<hex>.<suffix>
)

// Node is one manifest of a closure.
type Node struct {
	Manifest ocirepo.Manifest
	Role     Role
	Subject  v1.Hash         // of a referrer
	Tag      string          // of a tagged one
	Kind     string          // of a referrer: its artifact type
	Children []v1.Descriptor // of an index
	Blobs    []v1.Descriptor // of an image or artifact: config and layers

	depth int // below the root or the referrer whose part it is
}

// parse reads what a manifest points to.
func parse(m ocirepo.Manifest) (*Node, error) {
	var doc struct {
		MediaType    types.MediaType `json:"mediaType"`
		ArtifactType string          `json:"artifactType"`
		Config       *v1.Descriptor  `json:"config"`
		Layers       []v1.Descriptor `json:"layers"`
		Manifests    []v1.Descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(m.Bytes, &doc); err != nil {
		return nil, fmt.Errorf("reading manifest %s: %w", m.Digest, err)
	}
	if doc.MediaType != "" && m.MediaType != doc.MediaType {
		// The registry's header decides how clients read the bytes; the document must agree.
		return nil, fmt.Errorf("reading manifest %s: it says %s, the registry says %s", m.Digest, doc.MediaType, m.MediaType)
	}
	n := &Node{Manifest: m, Kind: doc.ArtifactType}
	switch {
	case m.MediaType.IsIndex():
		n.Children = doc.Manifests
	case m.MediaType.IsImage():
		if doc.Config == nil {
			return nil, fmt.Errorf("reading manifest %s: it has no config", m.Digest)
		}
		if n.Kind == "" {
			n.Kind = string(doc.Config.MediaType)
		}
		for _, d := range append([]v1.Descriptor{*doc.Config}, doc.Layers...) {
			if d.MediaType.IsDistributable() || len(d.URLs) == 0 {
				n.Blobs = append(n.Blobs, d)
			}
		}
	default:
		return nil, fmt.Errorf("reading manifest %s: media type %q is neither an image nor an index", m.Digest, m.MediaType)
	}
	return n, nil
}

// Summary counts the nodes for people: platforms, referrers, tags.
func (c *Closure) Summary() string {
	count := map[Role]int{}
	for _, n := range c.Nodes {
		count[n.Role]++
	}
	return fmt.Sprintf("%d platform(s), %d referrer(s), %d evidence tag(s)",
		count[Child], count[Referrer], count[Tagged])
}
