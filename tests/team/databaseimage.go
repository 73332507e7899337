package team

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/postgres"
)

// postgresHome is where PostgreSQL lies in its image.
const postgresHome = "usr/local/pgsql"

// databaseImage pushes a PostgreSQL with what it loads of this machine, where nothing can be pulled, and returns its reference by digest.
func (c *Cluster) databaseImage(ctx context.Context) (string, error) {
	repository, err := c.Repository("team/database")
	if err != nil {
		return "", err
	}
	inputs := images.Inputs(sha256.Sum256([]byte("database 1 " + postgres.Newest + " " + images.Compressor)))
	published, err := images.Publish(ctx, repository, inputs, nil, func(ctx context.Context) (images.Artifact, error) {
		entries, err := databaseEntries(ctx)
		if err != nil {
			return nil, err
		}
		return images.Build(ctx, images.Spec{Base: images.Static(), Platforms: []images.Platform{{
			Platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
			Layers:   []images.Layer{{Entries: entries, History: "PostgreSQL " + postgres.Newest}},
		}}})
	}, c.Remote(ctx)...)
	if err != nil {
		return "", fmt.Errorf("pushing PostgreSQL: %w", err)
	}
	return published.Digest.String(), nil
}

// databaseEntries lists PostgreSQL's programs and files, a shell, without which initdb does not work, and every library that they load.
func databaseEntries(ctx context.Context) ([]images.Entry, error) {
	bin, err := postgres.Install(postgres.Newest)
	if err != nil {
		return nil, err
	}
	home := filepath.Dir(bin)
	files := []string{bin + "/postgres", bin + "/initdb", "/bin/sh"}
	loaded, err := libraries(ctx, files...)
	if err != nil {
		return nil, err
	}
	var entries []images.Entry
	var paths []string
	for _, file := range append(files, loaded...) {
		at := strings.TrimPrefix(file, "/")
		if inside, ok := strings.CutPrefix(file, home); ok {
			at = postgresHome + inside
		}
		source, err := filepath.EvalSymlinks(file)
		if err != nil {
			return nil, err
		}
		entries, paths = append(entries, images.Entry{Path: at, Mode: 0o755, Source: source}), append(paths, at)
	}
	for _, part := range []string{"/lib/postgresql", "/share/postgresql"} {
		found, err := folder(home+part, postgresHome+part)
		if err != nil {
			return nil, err
		}
		entries = append(entries, found...)
	}
	entries = append(entries, images.Parents(paths)...)
	slices.SortFunc(entries, func(a, b images.Entry) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(entries, func(a, b images.Entry) bool { return a.Path == b.Path }), nil
}

var libraryPath = regexp.MustCompile(`(?m)(/\S+) \(0x`)

// libraries are the files that ldd says the programs load.
func libraries(ctx context.Context, programs ...string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "ldd", programs...).Output()
	if err != nil {
		return nil, fmt.Errorf("finding the libraries of PostgreSQL: %w", err)
	}
	var files []string
	for _, match := range libraryPath.FindAllStringSubmatch(string(out), -1) {
		files = append(files, filepath.Clean(match[1]))
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}
