// Package artifacts builds what the one-machine cluster runs: Kubernetes, etcd, kubectl, CoreDNS, the registry and Tekton from their Go
// modules, and from the binaries an archive of the container images that Tekton needs. It pulls no image and needs no Docker.
//
// What it builds is kept in a folder named by the hash of all that goes in (sources, go.sum, toolchain, architecture), so a second call is
// a few file reads, and a folder that exists is whole: it appears by a rename.
package artifacts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"

	"github.com/sluice-ci/sluice/tests/cluster/progress"
)

// Set is a folder of built artifacts.
type Set struct{ Dir string }

func (s Set) Node() string   { return filepath.Join(s.Dir, "node") }
func (s Set) Addons() string { return filepath.Join(s.Dir, "addons") }
func (s Set) Images() string { return filepath.Join(s.Dir, "images.tar") }
func (s Set) Tekton() string { return filepath.Join(s.Dir, "tekton.yaml") }

// Seed is a store of containerd that holds the images, unpacked.
func (s Set) Seed() string { return filepath.Join(s.Dir, "containerd") }

// Ensure builds the artifacts of the module in dir, or finds them under cache.
func Ensure(ctx context.Context, module, cache string, p *progress.Progress) (Set, error) {
	key, err := key(module)
	if err != nil {
		return Set{}, err
	}
	set := Set{Dir: filepath.Join(cache, "cluster-"+key)}
	if _, err := os.Stat(set.Images()); err == nil {
		return set, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return Set{}, fmt.Errorf("making the cache folder %q: %w", cache, err)
	}
	work, err := os.MkdirTemp(cache, "building-")
	if err != nil {
		return Set{}, fmt.Errorf("making a folder to build in: %w", err)
	}
	defer os.RemoveAll(work)
	whole := Set{Dir: work}
	if err := compile(ctx, module, work, p); err != nil {
		return Set{}, err
	}
	task := p.Start("images")
	if err := archive(work, whole.Images()); err != nil {
		task.Fail("not assembled")
		return Set{}, err
	}
	task.Note("unpacking")
	if err := sow(ctx, whole.Images(), whole.Seed()); err != nil {
		task.Fail("not unpacked")
		return Set{}, err
	}
	task.Done("%d assembled and unpacked", len(images()))
	manifests, err := renderTekton(ctx, module)
	if err != nil {
		return Set{}, err
	}
	if err := os.WriteFile(whole.Tekton(), manifests, 0o644); err != nil {
		return Set{}, fmt.Errorf("writing Tekton's manifests: %w", err)
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return Set{}, err
	}
	os.RemoveAll(set.Dir)
	if err := os.Rename(work, set.Dir); err != nil {
		return Set{}, fmt.Errorf("keeping what was built in %q: %w", set.Dir, err)
	}
	return set, dropOlder(cache, set.Dir)
}

// key hashes all that the artifacts are made from.
func key(module string) (string, error) {
	files := []string{filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum")}
	for _, dir := range []string{"node", "addons", "pause", "artifacts"} {
		err := filepath.WalkDir(filepath.Join(module, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return "", fmt.Errorf("listing the sources in %q: %w", dir, err)
		}
	}
	sort.Strings(files)
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOARCH)
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("hashing the sources: %w", err)
		}
		fmt.Fprintln(sum, filepath.Base(file))
		_, err = io.Copy(sum, f)
		f.Close()
		if err != nil {
			return "", fmt.Errorf("hashing %q: %w", file, err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// dropOlder keeps the two newest sets, so that going back and forth between two branches is fast and the disk does not fill.
func dropOlder(cache, newest string) error {
	sets, err := filepath.Glob(filepath.Join(cache, "cluster-*"))
	if err != nil {
		return err
	}
	modified := func(dir string) int64 {
		info, err := os.Stat(dir)
		if err != nil {
			return 0
		}
		return info.ModTime().UnixNano()
	}
	sort.Slice(sets, func(i, j int) bool { return modified(sets[i]) > modified(sets[j]) })
	for _, dir := range sets[min(2, len(sets)):] {
		if dir != newest {
			os.RemoveAll(dir)
		}
	}
	return nil
}
