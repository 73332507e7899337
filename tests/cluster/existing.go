package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/tests/cluster/progress"
)

// existing is a cluster that a person has: nothing is started or installed, but what the tree needs of it is checked.
type existing struct {
	layout
	out io.Writer
}

func (e *existing) Up(ctx context.Context) (access, error) {
	registry := os.Getenv("REGISTRY")
	if registry == "" {
		return access{}, errors.New("CLUSTER=existing needs REGISTRY, the host:port of a registry that this machine, the nodes and pods reach\n  set REGISTRY, and REGISTRY_CA to the file of its CA if the system's roots do not know it")
	}
	path, err := exec.LookPath("kubectl")
	if err != nil {
		return access{}, errors.New("CLUSTER=existing needs kubectl on PATH\n  see https://kubernetes.io/docs/tasks/tools")
	}
	kubeconfig := os.Getenv("KUBECONFIG")
	if kubeconfig == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return access{}, fmt.Errorf("finding the current kubeconfig: %w", err)
		}
		kubeconfig = filepath.Join(home, ".kube", "config")
	}
	p := progress.New(e.out)
	defer p.Close()
	reach := access{Cluster: "existing", Kubeconfig: kubeconfig, Kubectl: path, Registry: registry, RegistryCA: os.Getenv("REGISTRY_CA")}
	if err := checkExisting(ctx, reach.kubectl(e.layout), p); err != nil {
		return access{}, err
	}
	return reach, reach.write(e.EnvFile())
}

// checkExisting refuses a cluster on which the tasks would not run as they are meant to.
func checkExisting(ctx context.Context, k kubectl, p *progress.Progress) error {
	task := p.Start("tekton")
	task.Note("asking the cluster")
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := tektonReady(ctx, k, func(what string) { task.Note("%s", what) }); err != nil {
		task.Fail("not ready")
		return fmt.Errorf("%w\n  install Tekton Pipelines and its resolvers, see https://tekton.dev/docs/installation", err)
	}
	for _, flag := range []string{"set-security-context", "set-security-context-read-only-root-filesystem"} {
		value, err := k.run(ctx, nil, "get", "configmap", "feature-flags", "--namespace=tekton-pipelines", "--output=jsonpath={.data."+flag+"}")
		if err != nil {
			return err
		}
		if value != "true" {
			task.Fail("%s is %q", flag, value)
			return fmt.Errorf("restricted namespaces refuse what Tekton injects while %s is %q\n  kubectl patch configmap feature-flags -n tekton-pipelines -p '{\"data\":{%q:\"true\"}}'", flag, value, flag)
		}
	}
	classes, err := k.run(ctx, nil, "get", "storageclasses", "--output=name")
	if err != nil {
		return err
	}
	if strings.TrimSpace(classes) == "" {
		task.Fail("no storage class")
		return errors.New("the cluster has no storage class, so no workspace gets a volume\n  install a provisioner and mark its class as the default")
	}
	task.Done("ready")
	return nil
}

// Down leaves the cluster alone and forgets it.
func (e *existing) Down(context.Context) error {
	fmt.Fprintln(e.out, "the existing cluster is left as it is")
	if err := os.Remove(e.EnvFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (e *existing) Status(ctx context.Context, out io.Writer) error {
	reach, err := readAccess(e.EnvFile())
	if err != nil {
		return fmt.Errorf("reading how to reach the cluster: %w\n  run `make cluster-up` first", err)
	}
	p := progress.New(e.out)
	defer p.Close()
	if err := checkExisting(ctx, reach.kubectl(e.layout), p); err != nil {
		return err
	}
	return reach.print(out)
}
