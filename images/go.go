package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
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

	// Scratch is a directory for compiled programs and temporary files. Programs are read
	// again when an image is pushed, so it must stay until then.
	Scratch string
	Output  io.Writer // what the go command tells people; nil is nowhere
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
	if g.Output != nil {
		g.Output = narrate(g.Output)
	}
	env, err := g.settings(ctx)
	if err != nil {
		return nil, fmt.Errorf("compiling %s: %w", strings.Join(pkgs, " "), err)
	}
	flags := g.flags(env["GOFLAGS"])
	dirs := make([]string, len(g.Platforms))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, p := range g.Platforms {
		group.Go(func() (err error) {
			dirs[i], err = g.compile(groupCtx, p, flags, pkgs)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if len(dirs) == 0 {
		return nil, errors.New("compiling: no platform is given")
	}
	programs, err := os.ReadDir(dirs[0])
	if err != nil {
		return nil, fmt.Errorf("compiling: %w", err)
	}
	artifacts := make([]Artifact, len(programs))
	assembling := errgroup.Group{} // without a context of its own: see Build
	assembling.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range programs {
		assembling.Go(func() (err error) {
			artifacts[i], err = g.assemble(ctx, p.Name(), dirs)
			return err
		})
	}
	if err := assembling.Wait(); err != nil {
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
	spec := Spec{Base: g.base(), Created: g.Created, Annotations: g.Annotations}
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

// compile returns the directory that holds the programs it built.
func (g Go) compile(ctx context.Context, p v1.Platform, flags, pkgs []string) (string, error) {
	if g.Scratch == "" {
		return "", errors.New("compiling: no scratch directory is given")
	}
	failed := func(err error) (string, error) {
		return "", fmt.Errorf("compiling %s for %s: %w", strings.Join(pkgs, " "), p, err)
	}
	target, err := platformEnv(p)
	if err != nil {
		return failed(err)
	}
	dir, err := os.MkdirTemp(g.Scratch, "programs-")
	if err != nil {
		return failed(err)
	}
	// With a directory as its output, go build names the programs itself and refuses
	// packages that are none.
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-o", dir + string(filepath.Separator)}, flags...)
	if _, err := g.command(ctx, target, append(append(args, "--"), pkgs...)...); err != nil {
		return failed(err)
	}
	programs, err := os.ReadDir(dir)
	if err != nil {
		return failed(err)
	}
	if len(programs) < len(pkgs) {
		return failed(fmt.Errorf("%d packages gave %d programs; two have the same name", len(pkgs), len(programs)))
	}
	return dir, nil
}

// flags are those of go build that change the program. Build tags of GOFLAGS count too,
// which a flag -tags of our own would replace.
func (g Go) flags(goflags string) []string {
	flags := append([]string{"-ldflags=" + strings.TrimSpace("-s -w -buildid= "+g.LDFlags)}, g.Flags...)
	tags := slices.Clone(g.Tags)
	for _, flag := range strings.Fields(goflags) {
		if value, is := strings.CutPrefix(strings.TrimLeft(flag, "-"), "tags="); is {
			tags = append(tags, value)
		}
	}
	if g.base() == Static() {
		tags = append(tags, "timetzdata")
	}
	if len(tags) > 0 {
		flags = append(flags, "-tags="+strings.Join(tags, ","))
	}
	return flags
}

// platformEnv says in the go command's words what to compile for.
func platformEnv(p v1.Platform) ([]string, error) {
	env := []string{"GOOS=" + p.OS, "GOARCH=" + p.Architecture}
	switch {
	case p.OS == "" || p.Architecture == "":
		return nil, fmt.Errorf("reading platform %q: it has the form os/architecture", p.String())
	case p.Variant == "":
	case p.Architecture == "arm":
		env = append(env, "GOARM="+strings.TrimPrefix(p.Variant, "v"))
	case p.Architecture == "arm64":
		variant := p.Variant
		if !strings.Contains(variant, ".") {
			variant += ".0"
		}
		env = append(env, "GOARM64="+variant)
	case p.Architecture == "amd64":
		env = append(env, "GOAMD64="+p.Variant)
	default:
		return nil, fmt.Errorf("reading platform %q: %s has no variants", p.String(), p.Architecture)
	}
	return env, nil
}

// GoError is a failure of the go command.
type GoError struct {
	Args   []string // without the word go
	Output string   // what it told people, trimmed
	err    error
}

// Error gives the command's own words, for they name file, line and reason.
func (e *GoError) Error() string {
	if e.Output == "" {
		return fmt.Sprintf("go %s: %s", e.Args[0], e.err)
	}
	return e.Output
}

func (e *GoError) Unwrap() error { return e.err }

// command runs the go command in the module, and returns what it printed.
func (g Go) command(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = g.Dir
	interruptible(cmd)
	cmd.Env = g.Env
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(append(cmd.Env[:len(cmd.Env):len(cmd.Env)], "CGO_ENABLED=0", "PWD="+g.absolute()), env...)
	if g.Scratch != "" { // an interrupted go command leaves its temporary files
		cmd.Env = append(cmd.Env, "GOTMPDIR="+g.Scratch)
	}
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	if g.Output != nil {
		cmd.Stderr = io.MultiWriter(&lines{w: g.Output}, &told)
	}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", &GoError{Args: args, Output: strings.TrimSpace(told.String()), err: err}
	}
	return out.String(), nil
}
