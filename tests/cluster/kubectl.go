package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// kubectl runs kubectl against one cluster.
type kubectl struct{ path, kubeconfig string }

// run gives what kubectl printed; the error holds what it complained of.
func (k kubectl) run(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, k.path, args...)
	cmd.Stdin, cmd.Env = stdin, append(os.Environ(), "KUBECONFIG="+k.kubeconfig)
	return output(cmd)
}

// runKubectl becomes kubectl, for a person.
func runKubectl(places layout, args []string) error {
	reach, err := readAccess(places.EnvFile())
	if err != nil {
		return fmt.Errorf("reading how to reach the cluster: %w\n  start it with `make cluster-up`", err)
	}
	env := append(os.Environ(), "KUBECONFIG="+reach.Kubeconfig)
	return fmt.Errorf("running %q: %w", reach.Kubectl, syscall.Exec(reach.Kubectl, append([]string{"kubectl"}, args...), env))
}
