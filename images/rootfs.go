package images

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// maxBaseFiles bounds what is remembered of a base: an image of more files is no base.
const maxBaseFiles = 500_000

// rootfs is what a base holds: every path, with what is known of it, but no content.
type rootfs map[string]Entry

// readRootfs lists the files of layers, lowest first. It reads each layer to its end,
// so that a registry's layers are checked against their digests.
func readRootfs(layers []v1.Layer) (rootfs, error) {
	r := rootfs{}
	for _, l := range layers {
		if err := r.read(l); err != nil {
			digest, _ := l.Digest()
			return nil, fmt.Errorf("reading layer %s of the base: %w", digest, err)
		}
	}
	return r, nil
}

func (r rootfs) read(l v1.Layer) error {
	content, err := l.Uncompressed()
	if err != nil {
		return err
	}
	defer content.Close()
	archive := tar.NewReader(content)
	var added []Entry
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if len(r)+len(added) >= maxBaseFiles {
			return fmt.Errorf("it holds more than %d files", maxBaseFiles)
		}
		added = append(added, describe(header))
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return err
	}
	r.apply(added)
	return nil
}

// describe keeps of an archived file what the layers above have to know.
func describe(header *tar.Header) Entry {
	e := Entry{Path: clean(header.Name), UID: header.Uid, GID: header.Gid, Mode: header.FileInfo().Mode()}
	for name, value := range header.PAXRecords {
		if key, is := strings.CutPrefix(name, "SCHILY.xattr."); is {
			if e.Xattrs == nil {
				e.Xattrs = map[string]string{}
			}
			e.Xattrs[key] = value
		}
	}
	if header.Typeflag == tar.TypeSymlink {
		e.Symlink = header.Linkname
	}
	return e
}

// apply adds a layer's files, its deletions first.
func (r rootfs) apply(entries []Entry) {
	gone, emptied := map[string]bool{}, map[string]bool{}
	for _, e := range entries {
		dir, name := path.Split(e.Path)
		dir = strings.TrimSuffix(dir, "/")
		switch before, existed := r[e.Path]; {
		case name == whiteout+whiteout+".opq":
			emptied[dir] = true
		case strings.HasPrefix(name, whiteout):
			gone[path.Join(dir, strings.TrimPrefix(name, whiteout))] = true
		case existed && before.Mode.IsDir() && !e.Mode.IsDir():
			emptied[e.Path] = true
		}
	}
	if len(gone)+len(emptied) > 0 {
		r.remove(gone, emptied)
	}
	for _, e := range entries {
		if !strings.HasPrefix(path.Base(e.Path), whiteout) && e.Path != "" {
			r[e.Path] = e
		}
	}
}

// remove deletes paths with all below them, and what lies below others.
func (r rootfs) remove(gone, emptied map[string]bool) {
	for name := range r {
		removed := gone[name] || emptied[""]
		for dir := parent(name); dir != "" && !removed; dir = parent(dir) {
			removed = gone[dir] || emptied[dir]
		}
		if removed {
			delete(r, name)
		}
	}
}

// parent is the directory above a cleaned path; "" is the root.
func parent(name string) string {
	return name[:max(strings.LastIndexByte(name, '/'), 0)]
}

// maxLinks bounds how many symbolic links a path may lead through, as Linux does.
const maxLinks = 40

// directory follows the symbolic links of a directory's path, and returns where it
// really lies. What is missing is taken as it is written.
func (r rootfs) directory(name string) (string, error) {
	at, rest, links := "", strings.Split(clean(name), "/"), 0
	for len(rest) > 0 {
		next := path.Join(at, rest[0])
		rest = rest[1:]
		if next == "" || next == "." {
			continue
		}
		e, ok := r[next]
		switch {
		case ok && e.Symlink != "":
			if links++; links > maxLinks {
				return "", fmt.Errorf("%q leads through too many symbolic links of the base", "/"+name)
			}
			target := e.Symlink
			if !path.IsAbs(target) {
				target = path.Join("/", at, target)
			}
			at, rest = "", append(strings.Split(clean(target), "/"), rest...)
		case ok && !e.Mode.IsDir():
			return "", fmt.Errorf("%q is a file in the base and not a directory", "/"+next)
		default:
			at = next
		}
	}
	return at, nil
}

// LayoutError says that a file cannot lie where it was put.
type LayoutError struct {
	Path string // in the image
	err  error
}

func (e *LayoutError) Error() string { return fmt.Sprintf("adding %q: %s", e.Path, e.err) }
func (e *LayoutError) Unwrap() error { return e.err }

// merge turns entries into a layer that leaves the base's own directories, and its
// symbolic links to directories, as they are: entries go where the links lead, and every
// directory above them is written as the base has it, because runtimes disagree
// on the mode of one that a layer does not name.
func (r rootfs) merge(entries []Entry) ([]Entry, error) {
	placed := make(map[string]Entry, len(entries))
	moved := make(map[string]string, len(entries))
	for _, e := range entries {
		name := clean(e.Path)
		target, err := r.place(e)
		if err != nil {
			return nil, &LayoutError{"/" + name, err}
		}
		if other, ok := placed[target]; ok && !(e.Mode.IsDir() && other.Mode.IsDir()) {
			return nil, &LayoutError{"/" + name, fmt.Errorf("another file of the layer goes to %q too", "/"+target)}
		}
		moved[name], e.Path = target, target
		if before, ok := r[target]; ok && e.Mode.IsDir() && before.Mode.IsDir() {
			e = before
		}
		placed[target] = e
	}
	for target, e := range placed {
		if e.HardLink != "" {
			e.HardLink = moved[clean(e.HardLink)]
			placed[target] = e
		}
	}
	for target := range placed {
		for _, dir := range Parents([]string{target}) {
			if _, ok := placed[dir.Path]; ok {
				continue
			}
			if have, ok := r[dir.Path]; ok {
				dir = have
			}
			placed[dir.Path] = dir
		}
	}
	merged := make([]Entry, 0, len(placed))
	for _, e := range placed {
		merged = append(merged, e)
	}
	return merged, nil
}

// place finds where an entry lies once the base's links are followed.
func (r rootfs) place(e Entry) (string, error) {
	name := clean(e.Path)
	if e.Mode.IsDir() {
		return r.directory(name)
	}
	dir, err := r.directory(parent(name))
	if err != nil {
		return "", err
	}
	target := path.Join(dir, path.Base(name))
	if gone, is := strings.CutPrefix(path.Base(name), whiteout); is {
		if _, ok := r[path.Join(dir, gone)]; !ok && !r.holdsBelow(path.Join(dir, gone)) {
			return "", fmt.Errorf("the base has no %q to delete: %w", "/"+path.Join(dir, gone), fs.ErrNotExist)
		}
		return target, nil
	}
	if have, ok := r[target]; ok && have.Mode.IsDir() {
		return "", errors.New("it is a directory in the base, and a file would hide all that is in it")
	}
	return target, nil
}

// holdsBelow finds directories that a layer implies without naming them.
func (r rootfs) holdsBelow(dir string) bool {
	for name := range r {
		if strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}
