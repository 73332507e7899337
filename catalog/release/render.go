package release

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sluice-ci/sluice/catalog/lint"
	"github.com/sluice-ci/sluice/catalog/tree"
)

// renderer writes documents with images by digest.
type renderer struct {
	o    Options
	refs map[string]string // image reference by ko:// name
	dir  string
	all  []*yaml.Node // what install.yaml will hold
}

// render writes every task and pipeline, with README and samples, as Artifact Hub expects a catalog with versions, and install.yaml.
func (o Options) render(dir string, m *Manifest) error {
	r := &renderer{o: o, refs: map[string]string{}, dir: dir}
	for _, i := range m.Images {
		r.refs["ko://"+o.Tree.Module+"/tasks/"+i.Task] = i.Ref
	}
	var err error
	if m.Tasks, err = r.units(o.Tree.Tasks, r.task); err != nil {
		return err
	}
	if m.Pipelines, err = r.units(o.Tree.Pipelines, r.pipeline); err != nil {
		return err
	}
	return r.install()
}

func (r *renderer) units(units []*tree.Unit, render func(*tree.Unit) (*yaml.Node, error)) ([]Item, error) {
	var items []Item
	for _, u := range units {
		node, err := render(u)
		if err != nil {
			return nil, fmt.Errorf("rendering %s: %w", u.File(), err)
		}
		folder := path.Join(u.Dir, u.Version())
		item := Item{Name: u.Name, Version: u.Version(), File: path.Join(folder, u.Name+".yaml")}
		if err := r.document(item.File, u, node); err != nil {
			return nil, err
		}
		if err := r.beside(u, folder); err != nil {
			return nil, err
		}
		r.all = append(r.all, node)
		items = append(items, item)
	}
	return items, nil
}

// document writes a rendered document after reading it back as strictly as the API server will.
func (r *renderer) document(file string, u *tree.Unit, node *yaml.Node) error {
	data, err := encode(node)
	if err != nil {
		return fmt.Errorf("rendering %s: %w", u.File(), err)
	}
	docs, problems := tree.Parse(file, data)
	if len(problems) > 0 {
		return fmt.Errorf("rendering %s: %w", u.File(), problems[0])
	}
	if err := lint.Validate(docs[0]); err != nil {
		return fmt.Errorf("rendering %s: %w", u.File(), err)
	}
	return writeFile(filepath.Join(r.dir, filepath.FromSlash(file)), data)
}

// task names the images by digest.
func (r *renderer) task(u *tree.Unit) (*yaml.Node, error) {
	node := clone(u.Main.Node)
	return node, r.byDigest(node)
}

// byDigest replaces every ko:// name under the node.
func (r *renderer) byDigest(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && strings.HasPrefix(n.Value, "ko://") {
		ref, ok := r.refs[n.Value]
		if !ok {
			return fmt.Errorf("line %d: no image was built for %q", n.Line, n.Value)
		}
		n.Value = ref
	}
	for _, c := range n.Content {
		if err := r.byDigest(c); err != nil {
			return err
		}
	}
	return nil
}

// beside writes the README and the samples into the folder of a version.
func (r *renderer) beside(u *tree.Unit, folder string) error {
	readme, err := os.ReadFile(filepath.Join(r.o.Tree.Root, filepath.FromSlash(u.Dir), "README.md"))
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("reading the README of %s: %w", u.Dir, err)
	}
	if err == nil {
		if err := writeFile(filepath.Join(r.dir, filepath.FromSlash(folder), "README.md"), readme); err != nil {
			return err
		}
	}
	samples := map[string][]*yaml.Node{}
	for _, s := range u.Samples {
		node := clone(s.Node)
		referThrough(node, r.o.Namespace)
		samples[path.Base(s.File)] = append(samples[path.Base(s.File)], node)
	}
	for name, nodes := range samples {
		data, err := encode(nodes...)
		if err != nil {
			return fmt.Errorf("rendering %s of %s: %w", name, u.Dir, err)
		}
		if err := writeFile(filepath.Join(r.dir, filepath.FromSlash(folder), "samples", name), data); err != nil {
			return err
		}
	}
	return nil
}

func encode(nodes ...*yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	for _, n := range nodes {
		if err := enc.Encode(n); err != nil {
			return nil, err
		}
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// clone copies a node with all below it; aliases become what they stand for.
func clone(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	c := *n
	c.Anchor = ""
	c.Content = make([]*yaml.Node, len(n.Content))
	for i := range n.Content {
		c.Content[i] = clone(n.Content[i])
	}
	return &c
}
