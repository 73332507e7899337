// Package tree reads a catalog of Tekton tasks and pipelines from its folders.
//
// It promises that every document keeps the line of every field, so that whatever is found wrong can be pointed at, and
// that YAML is read as strictly as the API server would read it: an unknown field, a duplicate key or a value of the wrong
// type is a [Problem], not a guess. It refuses a folder that holds neither tasks nor pipelines, because a check of nothing
// would pass.
//
//	t, err := tree.Load(".")
//	for _, u := range t.Tasks { fmt.Println(u.Name, u.Main.Task.Spec.Description) }
package tree

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// A Unit is one folder of the catalog: tasks/<name> or pipelines/<name>.
type Unit struct {
	Kind    string      // "Task" or "Pipeline"
	Name    string      // the folder's name
	Dir     string      // slash-separated, relative to the root: tasks/<name>
	Main    *Document   // task.yaml or pipeline.yaml; nil where it is missing or unreadable
	Samples []*Document // every document of samples/*.yaml
}

// File is the slash-separated path of the unit's own YAML, whether or not it exists.
func (u *Unit) File() string { return path.Join(u.Dir, strings.ToLower(u.Kind)+".yaml") }

// Version is the label app.kubernetes.io/version, or "" where there is none.
func (u *Unit) Version() string {
	if u.Main == nil {
		return ""
	}
	return u.Main.Labels()["app.kubernetes.io/version"]
}

// A Tree is a whole catalog.
type Tree struct {
	Root      string // of the file system
	Module    string // the Go module that ko:// images are named after; "" without a go.mod
	Tasks     []*Unit
	Pipelines []*Unit
	Problems  []Problem // what could not be read
}

// A Problem is a document, or a part of it, that cannot be read.
type Problem struct {
	File   string
	Line   int
	Column int
	What   string
}

func (p Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.What) }

// Units are all tasks, then all pipelines, each by name.
func (t *Tree) Units() []*Unit { return slices.Concat(t.Tasks, t.Pipelines) }

// Task finds a task of the catalog by its name; nil where there is none.
func (t *Tree) Task(name string) *Unit { return find(t.Tasks, name) }

// Pipeline finds a pipeline of the catalog by its name; nil where there is none.
func (t *Tree) Pipeline(name string) *Unit { return find(t.Pipelines, name) }

func find(units []*Unit, name string) *Unit {
	for _, u := range units {
		if u.Name == name {
			return u
		}
	}
	return nil
}

// Load reads the catalog under root. Documents that cannot be read are in Problems; an error is returned only where there
// is nothing to read or the file system fails.
func Load(root string) (*Tree, error) {
	t := &Tree{Root: root, Module: Module(root)}
	var err error
	if t.Tasks, err = t.units("Task", "tasks"); err != nil {
		return nil, err
	}
	if t.Pipelines, err = t.units("Pipeline", "pipelines"); err != nil {
		return nil, err
	}
	if len(t.Tasks)+len(t.Pipelines) == 0 {
		return nil, fmt.Errorf("reading the catalog in %q: no folder in tasks/ or pipelines/", root)
	}
	return t, nil
}

// Module is the path of the Go module at root; "" without a go.mod.
func Module(root string) string {
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return ""
	}
	return modfile.ModulePath(data)
}

func (t *Tree) units(kind, dir string) ([]*Unit, error) {
	entries, err := os.ReadDir(filepath.Join(t.Root, dir))
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("reading %q: %w", dir, err)
	}
	var units []*Unit
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		u := &Unit{Kind: kind, Name: e.Name(), Dir: path.Join(dir, e.Name())}
		if err := t.fill(u); err != nil {
			return nil, err
		}
		units = append(units, u)
	}
	return units, nil
}

func (t *Tree) fill(u *Unit) error {
	docs, err := t.read(u.File())
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	switch {
	case len(docs) > 1:
		t.Problems = append(t.Problems, Problem{File: u.File(), Line: docs[1].Line(), Column: 1, What: "a second document in the file; a folder holds one " + u.Kind})
		fallthrough
	case len(docs) == 1:
		if docs[0].Kind == u.Kind {
			u.Main = docs[0]
			break
		}
		line, column := docs[0].Position(At("kind"))
		t.Problems = append(t.Problems, Problem{File: u.File(), Line: line, Column: column, What: fmt.Sprintf("kind %q, where a %s belongs", docs[0].Kind, u.Kind)})
	}
	samples, err := filepath.Glob(filepath.Join(t.Root, filepath.FromSlash(u.Dir), "samples", "*.yaml"))
	if err != nil {
		return fmt.Errorf("listing samples of %q: %w", u.Dir, err)
	}
	for _, s := range samples {
		docs, err := t.read(path.Join(u.Dir, "samples", filepath.Base(s)))
		if err != nil {
			return err
		}
		u.Samples = append(u.Samples, docs...)
	}
	return nil
}

func (t *Tree) read(file string) ([]*Document, error) {
	data, err := os.ReadFile(filepath.Join(t.Root, filepath.FromSlash(file)))
	if err != nil {
		return nil, err
	}
	docs, problems := Parse(file, data)
	t.Problems = append(t.Problems, problems...)
	return docs, nil
}
