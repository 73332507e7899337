package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/sluice-ci/sluice/tests/cluster/machine"
)

// Status says whether the machine runs and Tekton serves, what memory each program holds, and how to reach it.
func (o *oneMachine) Status(ctx context.Context, out io.Writer) error {
	m := machine.Machine{State: o.State}
	if m.PID() == 0 {
		return errors.New("the cluster is down\n  start it with `make cluster-up`")
	}
	usage, err := m.Usage()
	if err != nil {
		return err
	}
	var total int64
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "program\tprocesses\tMiB\t")
	for _, u := range usage {
		total += u.Bytes
		fmt.Fprintf(table, "%s\t%d\t%d\t\n", u.Program, u.Processes, u.Bytes>>20)
	}
	fmt.Fprintf(table, "all\t\t%d\t\n", total>>20)
	if err := table.Flush(); err != nil {
		return err
	}
	if !o.healthy(ctx, m) {
		return fmt.Errorf("the cluster runs (process %d), but Tekton is not ready\n  see %s and `go run . kubectl get pods -A`, or heal it with `make cluster-up`", m.PID(), o.State+"/logs")
	}
	return o.access().print(out)
}
