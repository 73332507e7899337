// Package lint holds the rules that a catalog keeps, one small function a rule.
//
// It promises that every finding names the file, the line, what was found, the rule and how to mend it, and that findings come in a stable
// order. It judges YAML and folders only: what a task's program does is judged by its own tests and by the contract test.
//
//	t, err := tree.Load(".")
//	for _, f := range lint.Check(t) { fmt.Println(f) }
package lint

import (
	"cmp"
	"fmt"
	"slices"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/sluice-ci/sluice/catalog/tree"
)

// A Finding is one place where a rule is broken.
type Finding struct {
	File   string `json:"file"` // relative to the catalog's root
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Rule   string `json:"rule"`
	What   string `json:"what"`
	Remedy string `json:"remedy"`
}

func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s [%s]\n  %s", f.File, f.Line, f.What, f.Rule, f.Remedy)
}

// A Rule is one thing that a catalog holds to. Each of its functions that is set is called for every subject of its kind.
type Rule struct {
	Name string
	Doc  string // what the rule says and why, in one sentence

	tree         func(r *report)
	unit         func(r *report)                                      // a folder, with or without its document
	document     func(r *report)                                      // the Task or Pipeline of a folder
	taskSpec     func(r *report, at tree.Path, spec *v1.TaskSpec)     // wherever one stands, embedded ones too
	pipelineSpec func(r *report, at tree.Path, spec *v1.PipelineSpec) // likewise
	sample       func(r *report)                                      // each document in samples/
}

// report is what a rule sees, and where it says what it found.
type report struct {
	rule     string
	tree     *tree.Tree
	unit     *tree.Unit
	doc      *tree.Document
	findings *[]Finding
}

// found points at a field of the current document.
func (r *report) found(at tree.Path, remedy, format string, args ...any) {
	line, column := r.doc.Position(at)
	r.add(r.doc.File, line, column, remedy, format, args...)
}

// foundIn points at a file that is not a document of the tree, or that is missing.
func (r *report) foundIn(file string, line int, remedy, format string, args ...any) {
	r.add(file, line, 1, remedy, format, args...)
}

func (r *report) add(file string, line, column int, remedy, format string, args ...any) {
	*r.findings = append(*r.findings, Finding{
		File: file, Line: line, Column: column, Rule: r.rule, What: fmt.Sprintf(format, args...), Remedy: remedy,
	})
}

// Check applies every rule to the tree.
func Check(t *tree.Tree) []Finding {
	findings := []Finding{}
	for _, p := range t.Problems {
		findings = append(findings, Finding{
			File: p.File, Line: p.Line, Column: p.Column, Rule: wellFormed.Name, What: p.What,
			Remedy: "write it as the API server would accept it: no unknown, repeated or mistyped field",
		})
	}
	for _, rule := range Rules {
		rule.apply(t, &findings)
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Rule, b.Rule))
	})
	return slices.Compact(findings)
}

func (rule Rule) apply(t *tree.Tree, findings *[]Finding) {
	r := report{rule: rule.Name, tree: t, findings: findings}
	if rule.tree != nil {
		rule.tree(&r)
	}
	for _, u := range t.Units() {
		r := r
		r.unit = u
		if rule.unit != nil {
			rule.unit(&r)
		}
		if u.Main != nil {
			r.doc = u.Main
			if rule.document != nil {
				rule.document(&r)
			}
			rule.specs(&r)
		}
		for _, s := range u.Samples {
			r.doc = s
			if rule.sample != nil {
				rule.sample(&r)
			}
			rule.specs(&r)
		}
	}
}

// specs calls the rule for each task and pipeline specification in the document.
func (rule Rule) specs(r *report) {
	spec := tree.At("spec")
	switch d := r.doc; {
	case d.Task != nil:
		rule.onTask(r, spec, &d.Task.Spec)
	case d.TaskRun != nil && d.TaskRun.Spec.TaskSpec != nil:
		rule.onTask(r, spec.Then("taskSpec"), d.TaskRun.Spec.TaskSpec)
	case d.Pipeline != nil:
		rule.onPipeline(r, spec, &d.Pipeline.Spec)
	case d.PipelineRun != nil && d.PipelineRun.Spec.PipelineSpec != nil:
		rule.onPipeline(r, spec.Then("pipelineSpec"), d.PipelineRun.Spec.PipelineSpec)
	}
}

func (rule Rule) onTask(r *report, at tree.Path, spec *v1.TaskSpec) {
	if rule.taskSpec != nil {
		rule.taskSpec(r, at, spec)
	}
}

func (rule Rule) onPipeline(r *report, at tree.Path, spec *v1.PipelineSpec) {
	if rule.pipelineSpec != nil {
		rule.pipelineSpec(r, at, spec)
	}
	for _, pt := range pipelineTasks(at, spec) {
		if pt.TaskSpec != nil {
			rule.onTask(r, pt.at.Then("taskSpec"), &pt.TaskSpec.TaskSpec)
		}
	}
}

// A pipelineTask is a task of a pipeline with the place where it stands.
type pipelineTask struct {
	*v1.PipelineTask
	at      tree.Path
	finally bool
}

func pipelineTasks(at tree.Path, spec *v1.PipelineSpec) []pipelineTask {
	var all []pipelineTask
	for i := range spec.Tasks {
		all = append(all, pipelineTask{&spec.Tasks[i], at.Then("tasks", i), false})
	}
	for i := range spec.Finally {
		all = append(all, pipelineTask{&spec.Finally[i], at.Then("finally", i), true})
	}
	return all
}
