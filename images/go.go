package images

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// Go builds images of Go programs, with the go command of this machine.
//
// Programs are linked statically (no cgo), without paths, symbol tables, build IDs or
// version control stamps, so that the same source gives the same bytes in every directory.
// The binary lies at /ko-app/<name>, as stock ko has it, and runs as uid 65532.
type Go struct {
	Dir       string        // a directory of the main module
	Platforms []v1.Platform // at least one
	Base      Base          // nil is Static()
	Tags      []string      // build tags
	Flags     []string      // more flags for go build, such as -mod=vendor
	LDFlags   string        // beside -s -w -buildid=, such as -X main.version=1.2.3
	Env       []string      // the go command's environment; nil is this process's own
	Toolchain string        // what provides the go command, such as an image digest; part of the inputs

	Annotations map[string]string
	Created     time.Time // see Spec

	// Scratch is a directory for compiled programs, compressed layers and temporary files.
	// Layers are read when an image is pushed, so it must stay until then.
	Scratch string
	Output  io.Writer // what the go command tells people; nil is nowhere

	// SourceRead is called when everything is compiled and the source is read no more,
	// before images are assembled; it may be nil.
	SourceRead func()
}

// Image compiles one main package for every platform at once and assembles its image.
// The package is named as go build names it: an import path, or ./cmd/app.
func (g Go) Image(ctx context.Context, pkg string) (Artifact, error) {
	all, err := g.Images(ctx, pkg)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("compiling %q: it names %d programs, and an image holds one", pkg, len(all))
	}
	return slices.Collect(maps.Values(all))[0], nil
}

// Images compiles main packages, one go build a platform, and returns the image of
// each by the name of its program.
func (g Go) Images(ctx context.Context, pkgs ...string) (map[string]Artifact, error) {
	dirs, err := g.compileAll(ctx, pkgs)
	if err != nil {
		return nil, err
	}
	if g.SourceRead != nil {
		g.SourceRead()
	}
	programs, err := os.ReadDir(dirs[0])
	if err != nil {
		return nil, fmt.Errorf("compiling: %w", err)
	}
	artifacts := make([]Artifact, len(programs))
	var group errgroup.Group // without a context of its own: see Build
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range programs {
		group.Go(func() (err error) {
			artifacts[i], err = g.assemble(ctx, p.Name(), dirs)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	images := make(map[string]Artifact, len(programs))
	for i, p := range programs {
		images[p.Name()] = artifacts[i]
	}
	return images, nil
}

// assemble makes the image of a program that was compiled into one directory a platform.
func (g Go) assemble(ctx context.Context, program string, dirs []string) (Artifact, error) {
	spec := Spec{Base: g.base(), Created: g.Created, Annotations: g.Annotations, Scratch: g.Scratch}
	spec.Configure = func(c *v1.Config) { runs(c, program) }
	for i, p := range g.Platforms {
		spec.Platforms = append(spec.Platforms, Platform{Platform: p, Layers: []Layer{{
			History: "go build " + program,
			Entries: []Entry{
				{Path: "ko-app", Mode: os.ModeDir | 0o555},
				{Path: "ko-app/" + program, Mode: 0o555, Source: filepath.Join(dirs[i], program)},
			},
		}}})
	}
	return Build(ctx, spec)
}

func (g Go) base() Base {
	if g.Base == nil {
		return Static()
	}
	return g.Base
}

// runs makes the configuration start the program, as stock ko does.
func runs(c *v1.Config, program string) {
	c.Entrypoint, c.Cmd = []string{"/ko-app/" + program}, nil
	c.User = "65532:65532"
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for i := 0; i < len(c.Env); i++ {
		if value, is := strings.CutPrefix(c.Env[i], "PATH="); is {
			path = value
			c.Env = append(c.Env[:i:i], c.Env[i+1:]...)
			break
		}
	}
	c.Env = append(c.Env, "PATH="+path+":/ko-app")
}
