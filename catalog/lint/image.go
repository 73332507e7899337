package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/sluice-ci/sluice/catalog/tree"
)

var imageRules = []Rule{
	{Name: "image-digest", Doc: "A step's image is ko://<module>/tasks/<name>, a digest, or a param that does not default to a tag: nothing floats.", taskSpec: imageDigest},
	{Name: "no-ref", Doc: "A step is written out: a StepAction that is referenced could change without this file.", taskSpec: noStepRef},
}

var (
	byDigest   = regexp.MustCompile(`^[^\s@$]+@sha256:[0-9a-f]{64}$`)
	wholeParam = regexp.MustCompile(`^\$\(params\.([A-Za-z0-9_-]+)\)$`)
)

func imageDigest(r *report, at tree.Path, spec *v1.TaskSpec) {
	for _, c := range containers(at, spec) {
		field := c.at.Then("image")
		param := wholeParam.FindStringSubmatch(c.image)
		switch {
		case c.image == "" && c.ref:
		case c.image == "":
			r.found(c.at, "name the image, by ko:// or by digest", "%s has no image", c.what)
		case strings.HasPrefix(c.image, "ko://"):
			r.koImage(field, c)
		case param != nil:
			r.imageParam(at, spec, param[1])
		case !byDigest.MatchString(c.image):
			r.found(field, "write name:tag@sha256:<digest>, which `crane digest` or `docker buildx imagetools inspect` tells", "%s runs %q, which is not bound to a digest and can change under you", c.what, c.image)
		}
	}
}

func (r *report) koImage(at tree.Path, c container) {
	prefix := "ko://" + r.tree.Module + "/"
	dir, ok := strings.CutPrefix(c.image, prefix)
	if !ok {
		r.found(at, fmt.Sprintf("begin it with %stasks/", prefix), "%s runs %q, which is not in this module", c.what, c.image)
		return
	}
	if _, err := os.Stat(filepath.Join(r.tree.Root, filepath.FromSlash(dir), "main.go")); err != nil {
		r.found(at, "name a folder that holds a main.go", "%s runs %q, and there is no %s/main.go to build it from", c.what, c.image, dir)
	}
}

func (r *report) imageParam(at tree.Path, spec *v1.TaskSpec, name string) {
	for i, p := range spec.Params {
		if p.Name != name || p.Default == nil || p.Default.StringVal == "" || byDigest.MatchString(p.Default.StringVal) {
			continue
		}
		r.found(at.Then("params", i, "default"), "delete the default, or bind it to a digest", "param %q is an image, and its default %q can change under you", name, p.Default.StringVal)
	}
}

func noStepRef(r *report, at tree.Path, spec *v1.TaskSpec) {
	for i, s := range spec.Steps {
		if s.Ref != nil {
			r.found(at.Then("steps", i, "ref"), "write the step's image, command and args here", "step %q is a reference to a StepAction", s.Name)
		}
	}
}

// A container is a step or a sidecar, as far as both are alike.
type container struct {
	at    tree.Path
	what  string // step "x" or sidecar "x"
	image string
	ref   bool
	step  *v1.Step // as written; nil for a sidecar
}

func containers(at tree.Path, spec *v1.TaskSpec) []container {
	var all []container
	template := ""
	if spec.StepTemplate != nil {
		template = spec.StepTemplate.Image
	}
	for i := range spec.Steps {
		s := &spec.Steps[i]
		image := s.Image
		if image == "" {
			image = template
		}
		all = append(all, container{at.Then("steps", i), fmt.Sprintf("step %q", s.Name), image, s.Ref != nil, s})
	}
	for i, s := range spec.Sidecars {
		all = append(all, container{at.Then("sidecars", i), fmt.Sprintf("sidecar %q", s.Name), s.Image, false, nil})
	}
	return all
}
