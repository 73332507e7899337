package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/sluice-ci/sluice/catalog/tree"
)

var wiringRules = []Rule{
	{Name: "task-ref", Doc: "Every taskRef and pipelineRef names something in this catalog; one from elsewhere is bound to a digest or a commit.", pipelineSpec: taskRefs, sample: runRef},
	{Name: "wiring", Doc: "Params and workspaces given to a task are those that it declares, all that it needs, and of the same type.", pipelineSpec: wiring, sample: runWiring},
}

// taskSpecOf is the specification behind a pipeline task; nil where it is not in the tree.
func (r *report) taskSpecOf(pt *v1.PipelineTask) *v1.TaskSpec {
	switch {
	case pt.TaskSpec != nil:
		return &pt.TaskSpec.TaskSpec
	case pt.TaskRef != nil:
		if u := r.tree.Task(nameIn("task", pt.TaskRef.Name, pt.TaskRef.ResolverRef)); u != nil && u.Main != nil {
			return &u.Main.Task.Spec
		}
	}
	return nil
}

// nameIn is the name that a reference gives: its own, or what it asks the cluster resolver for.
func nameIn(kind, name string, ref v1.ResolverRef) string {
	if ref.Resolver == "cluster" && refParam(ref, "kind") == kind {
		return refParam(ref, "name")
	}
	return name
}

func refParam(ref v1.ResolverRef, name string) string {
	for _, p := range ref.Params {
		if p.Name == name {
			return p.Value.StringVal
		}
	}
	return ""
}

func taskRefs(r *report, at tree.Path, spec *v1.PipelineSpec) {
	for _, pt := range pipelineTasks(at, spec) {
		if pt.TaskRef != nil {
			r.ref(pt.at.Then("taskRef"), "task", pt.TaskRef.Name, pt.TaskRef.ResolverRef)
		}
	}
}

func runRef(r *report) {
	switch d := r.doc; {
	case d.TaskRun != nil && d.TaskRun.Spec.TaskRef != nil:
		r.ref(tree.At("spec", "taskRef"), "task", d.TaskRun.Spec.TaskRef.Name, d.TaskRun.Spec.TaskRef.ResolverRef)
	case d.PipelineRun != nil && d.PipelineRun.Spec.PipelineRef != nil:
		r.ref(tree.At("spec", "pipelineRef"), "pipeline", d.PipelineRun.Spec.PipelineRef.Name, d.PipelineRun.Spec.PipelineRef.ResolverRef)
	}
}

func (r *report) ref(at tree.Path, kind, name string, resolver v1.ResolverRef) {
	switch {
	case resolver.Resolver == "":
	case resolver.Resolver == "cluster" && r.doc.Pipeline != nil:
		r.found(at, "write "+kind+"Ref: {name: …}; the release embeds the task", "the cluster resolver would give whatever the cluster holds then")
		return
	case resolver.Resolver == "cluster": // a sample that finds the installed catalog
		name = nameIn(kind, name, resolver)
	case !pinned(resolver):
		r.found(at, "name a digest (bundle, http) or a full commit (git), or use a "+kind+" of this catalog", "the %s resolver is asked for something that can change", resolver.Resolver)
		return
	default:
		return
	}
	units, u := r.tree.Tasks, r.tree.Task(name)
	if kind == "pipeline" {
		units, u = r.tree.Pipelines, r.tree.Pipeline(name)
	}
	if u == nil {
		r.found(at.Then("name"), "name one of: "+names(units), "there is no %s %q in this catalog", kind, name)
	}
}

func names(units []*tree.Unit) string {
	var list []string
	for _, u := range units {
		list = append(list, u.Name)
	}
	return strings.Join(list, ", ")
}

var fullCommit = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// pinned says whether a remote reference can only ever mean one content.
func pinned(ref v1.ResolverRef) bool {
	switch ref.Resolver {
	case "bundles":
		return byDigest.MatchString(refParam(ref, "bundle"))
	case "http":
		return refParam(ref, "digest") != ""
	case "git":
		return fullCommit.MatchString(refParam(ref, "revision"))
	}
	return false
}

func wiring(r *report, at tree.Path, spec *v1.PipelineSpec) {
	declared := map[string]v1.ParamType{}
	for _, p := range spec.Params {
		declared[p.Name] = typeOf(p)
	}
	optional := map[string]bool{}
	for _, w := range spec.Workspaces {
		optional[w.Name] = w.Optional
	}
	for _, pt := range pipelineTasks(at, spec) {
		task := r.taskSpecOf(pt.PipelineTask)
		if task == nil {
			continue
		}
		what := fmt.Sprintf("task %q", pt.Name)
		params := map[string]v1.ParamType{}
		for _, p := range pt.Params {
			params[p.Name] = valueType(p.Value, declared, r.resultTypes(spec))
		}
		if pt.Matrix != nil {
			for _, p := range pt.Matrix.Params {
				params[p.Name] = ""
			}
			for _, p := range pt.Matrix.GetAllParams() {
				params[p.Name] = ""
			}
		}
		r.params(pt.at, what, params, task.Params)
		var bound []string
		for i, w := range pt.Workspaces {
			bound = append(bound, w.Name)
			if needed(task.Workspaces, w.Name) && optional[boundTo(w)] {
				r.found(pt.at.Then("workspaces", i), "make the pipeline's workspace required, or the task's optional", "%s needs workspace %q, which the pipeline says is optional", what, w.Name)
			}
		}
		r.workspaces(pt.at, what, bound, task.Workspaces)
	}
}

func runWiring(r *report) {
	var given v1.Params
	var bindings []v1.WorkspaceBinding
	var declared v1.ParamSpecs
	var needs []v1.WorkspaceDeclaration
	switch d := r.doc; {
	case d.TaskRun != nil && d.TaskRun.Spec.TaskRef != nil:
		u := r.tree.Task(nameIn("task", d.TaskRun.Spec.TaskRef.Name, d.TaskRun.Spec.TaskRef.ResolverRef))
		if u == nil || u.Main == nil {
			return
		}
		given, bindings = d.TaskRun.Spec.Params, d.TaskRun.Spec.Workspaces
		declared, needs = u.Main.Task.Spec.Params, u.Main.Task.Spec.Workspaces
	case d.PipelineRun != nil && d.PipelineRun.Spec.PipelineRef != nil:
		u := r.tree.Pipeline(nameIn("pipeline", d.PipelineRun.Spec.PipelineRef.Name, d.PipelineRun.Spec.PipelineRef.ResolverRef))
		if u == nil || u.Main == nil {
			return
		}
		given, bindings = d.PipelineRun.Spec.Params, d.PipelineRun.Spec.Workspaces
		declared, needs = u.Main.Pipeline.Spec.Params, declarations(u.Main.Pipeline.Spec.Workspaces)
	case d.PipelineRun != nil && d.PipelineRun.Spec.PipelineSpec != nil:
		given, bindings = d.PipelineRun.Spec.Params, d.PipelineRun.Spec.Workspaces
		declared, needs = d.PipelineRun.Spec.PipelineSpec.Params, declarations(d.PipelineRun.Spec.PipelineSpec.Workspaces)
		if len(declared) == 0 { // params are propagated into an embedded pipeline that declares none
			given = nil
		}
	default:
		return
	}
	params := map[string]v1.ParamType{}
	for _, p := range given {
		params[p.Name] = valueType(p.Value, nil, nil)
	}
	r.params(tree.At("spec"), "the run", params, declared)
	var bound []string
	for _, b := range bindings {
		bound = append(bound, b.Name)
	}
	r.workspaces(tree.At("spec"), "the run", bound, needs)
}

func declarations(ws []v1.PipelineWorkspaceDeclaration) []v1.WorkspaceDeclaration {
	var all []v1.WorkspaceDeclaration
	for _, w := range ws {
		all = append(all, v1.WorkspaceDeclaration{Name: w.Name, Optional: w.Optional})
	}
	return all
}

func (r *report) params(at tree.Path, what string, given map[string]v1.ParamType, declared v1.ParamSpecs) {
	for name, typ := range given {
		i := slices.IndexFunc(declared, func(p v1.ParamSpec) bool { return p.Name == name })
		if i < 0 {
			r.found(r.element(at, "params", name), "mend the name, or delete it", "%s is given param %q, which it does not declare", what, name)
		} else if want := typeOf(declared[i]); typ != "" && typ != want {
			r.found(r.element(at, "params", name), fmt.Sprintf("give it a value of type %s", want), "%s is given a value of type %s for param %q, which is of type %s", what, typ, name, want)
		}
	}
	for _, p := range declared {
		if _, ok := given[p.Name]; !ok && p.Default == nil {
			r.found(at.Then("params"), "add {name: "+p.Name+", value: …}", "%s is not given param %q, which has no default", what, p.Name)
		}
	}
}

func (r *report) workspaces(at tree.Path, what string, bound []string, declared []v1.WorkspaceDeclaration) {
	for _, name := range bound {
		if !slices.ContainsFunc(declared, func(w v1.WorkspaceDeclaration) bool { return w.Name == name }) {
			r.found(r.element(at, "workspaces", name), "mend the name, or delete it", "%s is bound workspace %q, which it does not declare", what, name)
		}
	}
	for _, w := range declared {
		if !w.Optional && !slices.Contains(bound, w.Name) {
			r.found(at.Then("workspaces"), "bind "+w.Name, "%s needs workspace %q, which nothing is bound to", what, w.Name)
		}
	}
}

func needed(declared []v1.WorkspaceDeclaration, name string) bool {
	return slices.ContainsFunc(declared, func(w v1.WorkspaceDeclaration) bool { return w.Name == name && !w.Optional })
}

// element is the place of the element with this name in a list.
func (r *report) element(at tree.Path, list, name string) tree.Path {
	n, ok := r.doc.Lookup(at.Then(list))
	if !ok {
		return at.Then(list)
	}
	for i := range n.Content {
		if v, ok := r.doc.Lookup(at.Then(list, i, "name")); ok && v.Value == name {
			return at.Then(list, i)
		}
	}
	return at.Then(list)
}
