package main

import (
	"context"
	"sync"

	"github.com/sluice-ci/sluice/tests/cluster/machine"
	"github.com/sluice-ci/sluice/tests/cluster/progress"
)

// readiness turns the machine's events into progress, and lets others wait for a component.
type readiness struct {
	p     *progress.Progress
	mu    sync.Mutex
	tasks map[string]*progress.Task
	ready map[string]chan struct{}
}

func newReadiness(components []string, p *progress.Progress) *readiness {
	r := &readiness{p: p, tasks: map[string]*progress.Task{}, ready: map[string]chan struct{}{}}
	for _, name := range components {
		r.ready[name] = make(chan struct{})
	}
	return r
}

func (r *readiness) see(e machine.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	task := r.tasks[e.Component]
	if task == nil {
		task = r.p.StartAt(e.Component, e.At)
		r.tasks[e.Component] = task
	}
	switch e.Kind {
	case machine.Started:
		task.Note("starting")
	case machine.Exited:
		task.Note("exited (%s), starting again", e.Detail)
	case machine.GaveUp:
		task.Fail("%s", e.Detail)
	case machine.Ready:
		task.Done("ready")
		select {
		case <-r.ready[e.Component]:
		default:
			close(r.ready[e.Component])
		}
	}
}

func (r *readiness) wait(ctx context.Context, components ...string) error {
	for _, name := range components {
		select {
		case <-r.ready[name]:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// late explains a wait that took too long by a component that is not ready; nil when all are.
func (r *readiness) late(m machine.Machine) error {
	for _, name := range m.Components() {
		select {
		case <-r.ready[name]:
		default:
			return &machine.ComponentError{Component: name, Log: m.Log(name), Reason: "is not ready after " + startLimit.String()}
		}
	}
	return nil
}
