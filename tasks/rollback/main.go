package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/promotion"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command {
	c := task.New("rollback", "Move an environment back to the last promoted image whose evidence still verifies.")
	o := &options{registry: registry.Declare(c), policy: promotion.Declare(c, true)}
	c.Workspace(&o.key, "promoter-key", "Secret with the promoter key.")
	c.Required(&o.environment, "environment", "Environment of the policy to roll back.")
	c.String(&o.to, "to", "", "Where to: digest of an image or of a promotion record, sha256:…; empty for the last one that verifies.")
	c.String(&o.reason, "reason", "", "Why, for the record.")
	c.Duration(&o.budget, "retry-budget", defaultBudget, "How long one request to a registry may be repeated while the registry is unavailable.")
	c.Context(&o.run, "run-name", task.PipelineRunName, "Name of the PipelineRun; it is named in the record.")
	c.Local().Bool(&o.plan, "plan", false, "Print the records and which one would be gone back to, and move nothing.")
	c.Reports()
	c.Result("IMAGE_URL", "The environment's tag: registry/path:tag.")
	c.Result("IMAGE_DIGEST", "Digest of the image that the environment is at now, sha256:….")
	c.Result("IMAGE_REF", "That image by digest: registry/path@sha256:….")
	c.Result("record", "Digest of the signed record of the rollback.")
	c.Example("rollback --plan --policy=policies --promoter-key=keys --environment=prod",
		"rollback --policy=policies --promoter-key=keys --environment=prod --reason='errors since 14:05'")
	c.Run = func(ctx context.Context, r *task.Run) error { return rollback(ctx, r, o) }
	return c
}

func main() { task.Main(newCommand()) }
