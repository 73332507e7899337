// Command test-go vets and tests a Go module in the user's own toolchain and leaves evidence of it.
//
// It promises that the reports (coverage profile, JUnit XML, an in-toto test-result predicate) are written before it says
// no, that a refusal names the tests that failed with their last lines, and that what it counts is what the go command
// said, event by event. It refuses failing tests, packages that do not compile and findings of go vet (exit code 1), and
// a run in which no test ran (3): silence is not success.
//
//	test-go --source=. --reports=/tmp/reports --toolchain=local
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/internal/trust"
)

// options are what a run was asked for; fields have the names of their params.
type options struct {
	source        string
	evidence      *predicate.Options
	golang        *gotool.Options
	trust         *trust.Options
	directory     string
	packages      []string
	coverPackages []string
	buildTags     []string
	vet, race     bool
	timeout       time.Duration
	prefix        string
	args          []string
}

func declareResults(c *task.Command) {
	c.Result("passed", "Tests that passed, subtests included.")
	c.Result("failed", "Tests that failed, and packages that did not compile or ended early.")
	c.Result("skipped", "Tests that skipped themselves.")
	c.Result("verdict", "One of pass, fail, insufficient.")
	predicate.DeclareResult(c)
}

func test(ctx context.Context, r *task.Run, o *options) error {
	dir, err := o.check()
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "test-go-")
	if err != nil {
		return fmt.Errorf("making a scratch directory: %w", err)
	}
	defer os.RemoveAll(scratch)
	g := &golang{dir: dir, env: o.golang.Env(os.Environ(), scratch, o.trust.Dir), stderr: r.Stderr}
	began := time.Now()
	outcome := &outcome{began: began, tally: newTally(r.Stderr)}
	if o.vet {
		if outcome.vet, err = g.vet(ctx, o.vetArgs()); err != nil {
			return err
		}
	}
	profile := filepath.Join(scratch, "cover.out")
	if outcome.failed, err = g.test(ctx, o.testArgs(profile), outcome.tally); err != nil {
		return err
	}
	outcome.finished = time.Now()
	if err := o.report(r, outcome, profile); err != nil {
		return err
	}
	return outcome.verdict(o)
}

// check refuses what could not work before anything runs.
func (o *options) check() (dir string, err error) {
	if err := o.golang.Check(); err != nil {
		return "", err
	}
	if !filepath.IsLocal(o.directory) {
		return "", task.Misconfigured("--directory %q leads out of the source", o.directory)
	}
	if strings.ContainsAny(o.prefix, `/\`) {
		return "", task.Misconfigured("--prefix %q holds a slash", o.prefix)
	}
	if len(o.packages) == 0 {
		return "", task.Misconfigured("--packages is empty").WithRemedy("./... is all of the module")
	}
	dir = filepath.Join(o.source, o.directory)
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		return "", task.Misconfigured("finding the module: %w", err).
			WithRemedy("set --directory to where go.mod lies, below the workspace source")
	}
	for _, arg := range o.args {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") {
			return "", task.Misconfigured("args: %q is not a flag of go test", arg).WithRemedy("name packages with --packages")
		}
		if own[name] {
			return "", task.Misconfigured("args: -%s is set by the task itself", name)
		}
	}
	if o.race {
		if _, err := exec.LookPath("gcc"); err != nil {
			if _, err := exec.LookPath("clang"); err != nil && os.Getenv("CC") == "" {
				return "", task.Misconfigured("--race needs a C compiler and toolchain %s has none", o.golang.Toolchain).
					WithRemedy("use a toolchain image with gcc, or leave --race off")
			}
		}
	}
	return dir, nil
}

// own are the flags of go test that would take the reports away from the task.
var own = map[string]bool{"json": true, "coverprofile": true, "coverpkg": true, "timeout": true, "tags": true, "race": true,
	"c": true, "o": true, "exec": true, "vet": true, "outputdir": true, "test.coverprofile": true, "args": true, "C": true}

func (o *options) vetArgs() []string {
	return append(o.tagArgs("vet"), o.packages...)
}

func (o *options) testArgs(profile string) []string {
	args := append(o.tagArgs("test"), "-json", "-coverprofile="+profile, "-timeout="+o.timeout.String())
	if len(o.coverPackages) > 0 {
		args = append(args, "-coverpkg="+strings.Join(o.coverPackages, ","))
	}
	if o.race {
		args = append(args, "-race")
	}
	if o.vet {
		args = append(args, "-vet=off") // it ran already, whole
	}
	args = append(args, o.args...)
	return append(args, o.packages...)
}

func (o *options) tagArgs(verb string) []string {
	if len(o.buildTags) == 0 {
		return []string{verb}
	}
	return []string{verb, "-tags=" + strings.Join(o.buildTags, ",")}
}

// report writes every report and result, whatever the verdict.
func (o *options) report(r *task.Run, out *outcome, profile string) error {
	out.tally.end()
	if err := o.keepProfile(profile); err != nil {
		return err
	}
	if err := o.writeJUnit(out); err != nil {
		return err
	}
	digest, err := o.evidence.WriteDocument(o.prefix+"test-go.json", predicate.Document{
		PredicateType: predicate.TestResultType, Predicate: o.predicate(out),
	})
	if err != nil {
		return err
	}
	passed, failed, skipped := out.counts()
	for _, result := range []struct{ name, value string }{
		{"passed", strconv.Itoa(passed)}, {"failed", strconv.Itoa(failed)}, {"skipped", strconv.Itoa(skipped)},
		{"verdict", string(out.word())}, {"PREDICATE_DIGEST", digest},
	} {
		if err := r.Result(result.name, result.value); err != nil {
			return err
		}
	}
	r.Printf("%d passed, %d failed, %d skipped in %s, %s", passed, failed, skipped, plural(len(out.tally.packages), "package"),
		out.finished.Sub(out.began).Round(time.Millisecond))
	return nil
}

// keepProfile moves the coverage profile into the reports. Where none was written, a stale one goes.
func (o *options) keepProfile(profile string) error {
	target := filepath.Join(o.evidence.Reports, o.prefix+"cover.out")
	data, err := os.ReadFile(profile)
	if errors.Is(err, os.ErrNotExist) {
		if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing a stale coverage profile: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the coverage profile: %w", err)
	}
	if err := task.WriteFile(target, data, 0o644); err != nil {
		return fmt.Errorf("writing the coverage profile: %w", err)
	}
	return nil
}
