package main

import (
	"context"
	"time"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/internal/trust"
)

func newCommand() *task.Command {
	c := task.New("test-go", "Vet and test a Go module in the user's own toolchain.")
	o := &options{}
	c.Workspace(&o.source, "source", "The source tree.")
	o.evidence = predicate.Declare(c)
	o.golang = gotool.Declare(c)
	o.trust = trust.Declare(c)
	c.String(&o.directory, "directory", ".", "Directory of the source that holds the module.")
	c.Strings(&o.packages, "packages", "./...", "Packages to vet and test, comma-separated, as go test names them.")
	c.Strings(&o.coverPackages, "cover-packages", "", "Packages to measure the coverage of; empty for those that are tested, each by its own tests.")
	c.Strings(&o.buildTags, "build-tags", "", "Go build tags, comma-separated.")
	c.Bool(&o.vet, "vet", true, "Run go vet before the tests.")
	c.Bool(&o.race, "race", false, "Test with the race detector; the toolchain then needs a C compiler.")
	c.Duration(&o.timeout, "timeout", 10*time.Minute, "How long the tests of one package may take.")
	c.String(&o.prefix, "prefix", "", "Put before the names of the reports, for a source with several modules.")
	c.List(&o.args, "args", "More arguments of go test, such as -count=1 or -run=TestOrder.")
	declareResults(c)
	c.Example("test-go --source=. --reports=/tmp/reports --toolchain=local")
	c.Run = func(ctx context.Context, r *task.Run) error { return test(ctx, r, o) }
	return c
}

func main() { task.Main(newCommand()) }
