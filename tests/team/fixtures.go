package team

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/images"
)

// Fixtures is what the placeholders of the samples stand for on a cluster.
type Fixtures struct {
	Registry string            // for registry.example.com
	GitURL   string            // for https://git.example.com/app.git
	Images   map[string]string // repository, such as team/app, to a reference by digest
}

var imageByDigest = regexp.MustCompile(`registry\.example\.com/([a-z0-9/._-]+)@sha256:[0-9a-f]{64}`)

// Substitute puts the cluster's values in the place of a sample's placeholders.
// An image that no fixture provides is an error.
func (f Fixtures) Substitute(sample []byte) ([]byte, error) {
	var missing []string
	text := imageByDigest.ReplaceAllStringFunc(string(sample), func(ref string) string {
		path := imageByDigest.FindStringSubmatch(ref)[1]
		have, ok := f.Images[path]
		if !ok {
			missing = append(missing, path)
		}
		return have
	})
	if len(missing) > 0 {
		return nil, fmt.Errorf("no fixture provides the images %s", strings.Join(missing, ", "))
	}
	text = strings.ReplaceAll(text, "https://git.example.com/app.git", f.GitURL)
	text = strings.ReplaceAll(text, "registry.example.com", f.Registry)
	return []byte(text), nil
}

// AppImage builds the sample service in dir into the repository team/app, unless
// it is there, and returns its reference by digest.
func (c *Cluster) AppImage(ctx context.Context, dir string) (string, error) {
	repository, err := c.Repository("team/app")
	if err != nil {
		return "", err
	}
	scratch, err := os.MkdirTemp("", "app-image-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	program := images.Go{
		Dir:       dir,
		Platforms: []v1.Platform{{OS: "linux", Architecture: runtime.GOARCH}},
		Scratch:   scratch,
	}
	published, err := program.Publish(ctx, ".", repository, nil, c.Remote(ctx)...)
	if err != nil {
		return "", fmt.Errorf("building the sample service: %w", err)
	}
	return published.Digest.String(), nil
}

// folderEntries lists the directories and files below a folder, as they are to
// lie below the path in an image. Links and other kinds of files are left out.
func folderEntries(folder, at string) ([]images.Entry, error) {
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return nil, fmt.Errorf("listing %q: %w", folder, err)
	}
	entries := images.Parents([]string{at})
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		entry := images.Entry{Path: filepath.Join(at, relative), Mode: 0o644 | info.Mode().Perm()&0o111}
		switch {
		case d.IsDir():
			entry.Mode = fs.ModeDir | 0o755
		case !d.Type().IsRegular():
			return nil
		default:
			entry.Source = path
		}
		entries = append(entries, entry)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing %q: %w", folder, err)
	}
	return entries, nil
}
