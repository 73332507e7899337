package images

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Copy says which files of a source tree go where in an image.
type Copy struct {
	Root       string // the source tree; patterns of Ignore are relative to it
	From       string // file or directory in Root, slash-separated
	To         string // path in the image; the directory's content goes there, a file goes below it if it ends in a slash
	Ignore     Ignore
	UID, GID   int
	KeepModes  bool // the files' own modes; otherwise 0644, or 0755 for directories and executables
	KeepXattrs bool // user.* and security.capability
}

// Entries lists the files to copy. Symbolic links stay links, and are never followed;
// files that are one by hard links stay one.
//
// A .git directory below From stays out: it changes with every clone, and holds what was
// ever committed.
//
// It fails where From leads out of Root, on a name that a runtime would take for a
// deletion (.wh.*), and on sockets, pipes and devices.
func (c Copy) Entries() ([]Entry, error) {
	from := path.Clean(c.From)
	if !filepath.IsLocal(from) {
		return nil, fmt.Errorf("copying %q: it leads out of the source", c.From)
	}
	start := filepath.Join(c.Root, filepath.FromSlash(from))
	if err := c.within(start); err != nil {
		return nil, err
	}
	info, err := os.Lstat(start)
	if err != nil {
		return nil, fmt.Errorf("copying %q: %w", c.From, err)
	}
	to := clean(c.To)
	if !info.IsDir() && (to == "" || strings.HasSuffix(c.To, "/")) {
		to = path.Join(to, path.Base(from))
	}
	w := copyWalk{Copy: c, linked: map[inode]string{}}
	err = filepath.WalkDir(start, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(start, name)
		if err != nil {
			return err
		}
		return w.add(name, path.Join(from, filepath.ToSlash(below)), path.Join(to, filepath.ToSlash(below)), d)
	})
	if err != nil {
		return nil, fmt.Errorf("copying %q: %w", c.From, err)
	}
	return w.entries, nil
}

// within follows the links above the start, which must not lead out of the root.
func (c Copy) within(start string) error {
	root, err := filepath.EvalSymlinks(c.Root)
	if err != nil {
		return fmt.Errorf("copying %q: %w", c.From, err)
	}
	real, err := filepath.EvalSymlinks(filepath.Dir(start))
	if err != nil {
		return fmt.Errorf("copying %q: %w", c.From, err)
	}
	if below, err := filepath.Rel(root, real); start != filepath.Clean(c.Root) && (err != nil || !filepath.IsLocal(below)) {
		return fmt.Errorf("copying %q: a symbolic link on its path leads out of the source", c.From)
	}
	return nil
}

type inode struct{ device, number uint64 }

type copyWalk struct {
	Copy
	entries []Entry
	linked  map[inode]string // first path in the image of a file with several names
}

func (w *copyWalk) add(name, source, target string, d fs.DirEntry) error {
	if source != "." && w.Ignore.Ignores(source) {
		if d.IsDir() && !w.Ignore.hasExceptions() {
			return fs.SkipDir
		}
		return nil
	}
	if d.IsDir() && d.Name() == ".git" && source != path.Clean(w.From) {
		return fs.SkipDir
	}
	if target == "" || target == "." {
		return nil // the root directory stays the base's
	}
	if strings.HasPrefix(path.Base(target), whiteout) {
		return fmt.Errorf("%q would delete a file of the base: a name cannot begin with %s", source, whiteout)
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	e := Entry{Path: target, Mode: w.mode(info.Mode()), UID: w.UID, GID: w.GID}
	switch mode := info.Mode(); {
	case mode.IsDir():
	case mode&fs.ModeSymlink != 0:
		e.Mode = 0o777
		if e.Symlink, err = os.Readlink(name); err != nil {
			return err
		}
	case mode.IsRegular():
		e.Source = name
		if first := w.sameFile(info, target); first != "" {
			e.Source, e.HardLink = "", first
		}
	default:
		return fmt.Errorf("%q is neither file, directory nor link but %s", source, mode.Type())
	}
	if w.KeepXattrs && e.Symlink == "" && e.HardLink == "" {
		if e.Xattrs, err = xattrs(name); err != nil {
			return fmt.Errorf("reading extended attributes of %q: %w", source, err)
		}
	}
	w.entries = append(w.entries, e)
	return nil
}

func (w *copyWalk) mode(mode fs.FileMode) fs.FileMode {
	switch {
	case w.KeepModes:
		return mode & (fs.ModeDir | fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	case mode.IsDir():
		return fs.ModeDir | 0o755
	case mode&0o111 != 0:
		return 0o755
	}
	return 0o644
}

// sameFile returns the path of an entry that is the same file, if there is one.
func (w *copyWalk) sameFile(info fs.FileInfo, target string) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Nlink < 2 {
		return ""
	}
	id := inode{uint64(stat.Dev), stat.Ino}
	first, ok := w.linked[id]
	if !ok {
		w.linked[id] = target
	}
	return first
}

// xattrs reads the attributes that belong to the file and not to the machine: not
// SELinux labels, and no access control lists that name users of it.
func xattrs(name string) (map[string]string, error) {
	list := make([]byte, 64<<10)
	n, err := unix.Llistxattr(name, list)
	if err == unix.ENOTSUP {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, key := range strings.Split(string(list[:n]), "\x00") {
		if key != "security.capability" && !strings.HasPrefix(key, "user.") {
			continue
		}
		value := make([]byte, 64<<10)
		size, err := unix.Lgetxattr(name, key, value)
		if err != nil {
			return nil, err
		}
		found[key] = string(value[:size])
	}
	return found, nil
}
