package coverage

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ReadFile adds the report at name within dir, in whichever format its content shows it to be in, or the GOCOVERDIR that
// it is, and returns the SHA-256 of what it read, in hex. Only regular files and directories are opened, since a pipe would
// wait for ever, and no link is followed out of dir, since tests may have written it.
func (s *Set) ReadFile(ctx context.Context, dir *os.Root, name string) (digest string, err error) {
	f, err := OpenRegular(dir, name)
	if errors.Is(err, errDirectory) {
		return s.readCoverDir(ctx, dir, name)
	}
	if err != nil {
		return "", fmt.Errorf("reading profile %q: %w", name, err)
	}
	defer f.Close()
	sum := sha256.New()
	if err := s.Read(ctx, name, io.TeeReader(f, sum)); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

var errDirectory = errors.New("a directory, not a file")

// OpenRegular opens a regular file within dir.
func OpenRegular(dir *os.Root, name string) (*os.File, error) {
	info, err := dir.Stat(name)
	var path *fs.PathError
	switch {
	case errors.As(err, &path):
		return nil, path.Err // the caller names the file better
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errDirectory
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	}
	return dir.Open(name)
}

// Read adds one report, in whichever format its content shows it to be in, and reads it to its end. Name is for errors
// only.
func (s *Set) Read(ctx context.Context, name string, r io.Reader) error {
	buffered := bufio.NewReaderSize(&cancelled{ctx, r}, 64<<10)
	read, err := recognise(buffered)
	if err == nil {
		err = read(s, buffered)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, buffered)
	}
	if err != nil {
		return fmt.Errorf("reading profile %q: %w", name, err)
	}
	return nil
}

// recognise looks at the first kilobytes and leaves the reader after a byte order mark.
func recognise(r *bufio.Reader) (func(*Set, io.Reader) error, error) {
	head, err := r.Peek(4 << 10)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return nil, errors.New("it is UTF-16; write it as UTF-8 (PowerShell: Out-File -Encoding utf8)")
	}
	if bom := []byte("\xef\xbb\xbf"); bytes.HasPrefix(head, bom) {
		if _, err := r.Discard(len(bom)); err != nil {
			return nil, err
		}
		head = head[len(bom):]
	}
	head = bytes.TrimLeft(head, " \t\r\n")
	switch {
	case len(head) == 0:
		return nil, errors.New("it is empty: the tests that should write it did not, or were not asked to")
	case bytes.HasPrefix(head, []byte("mode:")):
		return readGo, nil
	case bytes.HasPrefix(head, []byte("TN:")), bytes.HasPrefix(head, []byte("SF:")):
		return readLCOV, nil
	case head[0] == '<':
		return readXML, nil
	}
	return nil, fmt.Errorf("%s begins no known format: Go profiles begin with mode:, LCOV with TN: or SF:, Cobertura, JaCoCo and Clover are XML", quote(firstLine(head)))
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return bytes.TrimRight(line, "\r")
}

// cancelled ends reading when its context does.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
