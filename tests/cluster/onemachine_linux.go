package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sluice-ci/sluice/tests/cluster/artifacts"
	"github.com/sluice-ci/sluice/tests/cluster/machine"
	"github.com/sluice-ci/sluice/tests/cluster/prerequisites"
	"github.com/sluice-ci/sluice/tests/cluster/progress"
)

// startLimit is how long a cluster may take to start once everything is built; a busy machine needs a multiple of the usual.
const startLimit = 10 * time.Minute

// oneMachine is the cluster in namespaces of this machine.
type oneMachine struct {
	layout
	out io.Writer
}

func (o *oneMachine) Up(ctx context.Context) (access, error) {
	unlock, err := lock(o.State, o.out)
	if err != nil {
		return access{}, err
	}
	defer unlock()
	p := progress.New(o.out)
	defer p.Close()
	tools, err := prerequisites.Ensure(ctx, p)
	if err != nil {
		return access{}, err
	}
	set, err := artifacts.Ensure(ctx, o.Module(), o.Cache, p)
	if err != nil {
		return access{}, err
	}
	m := machine.Machine{State: o.State, Node: set.Node(), Addons: set.Addons(), Seed: set.Seed(), CNI: tools.CNI}
	if m.Same() && o.healthy(ctx, m) {
		return o.access(), nil
	}
	if err := o.remove(ctx); err != nil {
		return access{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := o.start(ctx, m, set, p); err != nil {
		return access{}, o.explain(ctx, m, err)
	}
	return o.access(), o.access().write(o.EnvFile())
}

func (o *oneMachine) access() access {
	return access{
		Cluster: "node", Kubeconfig: o.Kubeconfig(), Kubectl: o.Kubectl(),
		Registry: machine.Registry, RegistryCA: o.CA(), Host: machine.HostAddress,
	}
}

// healthy tells whether a machine runs and works.
func (o *oneMachine) healthy(ctx context.Context, m machine.Machine) bool {
	if _, err := os.Stat(o.EnvFile()); err != nil || m.PID() == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return tektonReady(ctx, o.kubectl(), func(string) {}) == nil
}

func (o *oneMachine) kubectl() kubectl { return o.access().kubectl(o.layout) }

// start runs the machine and installs Tekton while the rest of the machine is still coming up.
func (o *oneMachine) start(ctx context.Context, m machine.Machine, set artifacts.Set, p *progress.Progress) error {
	if err := m.Prepare(); err != nil {
		return err
	}
	program, err := o.installProgram(set)
	if err != nil {
		return err
	}
	if err := m.Start(ctx, program); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ready := newReadiness(m.Components(), p)
	var follower sync.WaitGroup
	defer follower.Wait()
	defer cancel(nil)
	follower.Go(func() {
		if err := m.Follow(ctx, ready.see); err != nil {
			cancel(err)
		}
	})
	err = ready.wait(ctx, "kube-apiserver")
	if err == nil {
		err = installTekton(ctx, o.kubectl(), set, o.CA(), storageClass, p)
	}
	if err == nil {
		err = ready.wait(ctx, m.Components()...)
	}
	switch cause := context.Cause(ctx); {
	case err == nil || cause == nil:
		return err
	case errors.Is(cause, context.DeadlineExceeded):
		return errors.Join(ready.late(m), err)
	default:
		return cause
	}
}

// installProgram puts this program and kubectl where the machine and people find them: what `go run` built is gone when it returns.
func (o *oneMachine) installProgram(set artifacts.Set) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return "", fmt.Errorf("reading this program: %w", err)
	}
	path := filepath.Join(o.State, "bin", "cluster")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		return "", fmt.Errorf("installing this program: %w", err)
	}
	if err := os.Symlink(set.Node(), o.Kubectl()); err != nil {
		return "", fmt.Errorf("installing kubectl: %w", err)
	}
	return path, nil
}

// Down ends the machine and removes its state.
func (o *oneMachine) Down(ctx context.Context) error {
	unlock, err := lock(o.State, o.out)
	if err != nil {
		return err
	}
	defer unlock()
	p := progress.New(o.out)
	defer p.Close()
	task := p.Start("cluster")
	if err := o.remove(ctx); err != nil {
		task.Fail("not removed")
		return err
	}
	task.Done("gone")
	return nil
}

func (o *oneMachine) remove(ctx context.Context) error {
	if err := (machine.Machine{State: o.State}).Stop(ctx); err != nil {
		return err
	}
	entries, err := os.ReadDir(o.State)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the state folder: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() == lockFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(o.State, entry.Name())); err != nil {
			return fmt.Errorf("removing the state of the cluster: %w", err)
		}
	}
	return nil
}

// storageClass is the default of the machine: a folder of the node for every claim, by the provisioner in addons.
const storageClass = `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: folder
  annotations:
    storageclass.kubernetes.io/is-default-class: "true"
provisioner: sluice-ci.github.io/folder
reclaimPolicy: Delete
volumeBindingMode: Immediate
`
