package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/promotion"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command {
	c := task.New("promote", "Copy an image by digest, with all that belongs to it, and move the target's tag last.")
	o := &options{registry: registry.Declare(c), policy: promotion.Declare(c, false)}
	c.OptionalWorkspace(&o.key, "promoter-key", "Secret with the promoter key; needed for an environment.")
	c.Required(&o.image, "image", "Image to promote, by digest: registry/path@sha256:….")
	c.String(&o.target, "target", "", "Where to: registry/path:tag. Empty where the environment says it.")
	c.String(&o.environment, "environment", "", "Environment of the policy: its evidence is verified and the promotion recorded. Empty copies to target without either.")
	c.String(&o.commit, "commit", "", "Commit whose evidence counts; empty for the only one that there is evidence of.")
	c.Duration(&o.budget, "retry-budget", defaultBudget, "How long one request to a registry may be repeated while the registry is unavailable.")
	c.Context(&o.run, "run-name", task.PipelineRunName, "Name of the PipelineRun; it is named in the record.")
	c.Reports()
	c.Local().Bool(&o.plan, "plan", false, "Print what would be copied and whether the policy admits it, and write nothing.")
	c.Result("IMAGE_URL", "Where the image was promoted to: registry/path:tag.")
	c.Result("IMAGE_DIGEST", "Digest of the image, sha256:…; promotion does not change it.")
	c.Result("IMAGE_REF", "The promoted image by digest: registry/path@sha256:….")
	c.Result("record", "Digest of the signed promotion record; empty without an environment.")
	c.Example("promote --image=registry.example.com/dev/app@sha256:… --target=registry.example.com/prod/app:v1.4.0",
		"promote --plan --policy=policies --environment=prod --image=registry.example.com/dev/app@sha256:…")
	c.Run = func(ctx context.Context, r *task.Run) error { return promote(ctx, r, o) }
	return c
}

func main() { task.Main(newCommand()) }
