package release

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sluice-ci/sluice/catalog/tree"
)

// pipeline embeds the tasks that a pipeline names.
//
// A name is looked up in the namespace of the run, where the catalog is not installed; and a reference into the catalog's namespace would
// cost every run a resolution a task and would let an upgrade change a pipeline under its users.
//
// Tekton treats an embedded task differently in two ways, and both are evened out here so that a task behaves as if it were referenced: a
// param of the pipeline reaches into the task where the task has a default for the same name (github.com/tektoncd/pipeline, propagated
// parameters), and a workspace of the run is bound to a task that uses one of the same name, even if the pipeline does not bind it.
func (r *renderer) pipeline(u *tree.Unit) (*yaml.Node, error) {
	node := clone(u.Main.Node)
	spec := field(node, "spec")
	declared := elementNames(field(spec, "params"))
	for _, list := range []string{"tasks", "finally"} {
		tasks := field(spec, list)
		if tasks == nil {
			continue
		}
		for _, pt := range tasks.Content {
			if err := r.embed(pt, declared); err != nil {
				return nil, err
			}
		}
	}
	return node, r.byDigest(node)
}

// embed puts the specification of a task where its name stands.
func (r *renderer) embed(pt *yaml.Node, pipelineParams []string) error {
	ref := field(pt, "taskRef")
	if ref == nil || field(ref, "resolver") != nil {
		return nil
	}
	name := field(ref, "name")
	if name == nil {
		return fmt.Errorf("line %d: taskRef has no name", ref.Line)
	}
	task := r.o.Tree.Task(name.Value)
	if task == nil || task.Main == nil {
		return fmt.Errorf("line %d: there is no task %q in the catalog", name.Line, name.Value)
	}
	node := clone(task.Main.Node)
	spec := field(node, "spec")
	setDefaults(pt, spec, pipelineParams)
	dropUnbound(pt, spec)
	labels := mapping("app.kubernetes.io/name", task.Name, "app.kubernetes.io/version", task.Version())
	spec.Content = append([]*yaml.Node{scalar("metadata"), {Kind: yaml.MappingNode, Content: []*yaml.Node{scalar("labels"), labels}}}, spec.Content...)
	for i := 0; i+1 < len(pt.Content); i += 2 {
		if pt.Content[i].Value == "taskRef" {
			pt.Content[i], pt.Content[i+1] = scalar("taskSpec"), spec
		}
	}
	return nil
}

// setDefaults passes a default explicitly where the pipeline has a param of the same name, which would take its place.
func setDefaults(pt, spec *yaml.Node, pipelineParams []string) {
	given := append(elementNames(field(pt, "params")), elementNames(field(field(pt, "matrix"), "params"))...)
	params := field(spec, "params")
	if params == nil {
		return
	}
	for _, p := range params.Content {
		name, def := field(p, "name"), field(p, "default")
		if name == nil || def == nil || slices.Contains(given, name.Value) || !slices.Contains(pipelineParams, name.Value) {
			continue
		}
		list := field(pt, "params")
		if list == nil {
			list = &yaml.Node{Kind: yaml.SequenceNode}
			pt.Content = append(pt.Content, scalar("params"), list)
		}
		list.Content = append(list.Content, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
			scalar("name"), scalar(name.Value), scalar("value"), clone(def),
		}})
	}
}

// dropUnbound removes the optional workspaces that the pipeline does not bind, and writes in their place what Tekton would: no path.
func dropUnbound(pt, spec *yaml.Node) {
	bound := elementNames(field(pt, "workspaces"))
	workspaces := field(spec, "workspaces")
	if workspaces == nil {
		return
	}
	var kept []*yaml.Node
	for _, w := range workspaces.Content {
		name, optional := field(w, "name"), field(w, "optional")
		if name == nil || slices.Contains(bound, name.Value) || optional == nil || optional.Value != "true" {
			kept = append(kept, w)
			continue
		}
		replace(spec, "$(workspaces."+name.Value+".path)", "")
		replace(spec, "$(workspaces."+name.Value+".bound)", "false")
	}
	workspaces.Content = kept
	if len(kept) == 0 {
		remove(spec, "workspaces")
	}
}

// referThrough makes the runs of a sample find tasks and pipelines by name in the catalog's namespace, whatever namespace they are in.
func referThrough(n *yaml.Node, namespace string) {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			kind, ok := strings.CutSuffix(n.Content[i].Value, "Ref")
			ref := n.Content[i+1]
			if ok && (kind == "task" || kind == "pipeline") && field(ref, "resolver") == nil && field(ref, "name") != nil {
				n.Content[i+1] = clusterRef(kind, field(ref, "name").Value, namespace)
			}
		}
	}
	for _, c := range n.Content {
		referThrough(c, namespace)
	}
}

func clusterRef(kind, name, namespace string) *yaml.Node {
	params := &yaml.Node{Kind: yaml.SequenceNode}
	for _, p := range [][2]string{{"kind", kind}, {"name", name}, {"namespace", namespace}} {
		entry := mapping("name", p[0], "value", p[1])
		entry.Style = yaml.FlowStyle
		params.Content = append(params.Content, entry)
	}
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar("resolver"), scalar("cluster"), scalar("params"), params}}
}
