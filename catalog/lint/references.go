package lint

import (
	"regexp"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/sluice-ci/sluice/catalog/tree"
)

var referenceRules = []Rule{
	{Name: "references", Doc: "Every variable that a task uses is declared by it, and every workspace that it declares is used.", taskSpec: references},
	{Name: "unused", Doc: "Every param and workspace that a pipeline declares is used by one of its tasks.", pipelineSpec: unused},
}

// variable matches $(params.x…), $(params["x"]…), $(workspaces.x.path) and $(results.x.path).
var variable = regexp.MustCompile(`\$\((params|workspaces|results)(?:\.|\[["'])([A-Za-z0-9_-]+)`)

// uses lists the names that the scalars under a field use, by kind of variable, each with the place of its first use.
func (r *report) uses(at tree.Path) map[string]map[string]tree.Path {
	found := map[string]map[string]tree.Path{"params": {}, "workspaces": {}, "results": {}}
	n, ok := r.doc.Lookup(at)
	if !ok {
		return found
	}
	for place, value := range scalars(n, at) {
		for _, m := range variable.FindAllStringSubmatch(value, -1) {
			if _, seen := found[m[1]][m[2]]; !seen {
				found[m[1]][m[2]] = place
			}
		}
	}
	return found
}

func references(r *report, at tree.Path, spec *v1.TaskSpec) {
	declared := map[string]map[string]bool{"params": {}, "workspaces": {}, "results": {}}
	for _, p := range spec.Params {
		declared["params"][p.Name] = true
	}
	for _, w := range spec.Workspaces {
		declared["workspaces"][w.Name] = true
	}
	for _, result := range spec.Results {
		declared["results"][result.Name] = true
	}
	used := map[string]map[string]tree.Path{"params": {}, "workspaces": {}, "results": {}}
	for _, part := range []string{"steps", "sidecars", "stepTemplate", "volumes"} {
		for kind, names := range r.uses(at.Then(part)) {
			for name, place := range names {
				used[kind][name] = place
				if !declared[kind][name] {
					r.found(place, "declare it under "+kind+", or mend the name", "$(%s.%s) is declared nowhere in the task", kind, name)
				}
			}
		}
	}
	for i, w := range spec.Workspaces {
		if _, ok := used["workspaces"][w.Name]; !ok {
			r.found(at.Then("workspaces", i), "pass --"+w.Name+"=$(workspaces."+w.Name+".path), or delete the workspace", "workspace %q is used by no step", w.Name)
		}
	}
}

func unused(r *report, at tree.Path, spec *v1.PipelineSpec) {
	params, workspaces := map[string]bool{}, map[string]bool{}
	for _, part := range []string{"tasks", "finally", "results"} {
		used := r.uses(at.Then(part))
		for name := range used["params"] {
			params[name] = true
		}
		for name := range used["workspaces"] {
			workspaces[name] = true
		}
	}
	for _, pt := range pipelineTasks(at, spec) {
		for _, w := range pt.Workspaces {
			workspaces[boundTo(w)] = true
		}
	}
	for i, p := range spec.Params {
		if !params[p.Name] {
			r.found(at.Then("params", i), "use it, or delete it", "param %q is used by no task", p.Name)
		}
	}
	for i, w := range spec.Workspaces {
		if !workspaces[w.Name] {
			r.found(at.Then("workspaces", i), "bind it to a task, or delete it", "workspace %q is used by no task", w.Name)
		}
	}
}

// boundTo is the pipeline's workspace that a pipeline task's workspace stands for.
func boundTo(w v1.WorkspacePipelineTaskBinding) string {
	if w.Workspace == "" {
		return w.Name
	}
	return w.Workspace
}
