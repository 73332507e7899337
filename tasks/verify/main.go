package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/promotion"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command {
	c := task.New("verify", "Refuse an image whose signed evidence does not meet the promotion policy.")
	o := &options{registry: registry.Declare(c), policy: promotion.Declare(c, false), evidence: predicate.Declare(c)}
	c.Required(&o.image, "image", "Image to verify, by digest: registry/path@sha256:….")
	c.String(&o.environment, "environment", "", "Environment of the policy to verify for; empty for what holds everywhere.")
	c.Duration(&o.budget, "retry-budget", defaultBudget, "How long one request to a registry may be repeated while the registry is unavailable.")
	c.Local().Bool(&o.explain, "explain", false, "Print every piece of evidence, whether it counts and why.")
	c.Result("verdict", "PASSED or FAILED.")
	predicate.DeclareResult(c)
	c.Example("verify --explain --policy=policies --reports=reports --image=registry.example.com/app@sha256:… --environment=prod")
	c.Run = func(ctx context.Context, r *task.Run) error { return verify(ctx, r, o) }
	return c
}

func main() { task.Main(newCommand()) }
