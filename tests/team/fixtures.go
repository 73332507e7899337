package team

import (
	"context"
	"fmt"
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

// folder lists what lies in a folder, as it is to lie below the path in an image.
func folder(from, at string) ([]images.Entry, error) {
	root, err := filepath.EvalSymlinks(from)
	if err != nil {
		return nil, err
	}
	entries, err := images.Copy{Root: root, From: ".", To: at}.Entries()
	return append(images.Parents([]string{at}), entries...), err
}
