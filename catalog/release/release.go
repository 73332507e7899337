// Package release turns the tree into what a cluster installs: images in a registry, and YAML in which every image is named by digest.
//
// It promises that what it writes stands by itself. A released Pipeline has its tasks embedded, so that it works in any namespace and with
// every resolver, and cannot change when a task beside it does. A released sample finds its task through the cluster resolver. Images of
// unchanged tasks are found in the registry and not built. It refuses a tree that cannot be read, a version that was released before with
// another content, and to write into a folder that is not its own.
//
//	m, err := release.Run(ctx, release.Options{Tree: t, Registry: "registry.example.com/sluice", Out: "dist", …})
package release

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/catalog/progress"
	"github.com/sluice-ci/sluice/catalog/tree"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// Options say what to release and whereto.
type Options struct {
	Tree      *tree.Tree
	Registry  string // registry and path that the images' repositories are below: registry.example.com/sluice
	Platforms []v1.Platform
	Out       string // the folder to write; replaced as a whole
	Version   string // of the release; "" for a development release, whose tags may move
	Namespace string // where the catalog will be installed
	Client    *registry.Client
	Progress  *progress.Progress
}

// A Manifest says what a release is made of; it lies in release.json.
type Manifest struct {
	Version   string   `json:"version,omitempty"`
	Commit    string   `json:"commit,omitempty"`
	Registry  string   `json:"registry"`
	Platforms []string `json:"platforms"`
	Namespace string   `json:"namespace"`
	Images    []Image  `json:"images"`
	Tasks     []Item   `json:"tasks"`
	Pipelines []Item   `json:"pipelines"`
}

// An Item is a released Task or Pipeline.
type Item struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	File    string `json:"file"` // relative to the folder
}

// manifestFile marks a folder as a release.
const manifestFile = "release.json"

// Run makes a release.
func Run(ctx context.Context, o Options) (*Manifest, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := o.rehearse(); err != nil {
		return nil, err
	}
	b, err := newBuilder(ctx, o)
	if err != nil {
		return nil, err
	}
	built, err := b.publish(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	m := &Manifest{Version: o.Version, Commit: commit(ctx, o.Tree.Root), Registry: o.Registry, Namespace: o.Namespace, Images: built}
	for _, p := range o.Platforms {
		m.Platforms = append(m.Platforms, p.String())
	}
	err = o.Progress.Do("writing "+o.Out, func(s *progress.Step) error {
		defer func() {
			s.Done("tasks by digest: %d, pipelines: %d, and install.yaml", len(m.Tasks), len(m.Pipelines))
		}()
		return o.write(m)
	})
	return m, err
}

func (o Options) check() error {
	for _, p := range o.Tree.Problems {
		return task.Refuse("the catalog cannot be read: %w", p).WithRemedy("catalog lint shows all that is wrong")
	}
	for _, u := range o.Tree.Units() {
		if u.Main == nil {
			return task.Refuse("%s has no %s", u.Dir, filepath.Base(u.File())).WithRemedy("catalog lint shows all that is wrong")
		}
		if u.Version() == "" {
			return task.Refuse("%s has no version", u.File()).WithRemedy(`write the label app.kubernetes.io/version: "0.1.0"`)
		}
	}
	entries, err := os.ReadDir(o.Out)
	if os.IsNotExist(err) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return task.Misconfigured("reading %q: %w", o.Out, err).WithRemedy("name a folder with --out")
	}
	if _, err := os.Stat(filepath.Join(o.Out, manifestFile)); err != nil {
		return task.Misconfigured("%s holds something that is not a release", o.Out).WithRemedy("name a folder that is new or was written by catalog release, since it is replaced as a whole")
	}
	return nil
}

// rehearse renders everything with digests of zeros, so that what cannot be released is said before minutes are spent on building.
func (o Options) rehearse() error {
	dir, err := os.MkdirTemp("", "catalog-rehearsal-")
	if err != nil {
		return fmt.Errorf("making a scratch folder: %w", err)
	}
	defer os.RemoveAll(dir)
	m := &Manifest{}
	for _, u := range o.Tree.Tasks {
		m.Images = append(m.Images, Image{Task: u.Name, Ref: o.Registry + "/" + u.Name + "@sha256:" + strings.Repeat("0", 64)})
	}
	if err := o.render(dir, m); err != nil {
		return task.Refuse("%w", err).WithRemedy("catalog lint shows all that is wrong")
	}
	return nil
}

// write renders everything beside the folder and then puts it in its place, so that a reader never meets half a release.
func (o Options) write(m *Manifest) error {
	out := filepath.Clean(o.Out)
	next, previous := out+".next", out+".previous"
	for _, dir := range []string{next, previous} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("writing %q: %w", o.Out, err)
		}
	}
	defer os.RemoveAll(next)
	if err := o.render(next, m); err != nil {
		return err
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %q: %w", o.Out, err)
	}
	if err := writeFile(filepath.Join(next, manifestFile), append(data, '\n')); err != nil {
		return err
	}
	if err := os.Rename(out, previous); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("writing %q: %w", o.Out, err)
	}
	if err := os.Rename(next, out); err != nil {
		return fmt.Errorf("writing %q: %w", o.Out, err)
	}
	return os.RemoveAll(previous)
}

func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}

// commit is the checked out commit, with -dirty where files differ from it, or "" where there is no repository.
func commit(ctx context.Context, root string) string {
	out, err := exec.CommandContext(ctx, "git", "-C", root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// Platforms reads a comma-separated list such as linux/amd64,linux/arm64.
func Platforms(list string) ([]v1.Platform, error) {
	var platforms []v1.Platform
	for text := range strings.SplitSeq(list, ",") {
		p, err := v1.ParsePlatform(strings.TrimSpace(text))
		if err != nil || p.OS == "" || p.Architecture == "" {
			return nil, task.Misconfigured("%q is not a platform", text).WithRemedy("write os/architecture, comma-separated: linux/amd64,linux/arm64")
		}
		platforms = append(platforms, *p)
	}
	return platforms, nil
}

func platformList(platforms []v1.Platform) string {
	var list []string
	for _, p := range platforms {
		list = append(list, p.String())
	}
	return strings.Join(list, " and ")
}
