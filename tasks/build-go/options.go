package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// options are what a run was asked for; fields have the names of their params.
type options struct {
	source, directory, pkg, image string
	golang                        *gotool.Options
	platforms                     platforms
	buildTags                     []string
	ldflags                       string
	base                          string
	allowBaseTag                  bool
	revision, sourceURL           string
	epoch                         epoch
	reuse                         bool
	registry                      *registry.Options
}

func newOptions() *options {
	return &options{platforms: platforms{{OS: "linux", Architecture: "amd64"}}}
}

func declareResults(c *task.Command) {
	c.Result("IMAGE_URL", "Repository that the image was pushed to.")
	c.Result("IMAGE_DIGEST", "Digest of the image, or of the index when there are several platforms.")
	c.Result("IMAGE_REF", "The image by digest: IMAGE_URL@IMAGE_DIGEST.")
	c.Result("BASE_DIGEST", "Digest of the base image that the program stands on.")
}

// module is the directory in which the go command runs. It stays within the source.
func (o *options) module() (string, error) {
	if !filepath.IsLocal(o.directory) {
		return "", task.Misconfigured("--directory: %q leads out of the source", o.directory).
			WithRemedy("name a directory of the workspace source, such as services/app")
	}
	return filepath.Join(o.source, o.directory), nil
}

func (o *options) annotations() map[string]string {
	a := map[string]string{}
	if o.revision != "" {
		a[images.AnnotationRevision] = o.revision
	}
	if o.sourceURL != "" {
		a[images.AnnotationSource] = o.sourceURL
	}
	return a
}

// platforms are what an image is built for.
type platforms []v1.Platform

// String writes them as a flag has them.
func (p *platforms) String() string {
	var texts []string
	for _, one := range *p {
		texts = append(texts, one.String())
	}
	return strings.Join(texts, ",")
}

// Set reads a comma-separated list such as linux/amd64,linux/arm64/v8.
func (p *platforms) Set(text string) error {
	*p = nil
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		one, err := v1.ParsePlatform(entry)
		if err != nil || one.OS != "linux" || one.Architecture == "" || one.OSVersion != "" {
			return fmt.Errorf("%q is not a platform such as linux/amd64", entry)
		}
		for _, other := range *p {
			if other.Equals(*one) {
				return fmt.Errorf("%q is there twice", entry)
			}
		}
		*p = append(*p, *one)
	}
	return nil
}

// epoch is a time in whole seconds since 1970, as SOURCE_DATE_EPOCH has it
// (https://reproducible-builds.org/specs/source-date-epoch).
type epoch int64

// String writes it as a flag has it.
func (e *epoch) String() string { return strconv.FormatInt(int64(*e), 10) }

// Set reads a number of seconds that is not negative.
func (e *epoch) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a number of seconds since 1970", text)
	}
	*e = epoch(n)
	return nil
}

func (e epoch) time() time.Time { return time.Unix(int64(e), 0) }
