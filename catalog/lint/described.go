package lint

import (
	"iter"
	"regexp"
	"strings"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/sluice-ci/sluice/catalog/tree"
)

var describedRules = []Rule{
	{Name: "description", Doc: "A description begins with one sentence that says what it does, which hubs and the command's help show.", document: description},
	{Name: "described", Doc: "Every param, workspace and result has a description, since the YAML is the interface that people read.", document: described},
	{Name: "param-name", Doc: "Names of params and workspaces are lower-case words with dashes, so that the same name can be a flag.", document: paramName},
	{Name: "one-list", Doc: "All params of a task are strings but for one list at most, because a command line can end in one list.", taskSpec: oneList},
}

func description(r *report) {
	at := tree.At("spec", "description")
	n, ok := r.doc.Lookup(at)
	if !ok || strings.TrimSpace(n.Value) == "" {
		r.found(at, "write spec.description: what it does, as one sentence, before anything else", "it has no description")
		return
	}
	if !firstSentence.MatchString(n.Value) {
		r.found(at, "begin with a sentence of 15 to 160 characters that starts with a capital and ends with a full stop", "the description does not begin with a sentence")
	}
}

var firstSentence = regexp.MustCompile(`(?s)^[A-Z].{13,158}?[.](\s|$)`)

// names yields the place and name of each element of spec.<list>.
func (r *report) names(list string) iter.Seq2[tree.Path, string] {
	return func(yield func(tree.Path, string) bool) {
		at := tree.At("spec", list)
		n, ok := r.doc.Lookup(at)
		if !ok {
			return
		}
		for i := range n.Content {
			name, ok := r.doc.Lookup(at.Then(i, "name"))
			if ok && !yield(at.Then(i), name.Value) {
				return
			}
		}
	}
}

func described(r *report) {
	for _, list := range []string{"params", "workspaces", "results"} {
		for at, name := range r.names(list) {
			if n, ok := r.doc.Lookup(at.Then("description")); !ok || strings.TrimSpace(n.Value) == "" {
				r.found(at, "add a description: what it is, its unit, what happens when it is empty", "%s %q has no description", strings.TrimSuffix(list, "s"), name)
			}
		}
	}
}

var kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

func paramName(r *report) {
	for _, list := range []string{"params", "workspaces"} {
		for at, name := range r.names(list) {
			if !kebab.MatchString(name) {
				r.found(at.Then("name"), "rename it, for example base-image", "%s %q is not lower-case words with dashes", strings.TrimSuffix(list, "s"), name)
			}
		}
	}
}

func oneList(r *report, at tree.Path, spec *v1.TaskSpec) {
	lists := 0
	for i, p := range spec.Params {
		switch p.Type {
		case v1.ParamTypeArray:
			if lists++; lists > 1 {
				r.found(at.Then("params", i), "make it a string of comma-separated values", "param %q is a second list", p.Name)
			}
		case v1.ParamTypeObject:
			r.found(at.Then("params", i), "make each key a param of its own", "param %q is an object, which cannot be a flag", p.Name)
		}
	}
}
