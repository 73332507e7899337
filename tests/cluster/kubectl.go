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
type kubectl struct {
	path, kubeconfig string
	cache            string // folder for what it remembers of the API; empty for kubectl's own
}

// run gives what kubectl printed; the error holds what it complained of.
func (k kubectl) run(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, k.path, args...)
	cmd.Stdin, cmd.Env = stdin, k.environment()
	return output(cmd)
}

// runKubectl becomes kubectl, for a person.
func runKubectl(places layout, args []string) error {
	reach, err := readAccess(places.EnvFile())
	if err != nil {
		return fmt.Errorf("reading how to reach the cluster: %w\n  start it with `make cluster-up`", err)
	}
	k := reach.kubectl(places)
	return fmt.Errorf("running %q: %w", k.path, syscall.Exec(k.path, append([]string{"kubectl"}, args...), k.environment()))
}

func (k kubectl) environment() []string {
	env := append(os.Environ(), "KUBECONFIG="+k.kubeconfig)
	if k.cache != "" {
		env = append(env, "KUBECACHEDIR="+k.cache)
	}
	return env
}
