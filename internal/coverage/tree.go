package coverage

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// Tree is a source tree. It is read through an os.Root: a symbolic link that leads out of it is not followed.
type Tree struct {
	dir     string
	root    *os.Root
	modules []module            // longest path first
	byBase  map[string][]string // paths of files by their last element
}

type module struct{ path, dir string }

// maxSource bounds the source files that are read whole, in bytes.
const maxSource = 32 << 20

// OpenTree indexes the files of a directory and finds its Go modules. The files of node_modules are there, but are not
// looked through for a name that a report gives.
func OpenTree(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening source: %w", err)
	}
	t := &Tree{dir: dir, root: root, byBase: map[string][]string{}}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if d.Type().IsRegular() {
			t.byBase[d.Name()] = append(t.byBase[d.Name()], name)
		}
		return nil
	})
	if err == nil {
		err = t.findModules()
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("reading source %q: %w", dir, err)
	}
	return t, nil
}

// Close releases the directory.
func (t *Tree) Close() error { return t.root.Close() }

func (t *Tree) findModules() error {
	for _, name := range t.byBase["go.mod"] {
		data, err := t.Read(name)
		if err != nil {
			return err
		}
		if p := modfile.ModulePath(data); p != "" {
			t.modules = append(t.modules, module{path: p, dir: path.Dir(name)})
		}
	}
	slices.SortFunc(t.modules, func(a, b module) int {
		return cmp.Or(cmp.Compare(len(b.path), len(a.path)), cmp.Compare(a.dir, b.dir))
	})
	return nil
}

// Has reports whether the tree has a regular file of that slash-separated path.
func (t *Tree) Has(name string) bool {
	if slices.Contains(t.byBase[path.Base(name)], name) {
		return true
	}
	if !strings.Contains(name, "node_modules/") { // all else is in the index
		return false
	}
	info, err := t.root.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// Read returns the content of a file.
func (t *Tree) Read(name string) ([]byte, error) {
	f, err := t.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSource+1))
	if err == nil && len(data) > maxSource {
		err = fmt.Errorf("reading %q: larger than %d bytes", name, maxSource)
	}
	return data, err
}

// Locate maps a file's name in a report to its path in the tree. Go profiles name files by import path, which the
// go.mod files of the tree resolve; other reports name them absolutely, relative to some directory, or, as JaCoCo does,
// relative to one of many source roots. A name that leads nowhere is returned cleaned.
func (t *Tree) Locate(format, name string) (where string, found bool) {
	clean := cleanName(name)
	if t.Has(clean) {
		return clean, true
	}
	if format == "Go" {
		if where := t.byModule(clean); where != "" {
			return where, t.Has(where)
		}
		if len(t.modules) > 0 && !path.IsAbs(clean) {
			return clean, false // a package of another module may have the same last elements as one here
		}
	}
	if where := t.bySuffix(clean); where != "" {
		return where, true
	}
	return clean, false
}

func (t *Tree) byModule(name string) (found string) {
	for _, m := range t.modules {
		if rest, ok := strings.CutPrefix(name, m.path+"/"); ok {
			if file := path.Join(m.dir, rest); t.Has(file) {
				return file
			} else if found == "" {
				found = file
			}
		}
	}
	return found
}

// bySuffix finds the file of which name is the end, or that is the longest end of name. It answers only where the
// answer is unique.
func (t *Tree) bySuffix(name string) string {
	same := t.byBase[path.Base(name)]
	if i := slices.IndexFunc(same, func(p string) bool { return strings.HasSuffix(p, "/"+name) }); i >= 0 {
		if slices.ContainsFunc(same[i+1:], func(p string) bool { return strings.HasSuffix(p, "/"+name) }) {
			return ""
		}
		return same[i]
	}
	for rest := name; ; {
		_, after, ok := strings.Cut(rest, "/")
		if !ok {
			return ""
		}
		if rest = after; slices.Contains(same, rest) {
			return rest
		}
	}
}
