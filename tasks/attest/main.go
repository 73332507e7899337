package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command {
	c := task.New("attest", "Sign the evidence of a run onto the digest of its image.")
	o := &options{registry: registry.Declare(c)}
	c.Workspace(&o.reports, "reports", "Where the tasks of the run left their evidence.")
	c.OptionalWorkspace(&o.key, "signing-key", "Secret with the attestor key: cosign.key and cosign.password, or one *.key or *.pem file. Nothing is signed without; a pipeline may skip this task then.")
	c.Required(&o.image, "image", "Image to attest, by digest: registry/path@sha256:….")
	c.Required(&o.commit, "commit", "Commit that was built and judged, from the result of the task that fetched it.")
	c.Strings(&o.predicates, "predicates", "", "Digests of the evidence, comma-separated, from the results PREDICATE_DIGEST of the tasks that wrote it.")
	c.Bool(&o.sign, "sign", true, "Sign the image itself too.")
	c.Bool(&o.provenance, "provenance", true, "Add SLSA provenance made from what is known of the run.")
	c.String(&o.source, "source-url", "", "URL of the source repository, for the provenance.")
	c.String(&o.base, "base", "", "Base image, by digest, for the provenance.")
	c.String(&o.builder, "builder-id", "https://sluice-ci.github.io/builders/tekton", "URI of who runs the builds, for the provenance; verifiers compare it.")
	c.Duration(&o.budget, "retry-budget", defaultBudget, "How long one request to a registry may be repeated while the registry is unavailable.")
	c.Context(&o.run, "run-name", task.PipelineRunName, "Name of the PipelineRun; it is named in the evidence.")
	c.Context(&o.taskRun, "run-uid", task.TaskRunUID, "UID of the TaskRun; it is named in the evidence.")
	c.Result("attestations", "How many statements are signed onto the digest by this run.")
	c.Example("attest --reports=reports --signing-key=keys --image=registry.example.com/app@sha256:… --commit=$(git rev-parse HEAD) --predicates=sha256:…")
	c.Run = func(ctx context.Context, r *task.Run) error { return attest(ctx, r, o) }
	return c
}

func main() { task.Main(newCommand()) }
