// Command load-test sends open-loop HTTP load to a staging service, bounded in rate and time.
//
// It promises that requests are sent by the clock, whether or not earlier ones were answered, and that failures of its own (no free
// ports, no file descriptors, a rate that it could not keep) are told apart from those of the service. It judges no error rate: that is error-rate-gate's.
// It refuses to call a load sent that was not. See README.md.
//
//	load-test --url=http://localhost:8080 --rate=50 --duration=1m --reports=.
package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command {
	c := task.New("load-test", "Send bounded open-loop HTTP load to a staging service.")
	o := &options{}
	o.declare(c)
	c.Example("load-test --url=http://localhost:8080 --paths=/,/api/links/x --rate=50 --duration=1m --reports=.")
	c.Run = func(ctx context.Context, r *task.Run) error { return run(ctx, r, o) }
	return c
}

func main() { task.Main(newCommand()) }
