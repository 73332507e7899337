package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// writeTar writes entries, already arranged, as a PAX archive that depends on nothing
// but them and the one modification time: no names, no access times, no devices.
func writeTar(w io.Writer, entries []Entry, modified time.Time) error {
	tw := tar.NewWriter(w)
	for _, e := range entries {
		if err := writeEntry(tw, e, modified); err != nil {
			return fmt.Errorf("archiving %q: %w", "/"+e.Path, err)
		}
	}
	return tw.Close()
}

func writeEntry(tw *tar.Writer, e Entry, modified time.Time) error {
	header := &tar.Header{
		Name: e.Path, Mode: unixMode(e.Mode), Uid: e.UID, Gid: e.GID,
		ModTime: modified, Format: tar.FormatPAX, PAXRecords: map[string]string{},
	}
	for name, value := range e.Xattrs {
		header.PAXRecords["SCHILY.xattr."+name] = value
	}
	var content io.Reader = bytes.NewReader(e.Body)
	switch {
	case e.Mode.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, e.Path+"/"
	case e.Symlink != "":
		header.Typeflag, header.Linkname = tar.TypeSymlink, e.Symlink
	case e.HardLink != "":
		header.Typeflag, header.Linkname = tar.TypeLink, e.HardLink
	case e.Source != "":
		file, err := os.Open(e.Source)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("reading %q: not a regular file", e.Source)
		}
		header.Typeflag, header.Size = tar.TypeReg, info.Size()
		content = io.LimitReader(file, info.Size()) // a file that still grows is caught by its digest
	default:
		header.Typeflag, header.Size = tar.TypeReg, int64(len(e.Body))
	}
	if err := tw.WriteHeader(header); err != nil {
		return err
	}
	if header.Typeflag != tar.TypeReg {
		return nil
	}
	_, err := io.Copy(tw, content)
	return err
}

func unixMode(mode fs.FileMode) int64 {
	bits := int64(mode.Perm())
	for _, m := range []struct {
		mode fs.FileMode
		bit  int64
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if mode&m.mode != 0 {
			bits |= m.bit
		}
	}
	return bits
}
