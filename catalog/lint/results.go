package lint

import (
	"regexp"
	"slices"
	"strings"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/sluice-ci/sluice/catalog/tree"
)

var resultRules = []Rule{
	{Name: "results-size", Doc: "All results of a task fit, each as long as a digest, into what Kubernetes keeps of one container's termination message.", taskSpec: resultsSize},
	{Name: "results-written", Doc: "Every result is handed to a step as --result-name=$(results.name.path): a result that nobody writes is the caller's surprise.", document: resultsWritten},
	{Name: "chains-hints", Doc: "Results that Tekton Chains reads have its exact names and come in pairs: IMAGE_URL with IMAGE_DIGEST, and the like.", taskSpec: chainsHints},
}

const (
	podMessages  = 12 << 10 // Kubernetes: all termination messages of a pod
	stepMessages = 3 << 10  // ours: leaves a quarter of Tekton's 4096 bytes to Tekton's own data
	entry        = 36       // {"key":"","value":"","type":1}, and room for escapes
	digest       = len("sha256:") + 64
	injected     = 2 // init containers that Tekton adds to a pod and that share its 12 KiB
)

func resultsSize(r *report, at tree.Path, spec *v1.TaskSpec) {
	size := 0
	for _, result := range spec.Results {
		size += entry + len(result.Name) + digest
	}
	room := min(stepMessages, podMessages/(len(spec.Steps)+len(spec.Sidecars)+injected))
	if size > room {
		r.found(at.Then("results"), "put what is not a digest, a verdict or a count into a file in the reports workspace",
			"%d results need %d bytes when each is as long as a digest, and a step of this pod has %d", len(spec.Results), size, room)
	}
}

func resultsWritten(r *report) {
	if r.doc.Task == nil {
		return
	}
	spec := &r.doc.Task.Spec
	for i, result := range spec.Results {
		arg := "--result-" + result.Name + "=$(results." + result.Name + ".path)"
		if !slices.ContainsFunc(spec.Steps, func(s v1.Step) bool { return slices.Contains(s.Args, arg) }) {
			r.found(tree.At("spec", "results", i), "pass "+arg, "no step is told where to write result %q", result.Name)
		}
	}
}

// hintPairs are the suffixes that Chains looks for; both of a pair are needed, with one prefix.
var hintPairs = [][2]string{
	{"IMAGE_URL", "IMAGE_DIGEST"},
	{"ARTIFACT_URI", "ARTIFACT_DIGEST"},
	{"CHAINS-GIT_URL", "CHAINS-GIT_COMMIT"},
}

// nearMiss matches names that a person would take for one of the hints, and Chains would not.
var nearMiss = regexp.MustCompile(`(?i)^(.*[-_])?(image[-_](url|digest)|artifact[-_](uri|digest|inputs|outputs)|chains[-_]git[-_](url|commit)|images)$`)

var hint = regexp.MustCompile(`^(.*(IMAGE_(URL|DIGEST)|ARTIFACT_(URI|DIGEST|INPUTS|OUTPUTS))|CHAINS-GIT_(URL|COMMIT)|IMAGES)$`)

func chainsHints(r *report, at tree.Path, spec *v1.TaskSpec) {
	has := map[string]bool{}
	for _, result := range spec.Results {
		has[result.Name] = true
	}
	for i, result := range spec.Results {
		place := at.Then("results", i)
		name := result.Name
		if nearMiss.MatchString(name) && !hint.MatchString(name) {
			r.found(place.Then("name"), "write it as "+exactHint(name)+", or call it something else", "result %q looks like a hint for Tekton Chains, which does not read it", name)
		}
		for _, pair := range hintPairs {
			for j, suffix := range pair {
				if prefix, ok := strings.CutSuffix(name, suffix); ok && !has[prefix+pair[1-j]] {
					r.found(place, "add the result "+prefix+pair[1-j], "result %q tells Tekton Chains nothing without %q", name, prefix+pair[1-j])
				}
			}
		}
		if strings.HasSuffix(name, "ARTIFACT_INPUTS") || strings.HasSuffix(name, "ARTIFACT_OUTPUTS") {
			if result.Type != v1.ResultsTypeObject || !keys(result, "uri", "digest") {
				r.found(place, "write type: object, properties: {uri: {}, digest: {}}", "result %q is not an object of uri and digest", name)
			}
		}
	}
}

func exactHint(name string) string {
	upper := strings.ReplaceAll(strings.ToUpper(name), "-", "_")
	return strings.Replace(upper, "CHAINS_GIT", "CHAINS-GIT", 1)
}

func keys(result v1.TaskResult, names ...string) bool {
	for _, n := range names {
		if _, ok := result.Properties[n]; !ok {
			return false
		}
	}
	return true
}
