package lint

import (
	"github.com/tektoncd/pipeline/pkg/apis/pipeline/pod"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/sluice-ci/sluice/catalog/tree"
)

var sampleRules = []Rule{
	{Name: "one-claim", Doc: "All claims that a sample binds are one claim with subPaths: Tekton refuses two in one pod while its affinity assistant is on.", sample: oneClaim},
	{Name: "fs-group", Doc: "A sample that binds a claim sets fsGroup 65532 in its pod template, or a step that is not root cannot write to it.", sample: fsGroup},
	{Name: "sample", Doc: "A folder has samples that people copy and the end-to-end tests run.", unit: hasSample},
}

func runWorkspaces(d *tree.Document) []v1.WorkspaceBinding {
	switch {
	case d.TaskRun != nil:
		return d.TaskRun.Spec.Workspaces
	case d.PipelineRun != nil:
		return d.PipelineRun.Spec.Workspaces
	}
	return nil
}

func oneClaim(r *report) {
	claim, subPaths := "", map[string]string{}
	for i, w := range runWorkspaces(r.doc) {
		place := tree.At("spec", "workspaces", i)
		name := ""
		switch {
		case w.PersistentVolumeClaim != nil:
			name = w.PersistentVolumeClaim.ClaimName
		case w.VolumeClaimTemplate != nil:
			name = "the template of workspace " + w.Name
		default:
			continue
		}
		if claim != "" && name != claim {
			r.found(place, "bind the same claim with a subPath of its own", "workspace %q is a second claim (%s) beside %s", w.Name, name, claim)
		}
		claim = name
		if other, taken := subPaths[name+"/"+w.SubPath]; taken {
			r.found(place, "give it a subPath of its own", "workspaces %q and %q are the same folder of the claim", other, w.Name)
		}
		subPaths[name+"/"+w.SubPath] = w.Name
	}
}

func fsGroup(r *report) {
	var template *pod.PodTemplate
	field := tree.At("spec", "podTemplate")
	switch d := r.doc; {
	case d.TaskRun != nil:
		template = d.TaskRun.Spec.PodTemplate
	case d.PipelineRun != nil:
		template = d.PipelineRun.Spec.TaskRunTemplate.PodTemplate
		field = tree.At("spec", "taskRunTemplate", "podTemplate")
	}
	for _, w := range runWorkspaces(r.doc) {
		if w.PersistentVolumeClaim == nil && w.VolumeClaimTemplate == nil {
			continue
		}
		if template == nil || template.SecurityContext == nil || template.SecurityContext.FSGroup == nil || *template.SecurityContext.FSGroup != nonRoot {
			r.found(field, "write "+field.String()+".securityContext.fsGroup: 65532", "workspace %q is a claim, and the pod has no fsGroup to write to it with", w.Name)
		}
		return
	}
}

func hasSample(r *report) {
	for _, s := range r.unit.Samples {
		if s.TaskRun != nil || s.PipelineRun != nil {
			return
		}
	}
	r.foundIn(r.unit.Dir+"/samples", 1, "add samples/<what>.yaml with a TaskRun or a PipelineRun that people can copy", "%s %q has no sample", r.unit.Kind, r.unit.Name)
}
