package machine

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// plant copies a seed into the machine's own store. Blobs and unpacked layers are never written again, so where the file system allows
// they are linked; the databases are copied.
func plant(seed, store string) error {
	return filepath.WalkDir(seed, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(seed, path)
		if err != nil {
			return err
		}
		target := filepath.Join(store, relative)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			if err := os.MkdirAll(target, 0o755); err != nil {
				return err
			}
			return copyAttributes(target, info)
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !info.Mode().IsRegular():
			return nil
		case filepath.Ext(path) != ".db" && os.Link(path, target) == nil:
			return nil
		}
		return copyFile(path, target, info)
	})
}

func copyFile(from, to string, info fs.FileInfo) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		target.Close()
		return err
	}
	if err := target.Close(); err != nil {
		return err
	}
	return copyAttributes(to, info)
}

func copyAttributes(path string, info fs.FileInfo) error {
	owner := info.Sys().(*syscall.Stat_t)
	if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
		return err
	}
	return os.Chmod(path, info.Mode()) // after the owner: a change of owner drops set-id bits
}
