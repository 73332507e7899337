package main

import (
	"context"
	"fmt"
	"io"

	"github.com/sluice-ci/sluice/tests/cluster/machine"
)

// chooseOnLinux chooses between the clusters that this program makes itself.
func chooseOnLinux(kind string, places layout, stderr io.Writer) (provider, error) {
	if kind == "kind" {
		return &kindDocker{layout: places, out: stderr}, nil
	}
	return &oneMachine{layout: places, out: stderr}, nil
}

// inside runs the parts that the machine starts of this same program within its namespaces.
func inside(ctx context.Context, args []string, stderr io.Writer) (code int, ok bool) {
	if len(args) != 2 {
		return 0, false
	}
	var err error
	switch args[0] {
	case "machine-init":
		err = machine.Init(args[1])
	case "machine-supervise":
		err = machine.Supervise(ctx, args[1])
	default:
		return 0, false
	}
	fmt.Fprintf(stderr, "%s: %v\n", args[0], err)
	return 1, true
}
