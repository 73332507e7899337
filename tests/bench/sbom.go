package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/tests/debian"
)

const sbomRounds = 5

// cost is what one run of a program takes.
type cost struct {
	wall time.Duration
	peak int64 // bytes of memory
}

// benchSBOM compares sbom with stock syft on a Go service, on our static base and on
// Debian's. Every round is another image on the same base, as every build is.
func benchSBOM(ctx context.Context, r *report) error {
	dir, err := os.MkdirTemp("", "bench-sbom-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	host, stop, err := startRegistry(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	for _, build := range []struct{ dir, pkg, to string }{
		{".", "github.com/anchore/syft/cmd/syft", "syft"}, {"../..", "./tasks/sbom", "sbom"}, {"../app", ".", "app"},
	} {
		if err := compile(ctx, build.dir, build.pkg, filepath.Join(dir, build.to)); err != nil {
			return err
		}
	}
	files, err := debian.Files(ctx)
	if err != nil {
		return err
	}
	rows := [][]string{{"image of the sample service", "syft", "sbom", "sbom, base cached", "sbom / syft", "base cached / syft", "peak memory: syft, sbom, base cached"}}
	for _, base := range []struct {
		name   string
		layers []images.Layer
	}{
		{"on the static base", nil},
		{"on Debian", []images.Layer{{Entries: files}}},
	} {
		costs, err := compareSBOM(ctx, dir, host, base.layers)
		if err != nil {
			return err
		}
		syft, ours, cached := costs["syft"], costs["sbom"], costs["cached"]
		rows = append(rows, []string{base.name, ms(syft.wall), ms(ours.wall), ms(cached.wall), ratio(ours.wall, syft.wall), ratio(cached.wall, syft.wall),
			fmt.Sprintf("%s, %s, %s", megabytes(syft.peak), megabytes(ours.peak), megabytes(cached.peak))})
	}
	r.table("SPDX and CycloneDX documents of an image", rows)
	r.note("Stock syft v1.57.0 reads from the same registry and writes the same two documents. Debian is the required, important and standard packages of this machine, %d files.", len(files))
	return nil
}

func compareSBOM(ctx context.Context, dir, host string, base []images.Layer) (map[string]cost, error) {
	repository, err := name.NewRepository(fmt.Sprintf("%s/on-%d", host, len(base)))
	if err != nil {
		return nil, err
	}
	walls, costs := map[string][]time.Duration{}, map[string]cost{}
	for round := range sbomRounds + 1 { // the first one fills the cache
		ref, err := pushService(ctx, repository, filepath.Join(dir, "app"), base, round)
		if err != nil {
			return nil, err
		}
		sbom := []string{filepath.Join(dir, "sbom"), "--reports=" + dir, "--attach=false", "--image=" + ref}
		for _, run := range []struct {
			name string
			args []string
		}{
			{"cached", append(sbom[:len(sbom):len(sbom)], "--cache-repository="+host+"/cache")},
			{"syft", []string{filepath.Join(dir, "syft"), "scan", "-q", "registry:" + ref, "-o", "spdx-json=" + dir + "/syft.spdx.json", "-o", "cyclonedx-json=" + dir + "/syft.cdx.json"}},
			{"sbom", sbom},
		} {
			c, err := runCost(ctx, run.args)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				walls[run.name] = append(walls[run.name], c.wall)
				costs[run.name] = cost{median(walls[run.name]), max(costs[run.name].peak, c.peak)}
			}
		}
	}
	return costs, nil
}

func runCost(ctx context.Context, args []string) (cost, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "SYFT_CHECK_FOR_APP_UPDATE=false", "SYFT_REGISTRY_INSECURE_USE_HTTP=true")
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return cost{}, fmt.Errorf("%s: %w: %s", args[0], err, out)
	}
	wall := time.Since(began)
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return cost{}, fmt.Errorf("%s: no resource usage is known", args[0])
	}
	return cost{wall, usage.Maxrss << 10}, nil
}

// pushService pushes the sample service on a base; every round is another image.
func pushService(ctx context.Context, repository name.Repository, program string, base []images.Layer, round int) (string, error) {
	app := images.Layer{Entries: []images.Entry{
		{Path: "ko-app/app", Mode: 0o555, Source: program},
		{Path: "ko-app/round", Mode: 0o444, Body: fmt.Append(nil, round)},
	}}
	image, err := images.Build(ctx, images.Spec{Base: images.Static(), Platforms: []images.Platform{{
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Layers: append(base[:len(base):len(base)], app),
	}}})
	if err != nil {
		return "", err
	}
	digest, err := images.Push(ctx, repository, image, nil)
	return digest.String(), err
}
