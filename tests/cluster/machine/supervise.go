package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

const (
	restarts   = 5           // how often a component may exit before the machine gives up
	restartGap = time.Second // between an exit and the next start
	probeGap   = 100 * time.Millisecond
)

// Supervise starts the components, each as soon as those that it needs are ready, and starts again what exits. It returns when a
// component has exited too often, or with the context.
func Supervise(ctx context.Context, state string) error {
	m, err := load(state)
	if err != nil {
		return err
	}
	if err := m.network(ctx); err != nil {
		return err
	}
	file, err := os.OpenFile(m.Events(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("opening the events: %w", err)
	}
	s := supervisor{m: m, journal: &journal{file: file}, ready: map[string]chan struct{}{}}
	all := m.components()
	for _, c := range all {
		s.ready[c.name] = make(chan struct{})
	}
	failed := make(chan error, len(all))
	for _, c := range all {
		go func() {
			if err := s.run(ctx, c); err != nil {
				failed <- err
			}
		}()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-failed:
		return err
	}
}

type supervisor struct {
	m       Machine
	journal *journal
	ready   map[string]chan struct{}
}

// run keeps one component running.
func (s supervisor) run(ctx context.Context, c component) error {
	for _, need := range c.needs {
		select {
		case <-s.ready[need]:
		case <-ctx.Done():
			return nil
		}
	}
	for attempt := 0; attempt <= restarts; attempt++ {
		err := s.attempt(ctx, c)
		if ctx.Err() != nil {
			return nil
		}
		s.journal.add(c.name, Exited, fmt.Sprint(err))
		time.Sleep(restartGap)
	}
	s.journal.add(c.name, GaveUp, fmt.Sprintf("exited %d times", restarts+1))
	return fmt.Errorf("%s exited %d times", c.name, restarts+1)
}

// attempt runs the component's process until it exits.
func (s supervisor) attempt(ctx context.Context, c component) error {
	log, err := os.OpenFile(s.m.Log(c.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", c.name, err)
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, s.m.State
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.m.State, "LANG=C.UTF-8"}, c.env...)
	s.journal.add(c.name, Started, "")
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", c.name, err)
	}
	probing, stop := context.WithCancel(ctx)
	defer stop()
	go s.probe(probing, c)
	if err := cmd.Wait(); err != nil {
		return err
	}
	return errors.New("exited without an error")
}

// probe asks a component until it is ready.
func (s supervisor) probe(ctx context.Context, c component) {
	for c.ready != nil && c.ready(ctx) != nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(probeGap):
		}
	}
	if ctx.Err() == nil {
		s.markReady(c)
	}
}

func (s supervisor) markReady(c component) {
	s.journal.add(c.name, Ready, "")
	select {
	case <-s.ready[c.name]: // it was ready before it was started again
	default:
		close(s.ready[c.name])
	}
}
