package main

import (
	"context"
	"time"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command {
	c := task.New("coverage-gate", "Refuse a change whose test coverage is below a minimum.")
	o := newOptions()
	c.Workspace(&o.source, "source", "The source tree that was tested.")
	o.evidence = predicate.Declare(c)
	c.Strings(&o.profiles, "profile", "cover.out", "Coverage reports, comma-separated; relative paths lie in the workspace reports.")
	c.Var(&o.minimum, "minimum", "Least coverage of all files together, in percent, such as 80 or 79.95.")
	c.Var(&o.minimumPackage, "minimum-package", "Least coverage of every package, that is directory, in percent; 0 asks for none.")
	c.Var(&o.minimumFile, "minimum-file", "Least coverage of every file, in percent; 0 asks for none.")
	c.Var(&o.minimumPatch, "minimum-patch", "Least coverage of what the patch added or rewrote, in percent; 0 asks for none.")
	c.String(&o.patch, "patch", "", "Unified diff of the change, in the workspace reports; empty for none.")
	c.String(&o.base, "base", "", "Commit or ref that the source's clone holds and the change is compared with, instead of a patch file; empty for none.")
	c.String(&o.baseline, "baseline", "", "Report of the commit before the change, or evidence of this gate, in the workspace reports; nothing covered there may become uncovered. Empty for none.")
	c.String(&o.baselineImage, "baseline-image", "", "Image by digest whose signed evidence of this gate is the baseline; empty for none.")
	c.OptionalWorkspace(&o.baselineKeys, "baseline-keys", "Public keys, *.pub, of those whose evidence on baseline-image counts.")
	c.Duration(&o.budget, "retry-budget", 2*time.Minute, "How long one request to a registry may be repeated while the registry is unavailable.")
	o.registry = registry.Declare(c)
	c.Strings(&o.rerun, "rerun-profile", "", "Reports of a second run of the same source; what ran there is flaky, not lost since the baseline.")
	c.String(&o.rules, "rules", "", "File in the source with minimums and exclusions by path; empty for none.")
	c.Strings(&o.exclude, "exclude", "", "Path patterns to leave out of every number, comma-separated, such as **/*.pb.go.")
	c.Bool(&o.excludeGenerated, "exclude-generated", true, "Leave out files that say Code generated … DO NOT EDIT.")
	c.Var(&o.partly, "partial-lines", "Whether a line counts of which a branch or an instruction never ran: covered or uncovered.")
	declareResults(c)
	declareExamples(c)
	c.Run = func(ctx context.Context, r *task.Run) error { return gate(ctx, r, o) }
	return c
}

func main() { task.Main(newCommand()) }
