package lint

import (
	"regexp"
	"slices"
	"strings"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/sluice-ci/sluice/catalog/tree"
)

var flowRules = []Rule{
	{Name: "result-ref", Doc: "Every $(tasks.x.results.y) names a task of the pipeline and a result that this task declares, used as the type that it is.", pipelineSpec: resultRefs},
	{Name: "finally", Doc: "A finally task reads statuses, params and workspaces only: naming a result of a task that did not run, it would be skipped itself.", pipelineSpec: finally},
}

// resultRef matches $(tasks.x.results.y), with what may follow: [*], [0] or .key.
var resultRef = regexp.MustCompile(`\$\((tasks|finally)\.([A-Za-z0-9_-]+)\.results\.([A-Za-z0-9_-]+)((?:\[[^\]]*\]|\.[A-Za-z0-9_-]+)?)\)`)

func resultRefs(r *report, at tree.Path, spec *v1.PipelineSpec) {
	tasks := pipelineTasks(at, spec)
	types := r.resultTypes(spec)
	for _, part := range []string{"tasks", "finally", "results"} {
		n, ok := r.doc.Lookup(at.Then(part))
		if !ok {
			continue
		}
		for place, value := range scalars(n, at.Then(part)) {
			for _, m := range resultRef.FindAllStringSubmatch(value, -1) {
				task, result, rest := m[2], m[3], m[4]
				i := slices.IndexFunc(tasks, func(pt pipelineTask) bool { return pt.Name == task })
				if i < 0 {
					r.found(place, "name one of: "+taskNames(tasks), "%s names task %q, which is not in this pipeline", m[0], task)
					continue
				}
				declared := r.taskSpecOf(tasks[i].PipelineTask)
				if declared == nil {
					continue
				}
				typ, ok := types[task+"."+result]
				switch {
				case !ok:
					r.found(place, "name one of: "+resultNames(declared), "%s names result %q, which task %q does not have", m[0], result, task)
				case typ == v1.ParamTypeString && rest != "":
					r.found(place, "write $(tasks."+task+".results."+result+")", "%s takes result %q apart, which is a string", m[0], result)
				case typ != v1.ParamTypeString && rest == "":
					r.found(place, "write $(tasks."+task+".results."+result+"[*])", "%s uses result %q whole, which is of type %s", m[0], result, typ)
				}
			}
		}
	}
}

// resultTypes are the types of all results of the pipeline's tasks, by "task.result".
func (r *report) resultTypes(spec *v1.PipelineSpec) map[string]v1.ParamType {
	types := map[string]v1.ParamType{}
	for _, pt := range pipelineTasks(nil, spec) {
		task := r.taskSpecOf(pt.PipelineTask)
		if task == nil {
			continue
		}
		for _, result := range task.Results {
			typ := v1.ParamType(result.Type)
			if typ == "" {
				typ = v1.ParamTypeString
			}
			types[pt.Name+"."+result.Name] = typ
		}
	}
	return types
}

func taskNames(tasks []pipelineTask) string {
	var list []string
	for _, pt := range tasks {
		list = append(list, pt.Name)
	}
	return strings.Join(list, ", ")
}

func resultNames(spec *v1.TaskSpec) string {
	var list []string
	for _, result := range spec.Results {
		list = append(list, result.Name)
	}
	if list == nil {
		return "(it has no results)"
	}
	return strings.Join(list, ", ")
}

func finally(r *report, at tree.Path, spec *v1.PipelineSpec) {
	for i, pt := range spec.Finally {
		n, ok := r.doc.Lookup(at.Then("finally", i))
		if !ok {
			continue
		}
		for place, value := range scalars(n, at.Then("finally", i)) {
			for _, m := range resultRef.FindAllString(value, -1) {
				r.found(place, "pass $(tasks.<name>.status), and read the rest from the reports workspace", "finally task %q names %s and is skipped when that task did not run", pt.Name, m)
			}
		}
	}
}

func typeOf(p v1.ParamSpec) v1.ParamType {
	switch {
	case p.Type != "":
		return p.Type
	case p.Default != nil:
		return p.Default.Type
	}
	return v1.ParamTypeString
}

var wholeVariable = regexp.MustCompile(`^\$\((params|tasks)\.([A-Za-z0-9_.-]+?)\[\*\]\)$`)

// valueType is the type that a value has once its variables are replaced; "" where that cannot be told.
func valueType(value v1.ParamValue, params, results map[string]v1.ParamType) v1.ParamType {
	if value.Type != v1.ParamTypeString {
		return value.Type
	}
	m := wholeVariable.FindStringSubmatch(value.StringVal)
	switch {
	case m == nil:
		return v1.ParamTypeString
	case m[1] == "params":
		return params[m[2]]
	}
	return results[strings.Replace(m[2], ".results.", ".", 1)]
}
