package images

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
)

// Entry is one file, directory or link of a layer.
//
// A regular file takes its content from Source, a path on this machine that is read
// anew each time the layer is, or else from Body.
type Entry struct {
	Path     string            // slash-separated path in the image; a leading slash is allowed
	Mode     fs.FileMode       // permission, setuid, setgid and sticky bits; fs.ModeDir for a directory
	Source   string            // file on this machine that holds the content
	Body     []byte            // content, where Source is empty
	Symlink  string            // target of a symbolic link, as written
	HardLink string            // path of another entry of the same layer
	UID, GID int               // numeric owner; names are never stored
	Xattrs   map[string]string // extended attributes, such as security.capability
}

// whiteout is the prefix with which a layer deletes a file of the layers below it
// (OCI image specification, "Representing Changes").
const whiteout = ".wh."

// Remove returns an entry that deletes a file or a tree which a lower layer brought.
func Remove(name string) Entry {
	name = clean(name)
	return Entry{Path: path.Join(path.Dir(name), whiteout+path.Base(name))}
}

func clean(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// arrange returns the entries with cleaned paths in the order in which they are
// written: by path, and hard links after all else, so that their target exists.
func arrange(entries []Entry) ([]Entry, error) {
	sorted := make([]Entry, len(entries))
	seen := make(map[string]bool, len(entries))
	for i, e := range entries {
		e.Path = clean(e.Path)
		if err := e.check(); err != nil {
			return nil, err
		}
		if seen[e.Path] {
			return nil, fmt.Errorf("laying out %q: two entries have this path", "/"+e.Path)
		}
		seen[e.Path] = true
		if e.HardLink != "" {
			e.HardLink = clean(e.HardLink)
		}
		sorted[i] = e
	}
	for _, e := range sorted {
		if e.HardLink != "" && !seen[e.HardLink] {
			return nil, fmt.Errorf("laying out %q: its hard link's target %q is not in the layer", "/"+e.Path, "/"+e.HardLink)
		}
	}
	sort.Slice(sorted, func(i, j int) bool {
		if a, b := sorted[i].HardLink != "", sorted[j].HardLink != ""; a != b {
			return b
		}
		return sorted[i].Path < sorted[j].Path
	})
	return sorted, nil
}

func (e Entry) check() error {
	var err error
	switch kinds := e.kinds(); {
	case e.Path == "":
		err = errors.New("a layer cannot hold the root directory")
	case strings.ContainsRune(e.Path, 0) || strings.ContainsRune(e.Symlink, 0):
		err = errors.New("a path cannot hold a NUL byte")
	case kinds > 1:
		err = errors.New("an entry is one of directory, symbolic link, hard link or file")
	case e.Mode.Type()&^fs.ModeDir != 0:
		err = fmt.Errorf("a layer cannot hold a file of type %s", e.Mode.Type())
	}
	if err != nil {
		return fmt.Errorf("laying out %q: %w", "/"+e.Path, err)
	}
	return nil
}

func (e Entry) kinds() (n int) {
	for _, is := range []bool{e.Mode.IsDir(), e.Symlink != "", e.HardLink != "", e.Source != "" || e.Body != nil} {
		if is {
			n++
		}
	}
	return n
}

// Parents returns the directories above the paths, as root's with mode 0755, but for
// those in have. A layer without them lets the layers below decide, which keeps a
// base's symbolic links to directories (/bin → usr/bin) as they are.
func Parents(paths []string, have ...string) []Entry {
	seen := map[string]bool{"": true}
	for _, h := range have {
		seen[clean(h)] = true
	}
	var dirs []Entry
	for _, p := range paths {
		for dir := clean(path.Dir("/" + clean(p))); !seen[dir]; dir = clean(path.Dir("/" + dir)) {
			seen[dir] = true
			dirs = append(dirs, Entry{Path: dir, Mode: fs.ModeDir | 0o755})
		}
	}
	return dirs
}
