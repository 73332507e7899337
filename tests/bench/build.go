package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/images"
)

// builder is one way from a main package to a pushed image.
type builder struct {
	name string
	cmd  func(ctx context.Context) *exec.Cmd
}

// benchBuild compares build-go with stock ko and with a plain go build that
// makes no image, on the sample service, each with a build cache of its own.
func benchBuild(ctx context.Context, r *report) error {
	dir, err := os.MkdirTemp("", "bench-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	host, stop, err := startRegistry(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	tools, err := buildTools(ctx, dir)
	if err != nil {
		return err
	}
	base, err := pushBase(ctx, host)
	if err != nil {
		return err
	}
	source := filepath.Join(dir, "app")
	if err := os.CopyFS(source, os.DirFS("../app")); err != nil {
		return err
	}
	builders := []builder{
		{"go build", func(ctx context.Context) *exec.Cmd {
			return inCache(ctx, dir, "plain", source, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "plain.bin"), ".")
		}},
		{"build-go", func(ctx context.Context) *exec.Cmd {
			return inCache(ctx, dir, "ours", source, tools["build-go"], "--source="+source, "--image="+host+"/ours", "--toolchain=local")
		}},
		{"ko build", func(ctx context.Context) *exec.Cmd {
			cmd := inCache(ctx, dir, "ko", source, tools["ko"], "build", "--bare", "--sbom=none", "--platform=linux/amd64", "--tags=latest", ".")
			cmd.Env = append(cmd.Env, "KO_DOCKER_REPO="+host+"/ko", "KO_DEFAULTBASEIMAGE="+base)
			return cmd
		}},
	}
	rows := [][]string{{"sample service", "go build", "build-go", "ko build", "build-go / ko", "added to go build, ours / ko's"}}
	for _, state := range []struct {
		name    string
		rounds  int
		prepare func(round int) error
	}{
		{"cold (empty build cache)", 1, func(int) error { return nil }},
		{"changed (one source file)", 7, func(round int) error { return change(source, round) }},
		{"unchanged", 7, func(int) error { return nil }},
	} {
		took, err := measure(ctx, builders, state.rounds, state.prepare)
		if err != nil {
			return err
		}
		plain, ours, ko := took["go build"], took["build-go"], took["ko build"]
		rows = append(rows, []string{state.name, ms(plain), ms(ours), ms(ko), ratio(ours, ko), ratio(ours-plain, ko-plain)})
	}
	r.table("Build and push", rows)
	return nil
}

// measure runs the builders in turn, round by round, and returns their medians.
func measure(ctx context.Context, builders []builder, rounds int, prepare func(int) error) (map[string]time.Duration, error) {
	all := map[string][]time.Duration{}
	for round := range rounds {
		if err := prepare(round); err != nil {
			return nil, err
		}
		for i := range builders {
			b := builders[(i+round)%len(builders)] // no one is always first
			cmd := b.cmd(ctx)
			began := time.Now()
			out, err := cmd.CombinedOutput()
			if err != nil {
				return nil, fmt.Errorf("%s: %w: %s", b.name, err, out)
			}
			all[b.name] = append(all[b.name], time.Since(began))
		}
	}
	medians := map[string]time.Duration{}
	for name, d := range all {
		medians[name] = median(d)
	}
	return medians, nil
}

// inCache prepares a command with a build cache of its own.
func inCache(ctx context.Context, dir, cache, work, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "GOCACHE="+filepath.Join(dir, "gocache-"+cache), "CGO_ENABLED=0")
	return cmd
}

// change makes the program another one.
func change(source string, round int) error {
	return os.WriteFile(filepath.Join(source, "round.go"),
		fmt.Appendf(nil, "package main\n\nfunc init() { println(%q) }\n", fmt.Sprint("round ", round)), 0o644)
}

// pushBase puts the static base where ko can take it, and returns it by digest.
func pushBase(ctx context.Context, host string) (string, error) {
	image, err := images.Static().Image(ctx, v1.Platform{OS: "linux", Architecture: "amd64"})
	if err != nil {
		return "", err
	}
	repository, err := name.NewRepository(host + "/base")
	if err != nil {
		return "", err
	}
	digest, err := images.Push(ctx, repository, image, []string{"latest"})
	return digest.String(), err
}
