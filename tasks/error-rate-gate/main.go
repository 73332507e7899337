// Command error-rate-gate halts a release whose canary fails more often than the rule allows.
//
// It promises a bound on false aborts and on false passes, at every moment that it looks, and that no verdict is a pass without the
// requests to show it. It refuses ratios, rates and any other number that hides its counts. See README.md.
//
//	error-rate-gate --prometheus=http://localhost:9090 --reports=. --preset=http --canary='track="canary"'
package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command { return command(newOptions()) }

func command(o *options) *task.Command {
	c := task.New("error-rate-gate", "Halt a release whose canary fails more often than the rule allows.")
	o.declareAccess(c)
	o.declareObjectives(c)
	o.declareDecision(c)
	declareResults(c)
	c.Example(
		`error-rate-gate --prometheus=http://localhost:9090 --reports=. --preset=http --canary='track="canary"'`,
		`error-rate-gate --prometheus=http://localhost:9090 --reports=. --preset=http --canary='track="canary"' --plan=200@5%`)
	c.Sub(newReplay())
	c.Run = func(ctx context.Context, r *task.Run) error { return run(ctx, r, o) }
	return c
}

func main() { task.Main(newCommand()) }
