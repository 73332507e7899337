package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/tests/cluster/machine"
)

// explain adds to an error what a person needs to see: the end of the log of the component that failed, or the pods that are not well.
// The machine is ended; its logs stay until the next up.
func (o *oneMachine) explain(ctx context.Context, m machine.Machine, err error) error {
	err = fmt.Errorf("starting the cluster: %w", err)
	var failed *machine.ComponentError
	switch {
	case errors.As(err, &failed):
		err = fmt.Errorf("%w\n  the end of %s:\n%s", err, failed.Log, tail(failed.Log, 20))
	case m.PID() != 0 && !errors.Is(err, context.Canceled):
		err = fmt.Errorf("%w\n%s", err, o.unwellPods())
	}
	if stopError := m.Stop(context.WithoutCancel(ctx)); stopError != nil {
		err = errors.Join(err, stopError)
	}
	return err
}

func (o *oneMachine) unwellPods() string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	pods, err := o.kubectl().run(ctx, nil, "get", "pods", "--all-namespaces", "--output=wide")
	if err != nil {
		return "  the API server does not answer: " + err.Error()
	}
	events, _ := o.kubectl().run(ctx, nil, "get", "events", "--all-namespaces", "--field-selector=type=Warning", "--sort-by=.lastTimestamp")
	lines := strings.Split(strings.TrimSpace(events), "\n")
	return indent(pods) + indent(strings.Join(lines[max(0, len(lines)-10):], "\n"))
}

// tail is the last lines of a file, indented.
func tail(file string, lines int) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return "    (" + err.Error() + ")"
	}
	all := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n"))
	return indent(string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n"))))
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ") + "\n"
}
