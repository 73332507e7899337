package main

import (
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source"
)

// same is equal for packages that are one to a reader of the index's document.
func same(p pkg.Package) string {
	return string(p.Type) + "\x00" + p.Name + "\x00" + p.Version + "\x00" + p.PURL
}

// merge makes the catalogue of an index: the packages of all its platforms, one of each kind, name, version and package
// URL, with the relationships of all.
func merge(index subject, platforms []*catalogue) *catalogue {
	first, digest := platforms[0].found, index.descriptor.Digest.String()
	whole := &sbom.SBOM{
		Source: source.Description{
			ID: digest, Name: index.name, Version: digest,
			Metadata: source.ImageMetadata{UserInput: index.String(), ManifestDigest: digest, MediaType: string(index.descriptor.MediaType)},
		},
		Descriptor: first.Descriptor,
		Artifacts:  sbom.Artifacts{Packages: pkg.NewCollection(), LinuxDistribution: first.Artifacts.LinuxDistribution},
	}
	kept := map[string]pkg.Package{}
	stands := map[artifact.ID]pkg.Package{} // for each package, the one that stands for it
	for _, c := range platforms {
		for p := range c.found.Artifacts.Packages.Enumerate() {
			key := same(p)
			if one, ok := kept[key]; !ok || p.ID() < one.ID() {
				kept[key] = p
			}
		}
	}
	for _, c := range platforms {
		for p := range c.found.Artifacts.Packages.Enumerate() {
			key := same(p)
			stands[p.ID()] = kept[key]
		}
	}
	for _, p := range kept {
		whole.Artifacts.Packages.Add(p)
	}
	type edge struct {
		from, to artifact.ID
		kind     artifact.RelationshipType
	}
	known := map[edge]bool{}
	for _, c := range platforms {
		for _, r := range c.found.Relationships {
			from, okFrom := stands[r.From.ID()]
			to, okTo := stands[r.To.ID()]
			if !okFrom || !okTo || known[edge{from.ID(), to.ID(), r.Type}] {
				continue
			}
			known[edge{from.ID(), to.ID(), r.Type}] = true
			r.From, r.To = from, to
			whole.Relationships = append(whole.Relationships, r)
		}
	}
	return &catalogue{subject: index, found: whole}
}
