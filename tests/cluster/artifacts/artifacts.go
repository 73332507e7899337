// Package artifacts builds what the one-machine cluster runs: Kubernetes, etcd, kubectl, CoreDNS, the registry and Tekton from their Go
// modules, and from the binaries an archive of the container images that Tekton needs. It pulls no image and needs no Docker.
//
// What it builds is kept in folders named by the hash of all that goes in (sources, go.sum, toolchain, architecture), so a second call is a
// few file reads, and a folder that exists is whole: it appears by a rename.
//
//	set, err := artifacts.Ensure(ctx, "tests/cluster", "~/.cache/sluice", progress)
//	exec.Command(set.Node(), "kubectl", "version")
package artifacts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sluice-ci/sluice/tests/cluster/progress"
)

// Set is what was built.
type Set struct {
	Programs string // folder of the binaries
	Images   string // folder of the images and of Tekton's manifests
}

// Node is the binary that is every Kubernetes program, kubectl too.
func (s Set) Node() string { return filepath.Join(s.Programs, "node") }

// Addons is the binary with CoreDNS, the registry and the provisioner.
func (s Set) Addons() string { return filepath.Join(s.Programs, "addons") }

// Seed is a store of containerd that holds the images, unpacked.
func (s Set) Seed() string { return filepath.Join(s.Images, "containerd") }

// Tekton is the file of Tekton's manifests.
func (s Set) Tekton() string { return filepath.Join(s.Images, "tekton.yaml") }

// Ensure builds the artifacts of the module in dir, or finds them under cache.
func Ensure(ctx context.Context, module, cache string, p *progress.Progress) (Set, error) {
	key, err := hash(module, "", "go.mod", "go.sum", "node", "addons", "pause", "artifacts/compile.go")
	if err != nil {
		return Set{}, err
	}
	var set Set
	set.Programs, err = keep(cache, "programs", key, func(dir string) error { return compile(ctx, module, dir, p) })
	if err != nil {
		return Set{}, err
	}
	if key, err = hash(module, key, "artifacts"); err != nil {
		return Set{}, err
	}
	set.Images, err = keep(cache, "images", key, func(dir string) error {
		return Set{Programs: set.Programs, Images: dir}.assemble(ctx, module, p)
	})
	return set, err
}

// assemble makes the images, unpacks them, and renders Tekton's manifests.
func (s Set) assemble(ctx context.Context, module string, p *progress.Progress) error {
	task := p.Start("images")
	task.Note("assembling")
	file := filepath.Join(s.Images, "images.tar")
	if err := s.WriteArchive(file); err != nil {
		task.Fail("not assembled")
		return err
	}
	defer os.Remove(file) // it can be written again at any time
	task.Note("unpacking")
	if err := sow(ctx, file, s.Seed()); err != nil {
		task.Fail("not unpacked")
		return err
	}
	manifests, err := renderTekton(ctx, module)
	if err != nil {
		task.Fail("manifests not rendered")
		return err
	}
	if err := os.WriteFile(s.Tekton(), manifests, 0o644); err != nil {
		return fmt.Errorf("writing Tekton's manifests: %w", err)
	}
	task.Done("%d assembled and unpacked", len(images()))
	return nil
}
