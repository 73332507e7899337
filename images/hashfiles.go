package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// hashFiles hashes the contents of files, as many at a time as there are processors.
func hashFiles(ctx context.Context, names []string) ([]string, error) {
	hashes := make([]string, len(names))
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() error {
			buffer := make([]byte, 1<<16)
			for i := w; i < len(names); i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				var err error
				if hashes[i], err = hashFile(names[i], buffer); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return hashes, group.Wait()
}

// linkTo marks a link that leads to no file.
const linkTo = "link "

// gone stands for a file that was removed since it was listed.
const gone = "gone"

// hashFile hashes the content of a file. A link counts as what it points to, as it does
// for the go command, and by its text where it points to no file.
func hashFile(name string, buffer []byte) (string, error) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		target, linkErr := os.Readlink(name)
		if errors.Is(linkErr, fs.ErrNotExist) {
			return gone, nil
		}
		if linkErr != nil {
			return "", linkErr
		}
		return linkTo + target, nil
	}
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return gone, nil
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{file}, buffer); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
