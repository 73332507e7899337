package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/tests/team"
)

// benchPipeline runs the fast lane twice and tells how much of its time the tasks
// themselves took: the rest is pods being made, and Tekton.
func benchPipeline(ctx context.Context, r *report) error {
	cluster, err := team.Connect()
	if err != nil {
		return err
	}
	toolchain, err := cluster.Toolchain(ctx)
	if err != nil {
		return err
	}
	git, err := cluster.ServeGit(ctx, "../app")
	if err != nil {
		return err
	}
	namespace, err := cluster.NewNamespace(ctx, fmt.Sprintf("bench-%d", time.Now().Unix()))
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err := namespace.Delete(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}()
	sample, err := os.ReadFile("../../pipelines/fast-lane/samples/promoted.yaml")
	if err != nil {
		return err
	}
	manifest, err := team.Fixtures{Registry: cluster.Registry, GitURL: git, Images: map[string]string{"toolchain/go": toolchain}}.Substitute(sample)
	if err != nil {
		return err
	}
	// A repository of this run, so that the first build is one.
	manifest = []byte(strings.ReplaceAll(string(manifest), "/dev/app", "/"+namespace.Name+"/app"))
	rows := [][]string{{"run", "wall", "in our steps", "share", "slowest task"}}
	for _, name := range []string{"first", "again, same commit"} {
		created, err := namespace.Apply(ctx, manifest)
		if err != nil {
			return err
		}
		o, err := namespace.Wait(ctx, created[0], nil)
		if err != nil {
			return err
		}
		if !o.Succeeded {
			return fmt.Errorf("the pipeline failed: %s", namespace.Describe(o))
		}
		var ours time.Duration
		slowest := o.Tasks[0]
		for _, t := range o.Tasks {
			ours += t.InSteps
			if t.Took > slowest.Took {
				slowest = t
			}
		}
		rows = append(rows, []string{name, ms(o.Took), ms(ours), fmt.Sprintf("%.0f %%", 100*ours.Seconds()/o.Took.Seconds()),
			fmt.Sprintf("%s, %s", slowest.Task, ms(slowest.Took))})
	}
	r.table("The fast lane on the one-machine cluster", rows)
	r.note("Kubernetes reports the times of containers in whole seconds.")
	return nil
}

// benchCluster starts the cluster twice: as on a fresh machine, with nothing
// downloaded and nothing compiled, and again from what the caches hold.
func benchCluster(ctx context.Context, r *report) error {
	fresh, err := os.MkdirTemp("", "bench-cluster-")
	if err != nil {
		return err
	}
	defer func() {
		// the module cache is read-only, and os.RemoveAll does not change modes
		_ = exec.Command("chmod", "-R", "u+w", fresh).Run()
		_ = os.RemoveAll(fresh)
	}()
	rows := [][]string{{"start", "until Tekton is ready"}}
	for _, start := range []struct {
		name string
		env  []string
	}{
		{"cold: nothing downloaded or compiled", []string{"HOME=" + fresh, "XDG_CACHE_HOME=" + fresh, "GOPATH=" + fresh, "GOCACHE=" + fresh + "/go-build", "GOMODCACHE=" + fresh + "/mod"}},
		{"warm", nil},
	} {
		if err := clusterCommand(ctx, "down", nil); err != nil {
			return err
		}
		began := time.Now()
		if err := clusterCommand(ctx, "up", start.env); err != nil {
			return err
		}
		rows = append(rows, []string{start.name, ms(time.Since(began))})
	}
	r.table("The cluster", rows)
	return nil
}

func clusterCommand(ctx context.Context, verb string, env []string) error {
	cmd := exec.CommandContext(ctx, "go", "run", ".", verb)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "../cluster", os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), env...)
	return cmd.Run()
}
