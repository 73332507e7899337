package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

const usage = `Usage: go run . COMMAND

  up        start the cluster, wait until Tekton is ready, and write how to reach it to .sluice/cluster/env
  down      end the cluster and remove what it left on this machine
  status    say what runs, what it uses, and how to reach it
  kubectl   run kubectl against the cluster:  go run . kubectl get pods -A

CLUSTER chooses which: node (or unset), a whole node on this machine in namespaces of its own (Linux, root); kind, a kind cluster with a local registry
(kind and docker on PATH); existing, the cluster of the current kubeconfig, with REGISTRY naming a registry that it can reach.
`

// provider is a kind of cluster.
type provider interface {
	// Up brings the cluster up, or finds it up, and returns how to reach it.
	Up(ctx context.Context) (access, error)
	// Down ends the cluster and removes what it left.
	Down(ctx context.Context) error
	// Status describes the cluster; an error says that it is not usable.
	Status(ctx context.Context, out io.Writer) error
}

// run returns the exit code: 0 done, 1 it did not work, 2 asked for in a wrong way.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	if code, ok := inside(ctx, args, stderr); ok {
		return code
	}
	err := dispatch(ctx, args, stdout, stderr)
	var wrong usageError
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "cluster: interrupted")
		return 1
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "cluster: %v\n\n%s", err, usage)
		return 2
	default:
		fmt.Fprintf(stderr, "cluster: %v\n", err)
		return 1
	}
}

type usageError string

func (e usageError) Error() string { return string(e) }

func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		fmt.Fprint(stdout, usage)
		return nil
	}
	places, err := findLayout()
	if err != nil {
		return err
	}
	if args[0] == "kubectl" {
		return runKubectl(places, args[1:])
	}
	if len(args) > 1 {
		return usageError(fmt.Sprintf("%s takes no arguments, got %q", args[0], args[1:]))
	}
	p, err := choose(os.Getenv("CLUSTER"), places, stderr)
	if err != nil {
		return err
	}
	switch args[0] {
	case "up":
		reach, err := p.Up(ctx)
		if err != nil {
			return err
		}
		return reach.print(stdout)
	case "down":
		return p.Down(ctx)
	case "status":
		return p.Status(ctx, stdout)
	}
	return usageError(fmt.Sprintf("%q is no command", args[0]))
}

func choose(kind string, places layout, stderr io.Writer) (provider, error) {
	switch kind {
	case "", "node", "kind":
		return chooseOnLinux(kind, places, stderr)
	case "existing":
		return &existing{layout: places, out: stderr}, nil
	}
	return nil, usageError(fmt.Sprintf("CLUSTER=%q is none of node, kind, existing", kind))
}
