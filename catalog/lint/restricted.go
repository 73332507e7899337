package lint

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/catalog/tree"
)

var restrictedRules = []Rule{
	{Name: "restricted", Doc: "Every step keeps the `restricted` Pod Security Standard and more: uid 65532, read-only root, no capability, RuntimeDefault seccomp.", taskSpec: restricted},
	{Name: "resources", Doc: "Every step requests cpu and memory and limits memory, so that it is scheduled where it fits and cannot take a node down.", taskSpec: resources},
	{Name: "fail-closed", Doc: "No step and no pipeline task goes on after an error, or is tried again by Tekton: a refusal must stay one.", taskSpec: stepFailClosed, pipelineSpec: taskFailClosed},
}

const nonRoot = 65532

func restricted(r *report, at tree.Path, spec *v1.TaskSpec) {
	steps, err := v1.MergeStepsWithStepTemplate(spec.StepTemplate, slices.Clone(spec.Steps))
	if err != nil {
		r.found(at.Then("stepTemplate"), "mend the template", "merging stepTemplate: %v", err)
		return
	}
	for i, s := range steps {
		if s.Ref == nil {
			r.restricted(at.Then("steps", i), fmt.Sprintf("step %q", s.Name), s.SecurityContext)
		}
	}
	for i, s := range spec.Sidecars {
		r.restricted(at.Then("sidecars", i), fmt.Sprintf("sidecar %q", s.Name), s.SecurityContext)
	}
}

func (r *report) restricted(at tree.Path, what string, c *corev1.SecurityContext) {
	if missing := unrestricted(c); len(missing) > 0 {
		r.found(at.Then("securityContext"), "write securityContext: {"+strings.Join(missing, ", ")+"}", "%s may do more than `restricted` and this catalog allow", what)
	}
}

// unrestricted lists, as YAML to write, what a security context lacks.
func unrestricted(c *corev1.SecurityContext) []string {
	if c == nil {
		c = &corev1.SecurityContext{}
	}
	var missing []string
	need := func(ok bool, yaml string) {
		if !ok {
			missing = append(missing, yaml)
		}
	}
	is := func(b *bool, want bool) bool { return b != nil && *b == want }
	id := func(i *int64) bool { return i != nil && *i == nonRoot }
	need(is(c.RunAsNonRoot, true), "runAsNonRoot: true")
	need(id(c.RunAsUser), fmt.Sprintf("runAsUser: %d", nonRoot))
	need(id(c.RunAsGroup), fmt.Sprintf("runAsGroup: %d", nonRoot))
	need(is(c.AllowPrivilegeEscalation, false), "allowPrivilegeEscalation: false")
	need(is(c.ReadOnlyRootFilesystem, true), "readOnlyRootFilesystem: true")
	need(c.Privileged == nil || !*c.Privileged, "privileged: false")
	need(c.Capabilities != nil && slices.Equal(c.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(c.Capabilities.Add) == 0, "capabilities: {drop: [ALL]}")
	need(c.SeccompProfile != nil && c.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault, "seccompProfile: {type: RuntimeDefault}")
	return missing
}

func resources(r *report, at tree.Path, spec *v1.TaskSpec) {
	check := func(at tree.Path, what string, c corev1.ResourceRequirements) {
		var missing []string
		for _, need := range []struct {
			list corev1.ResourceList
			name corev1.ResourceName
			text string
		}{
			{c.Requests, corev1.ResourceCPU, "requests.cpu"}, {c.Requests, corev1.ResourceMemory, "requests.memory"}, {c.Limits, corev1.ResourceMemory, "limits.memory"},
		} {
			if q, ok := need.list[need.name]; !ok || q.IsZero() {
				missing = append(missing, need.text)
			}
		}
		if len(missing) > 0 {
			r.found(at.Then("computeResources"), "measure a run and write computeResources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 256Mi}}", "%s does not say its %s", what, strings.Join(missing, ", "))
		}
	}
	for i, s := range spec.Steps {
		c := s.ComputeResources
		if t := spec.StepTemplate; t != nil && c.Requests == nil && c.Limits == nil {
			c = t.ComputeResources
		}
		check(at.Then("steps", i), fmt.Sprintf("step %q", s.Name), c)
	}
	for i, s := range spec.Sidecars {
		check(at.Then("sidecars", i), fmt.Sprintf("sidecar %q", s.Name), s.ComputeResources)
	}
}

func stepFailClosed(r *report, at tree.Path, spec *v1.TaskSpec) {
	for i, s := range spec.Steps {
		if s.OnError != "" && s.OnError != v1.StopAndFail {
			r.found(at.Then("steps", i, "onError"), "delete onError; let the program decide what is an error", "step %q goes on after an error", s.Name)
		}
	}
}

func taskFailClosed(r *report, at tree.Path, spec *v1.PipelineSpec) {
	for _, pt := range pipelineTasks(at, spec) {
		if pt.OnError != "" && pt.OnError != v1.PipelineTaskStopAndFail {
			r.found(pt.at.Then("onError"), "delete onError; what must run whatever happens belongs under finally", "task %q may fail and the pipeline goes on", pt.Name)
		}
		if pt.Retries > 0 {
			r.found(pt.at.Then("retries"), "delete retries; transient faults are retried inside the task, within a budget that is a param", "task %q is tried %d times more, a refusal too", pt.Name, pt.Retries)
		}
	}
}
