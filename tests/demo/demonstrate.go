package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/tests/team"
)

// scenario is one story that the demo tells.
type scenario struct {
	sample  string // the PipelineRun, as people copy it
	refuses string // the task that is to refuse; "" for a run that is to succeed
}

var scenarios = map[string]scenario{
	"promoted": {sample: "pipelines/fast-lane/samples/promoted.yaml"},
	"refused":  {sample: "pipelines/fast-lane/samples/refused.yaml", refuses: "coverage-gate"},
}

const (
	clusterEnv = ".sluice/cluster/env"
	namespace  = "demo"
)

func demonstrate(ctx context.Context, s scenario) error {
	began := time.Now()
	if _, err := os.Stat("tasks"); err != nil {
		return errors.New("run it from the root of a clone: there is no folder tasks here")
	}
	title("A cluster on this machine: Kubernetes, Tekton, a registry")
	if err := shell(ctx, "tests/cluster", "go", "run", ".", "up"); err != nil {
		return err
	}
	if err := loadEnv(clusterEnv); err != nil {
		return err
	}
	title("The catalog: every task as an image by digest, then installed")
	if err := shell(ctx, ".", "go", "run", "./catalog", "release", "--registry="+os.Getenv("REGISTRY")+"/sluice", "--ca="+filepath.Dir(os.Getenv("REGISTRY_CA")), "--out=dist"); err != nil {
		return err
	}
	if err := shell(ctx, ".", "go", "run", "./catalog", "install"); err != nil {
		return err
	}
	title("A product team: a namespace that enforces restricted, a Git repository, a toolchain image")
	t, err := newTeam(ctx)
	if err != nil {
		return err
	}
	title("The pipeline: fetch, test, gate, build, SBOM, promote")
	outcome, err := t.run(ctx, s)
	if err != nil {
		return err
	}
	if !s.endedAsTold(outcome) {
		fmt.Println(t.namespace.Describe(outcome))
		return fmt.Errorf("the pipeline ended otherwise than this scenario is to: %s", outcome.Message)
	}
	t.conclude(outcome, s)
	fmt.Printf("\nAll of it took %s.\n", time.Since(began).Round(time.Second))
	return nil
}

// endedAsTold compares a run with the story: a failure of another task is none of it.
func (s scenario) endedAsTold(o *team.Outcome) bool {
	if s.refuses == "" {
		return o.Succeeded
	}
	t, ran := o.Task(s.refuses)
	return ran && t.Status == "Failed"
}

// productTeam is what the demo's team has.
type productTeam struct {
	namespace *team.Namespace
	fixtures  team.Fixtures
}

func newTeam(ctx context.Context) (*productTeam, error) {
	cluster, err := team.Connect()
	if err != nil {
		return nil, err
	}
	toolchain, err := cluster.Toolchain(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Println("  toolchain   ", toolchain)
	git, err := cluster.ServeGit(ctx, "tests/app")
	if err != nil {
		return nil, err
	}
	fmt.Println("  repository  ", git)
	ns, err := cluster.NewNamespace(ctx, namespace)
	if err != nil {
		return nil, err
	}
	fmt.Println("  namespace   ", ns.Name)
	return &productTeam{namespace: ns, fixtures: team.Fixtures{
		Registry: cluster.Registry, GitURL: git, Images: map[string]string{"toolchain/go": toolchain},
	}}, nil
}

func (t *productTeam) run(ctx context.Context, s scenario) (*team.Outcome, error) {
	manifest, err := os.ReadFile(s.sample)
	if err != nil {
		return nil, fmt.Errorf("reading the sample: %w", err)
	}
	manifest, err = t.fixtures.Substitute(manifest)
	if err != nil {
		return nil, err
	}
	created, err := t.namespace.Apply(ctx, manifest)
	if err != nil {
		return nil, err
	}
	view := newView(os.Stdout)
	return t.namespace.Wait(ctx, created[0], view.show)
}

// shell runs a command of the tree in the person's sight.
func shell(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// loadEnv sets the variables of a file of KEY=VALUE lines.
func loadEnv(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading what the cluster says of itself: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		if err := os.Setenv(key, strings.Trim(value, `"'`)); err != nil {
			return err
		}
	}
	return lines.Err()
}

func title(text string) {
	fmt.Printf("\n\033[1m%s\033[0m\n", text)
}

// relative shortens a path for a person who stands in the clone.
func relative(path string) string {
	if wd, err := os.Getwd(); err == nil {
		if r, err := filepath.Rel(wd, path); err == nil && !strings.HasPrefix(r, "..") {
			return r
		}
	}
	return path
}
