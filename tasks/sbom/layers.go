package main

import (
	"path"
	"slices"
	"strings"

	"github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// What was found in base layers stands for an image only where the layers above add to it and change nothing. Two things
// are asked. Of files: none above replaces, removes or lies below (through a symlink) one that the base has. Of packages:
// those above are of kinds that the base has none of, and that need no distribution to be named by, so that nothing above
// could relate to something below; Go programs carry all their packages in themselves and always qualify.

// alone are kinds whose packages relate to no package outside of their own file.
var alone = []pkg.Type{pkg.GoModulePkg}

// distributed are kinds that belong to the distribution, which only the base tells.
var distributed = []pkg.Type{pkg.DebPkg, pkg.ApkPkg, pkg.RpmPkg, pkg.AlpmPkg, pkg.PortagePkg, pkg.NixPkg, pkg.LinuxKernelPkg,
	pkg.LinuxKernelModulePkg, pkg.BitnamiPkg, pkg.BinaryPkg}

// baseLayers is how many layers of an image are its base: all but the last one, which is what a build changes. A stack of
// one layer has no base.
func baseLayers(n int) int { return max(0, n-1) }

// notDirectories lists the paths of a tree that are no directories, sorted.
func notDirectories(image *image.Image, layer int) (paths []string) {
	tree := image.Layers[layer].SquashedTree
	for _, ref := range tree.AllFiles(file.AllTypes()...) {
		if entry, err := image.FileCatalog.Get(ref); err == nil && entry.Type != file.TypeDirectory {
			paths = append(paths, string(ref.RealPath))
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// additive tells whether the layers from the given one on leave all the base's files as they are.
func additive(image *image.Image, from int, base []string) bool {
	known := make(map[string]bool, len(base))
	for _, p := range base {
		known[p] = true
	}
	for _, layer := range image.Layers[from:] {
		for _, p := range layer.Tree.AllRealPaths() {
			name := string(p)
			if strings.HasPrefix(path.Base(name), ".wh.") {
				return false
			}
			for ; name != "/" && name != "." && name != ""; name = path.Dir(name) {
				if known[name] {
					return false
				}
			}
		}
	}
	return true
}

// unrelated tells whether no package above could relate to one of the base.
func unrelated(base, above *pkg.Collection) bool {
	kinds := map[pkg.Type]bool{}
	for p := range base.Enumerate() {
		kinds[p.Type] = true
	}
	for p := range above.Enumerate() {
		if slices.Contains(distributed, p.Type) || kinds[p.Type] && !slices.Contains(alone, p.Type) {
			return false
		}
	}
	return true
}

// split divides what was found in a whole image into the packages of its base and those above.
func split(whole *sbom.SBOM, base []v1.Hash) (below, above *sbom.SBOM) {
	lies := map[string]bool{}
	for _, d := range base {
		lies[d.String()] = true
	}
	part := func() *sbom.SBOM {
		return &sbom.SBOM{Source: whole.Source, Descriptor: whole.Descriptor,
			Artifacts: sbom.Artifacts{Packages: pkg.NewCollection(), LinuxDistribution: whole.Artifacts.LinuxDistribution}}
	}
	below, above = part(), part()
	inBase := map[artifact.ID]bool{}
	for p := range whole.Artifacts.Packages.Enumerate() {
		inBase[p.ID()] = true
		for _, l := range p.Locations.ToSlice() {
			inBase[p.ID()] = inBase[p.ID()] && lies[l.FileSystemID]
		}
		if inBase[p.ID()] {
			below.Artifacts.Packages.Add(p)
		} else {
			above.Artifacts.Packages.Add(p)
		}
	}
	for _, r := range whole.Relationships {
		if inBase[r.From.ID()] && inBase[r.To.ID()] {
			below.Relationships = append(below.Relationships, r)
		}
	}
	return below, above
}

// join puts what the base has under what was found above it.
func join(base, above *sbom.SBOM) *sbom.SBOM {
	above.Artifacts.LinuxDistribution = base.Artifacts.LinuxDistribution
	for p := range base.Artifacts.Packages.Enumerate() {
		above.Artifacts.Packages.Add(p)
	}
	above.Relationships = append(above.Relationships, base.Relationships...)
	return above
}
