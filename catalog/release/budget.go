package release

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/catalog/tree"
	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/task"
)

// Every run of a task on a new node waits for its image, so an image has a budget: so many MB (10^6 bytes), compressed,
// on each platform. A task that cannot do with the usual one says so in its task.yaml, where a reviewer sees it.
const (
	usualBudget      = 16
	budgetAnnotation = "sluice-ci.github.io/image-budget" // such as 40MB
)

// withinBudget refuses images that are larger than their tasks may be.
func withinBudget(all []*tree.Unit, built map[string]images.Artifact) error {
	for _, u := range all {
		budget := int64(usualBudget)
		if text, ok := u.Main.Annotations()[budgetAnnotation]; ok {
			if _, err := fmt.Sscanf(text, "%dMB", &budget); err != nil {
				return task.Misconfigured("%s: annotation %s: %q is not a size such as 40MB", u.File(), budgetAnnotation, text)
			}
		}
		size, err := largest(built[u.Name])
		if err != nil {
			return err
		}
		if size > budget*1e6 {
			return task.Refuse("the image of %s has %.1f MB, more than its %d MB", u.Name, float64(size)/1e6, budget).
				WithRemedy("see which dependency came in (git diff %s/deps.txt), or raise %s in %s", u.Dir, budgetAnnotation, u.File())
		}
	}
	return nil
}

// largest is the size of an image, or of the largest in an index.
func largest(artifact images.Artifact) (size int64, err error) {
	switch a := artifact.(type) {
	case v1.Image:
		manifest, err := a.Manifest()
		if err != nil {
			return 0, err
		}
		for _, l := range manifest.Layers {
			size += l.Size
		}
	case v1.ImageIndex:
		manifest, err := a.IndexManifest()
		if err != nil {
			return 0, err
		}
		for _, d := range manifest.Manifests {
			image, err := a.Image(d.Digest)
			if err != nil {
				return 0, err
			}
			one, err := largest(image)
			if err != nil {
				return 0, err
			}
			size = max(size, one)
		}
	}
	return size, nil
}
