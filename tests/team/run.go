package team

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"knative.dev/pkg/apis"
)

// Outcome is how a run ended.
type Outcome struct {
	Kind, Name string // TaskRun or PipelineRun
	Succeeded  bool
	Message    string
	Took       time.Duration
	Results    map[string]string // of a PipelineRun
	Tasks      []TaskOutcome     // in the order in which they began
}

// TaskOutcome is how one TaskRun ended. A bare TaskRun is the only one of its
// outcome, under the name "".
type TaskOutcome struct {
	Task    string // name in the pipeline
	TaskRun string
	Status  string // Succeeded, Failed, or Running
	Began   time.Time
	Took    time.Duration
	InSteps time.Duration // of it, while a step ran, in whole seconds
	Results map[string]string
	Log     string // of its steps; filled in for finished TaskRuns
}

// Task finds a task of the run by its name in the pipeline.
func (o *Outcome) Task(name string) (TaskOutcome, bool) {
	for _, t := range o.Tasks {
		if t.Task == name {
			return t, true
		}
	}
	return TaskOutcome{}, false
}

// Wait follows a run until it ended, and calls seen, if it is not nil, after
// every look at it.
func (n *Namespace) Wait(ctx context.Context, run *unstructured.Unstructured, seen func(*Outcome)) (*Outcome, error) {
	for {
		outcome, done, err := n.look(ctx, run.GetKind(), run.GetName())
		if err != nil {
			return nil, err
		}
		if seen != nil {
			seen(outcome)
		}
		if done {
			for i, t := range outcome.Tasks {
				outcome.Tasks[i].Log = n.Logs(ctx, t.TaskRun)
			}
			return outcome, nil
		}
		select {
		case <-ctx.Done():
			return outcome, fmt.Errorf("waiting for %s %s: %w", outcome.Kind, outcome.Name, ctx.Err())
		case <-time.After(300 * time.Millisecond):
		}
	}
}

func (n *Namespace) look(ctx context.Context, kind, name string) (*Outcome, bool, error) {
	outcome := &Outcome{Kind: kind, Name: name, Results: map[string]string{}}
	var condition *apis.Condition
	var selector string
	switch kind {
	case "PipelineRun":
		run, err := n.Tekton.TektonV1().PipelineRuns(n.Name).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, false, fmt.Errorf("reading PipelineRun %q: %w", name, err)
		}
		condition = run.Status.GetCondition(apis.ConditionSucceeded)
		outcome.Took = took(run.Status.StartTime, run.Status.CompletionTime)
		for _, r := range run.Status.Results {
			outcome.Results[r.Name] = r.Value.StringVal
		}
		selector = "tekton.dev/pipelineRun=" + name
	case "TaskRun":
		selector = "tekton.dev/taskRun=" + name
	default:
		return nil, false, fmt.Errorf("waiting for a %s: it is neither a TaskRun nor a PipelineRun", kind)
	}
	runs, err := n.taskRuns(ctx, kind, name, selector)
	if err != nil {
		return nil, false, err
	}
	for _, run := range runs {
		outcome.Tasks = append(outcome.Tasks, taskOutcome(&run))
		if kind == "TaskRun" {
			condition = run.Status.GetCondition(apis.ConditionSucceeded)
			outcome.Took = took(run.Status.StartTime, run.Status.CompletionTime)
		}
	}
	slices.SortStableFunc(outcome.Tasks, func(a, b TaskOutcome) int { return a.Began.Compare(b.Began) })
	if condition == nil || condition.Status == corev1.ConditionUnknown {
		return outcome, false, nil
	}
	outcome.Succeeded = condition.Status == corev1.ConditionTrue
	outcome.Message = condition.Message
	return outcome, true, nil
}

func (n *Namespace) taskRuns(ctx context.Context, kind, name, selector string) ([]v1.TaskRun, error) {
	if kind == "TaskRun" {
		run, err := n.Tekton.TektonV1().TaskRuns(n.Name).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("reading TaskRun %q: %w", name, err)
		}
		return []v1.TaskRun{*run}, nil
	}
	list, err := n.Tekton.TektonV1().TaskRuns(n.Name).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("listing the TaskRuns of %s %q: %w", kind, name, err)
	}
	return list.Items, nil
}

func taskOutcome(run *v1.TaskRun) TaskOutcome {
	t := TaskOutcome{
		Task: run.Labels["tekton.dev/pipelineTask"], TaskRun: run.Name, Status: "Running",
		Took: took(run.Status.StartTime, run.Status.CompletionTime), Results: map[string]string{},
	}
	if run.Status.StartTime != nil {
		t.Began = run.Status.StartTime.Time
	}
	if c := run.Status.GetCondition(apis.ConditionSucceeded); c != nil {
		switch c.Status {
		case corev1.ConditionTrue:
			t.Status = "Succeeded"
		case corev1.ConditionFalse:
			t.Status = "Failed"
		}
	}
	for _, s := range run.Status.Steps {
		if s.Terminated != nil {
			t.InSteps += s.Terminated.FinishedAt.Sub(s.Terminated.StartedAt.Time)
		}
	}
	for _, r := range run.Status.Results {
		t.Results[r.Name] = r.Value.StringVal
	}
	return t
}

func took(from, to *metav1.Time) time.Duration {
	switch {
	case from == nil:
		return 0
	case to == nil:
		return time.Since(from.Time).Truncate(time.Second)
	}
	return to.Sub(from.Time)
}

// Logs returns what the steps of a TaskRun printed, or why that can't be read.
func (n *Namespace) Logs(ctx context.Context, taskRun string) string {
	run, err := n.Tekton.TektonV1().TaskRuns(n.Name).Get(ctx, taskRun, metav1.GetOptions{})
	if err != nil || run.Status.PodName == "" {
		return ""
	}
	var b strings.Builder
	for _, step := range run.Status.Steps {
		data, err := n.Kube.CoreV1().Pods(n.Name).
			GetLogs(run.Status.PodName, &corev1.PodLogOptions{Container: step.Container}).DoRaw(ctx)
		if err != nil {
			fmt.Fprintf(&b, "[%s: %v]\n", step.Container, err)
			continue
		}
		b.Write(data)
	}
	return b.String()
}

// Describe tells all that helps to understand a run that ended unexpectedly: the
// condition, each TaskRun with its log, and a command that shows it again.
func (n *Namespace) Describe(o *Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s: succeeded=%t after %s: %s\n", o.Kind, n.Name, o.Name, o.Succeeded, o.Took, o.Message)
	for _, t := range o.Tasks {
		fmt.Fprintf(&b, "--- %s (TaskRun %s): %s after %s, results %v\n%s", t.Task, t.TaskRun, t.Status, t.Took, t.Results, t.Log)
	}
	fmt.Fprintf(&b, "--- see it: %s -n %s describe %s %s\n", n.Kubectl, n.Name, strings.ToLower(o.Kind), o.Name)
	return b.String()
}
