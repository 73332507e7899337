package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// compileAll compiles for every platform at a time, and returns a directory of programs for each.
func (g Go) compileAll(ctx context.Context, pkgs []string) ([]string, error) {
	if len(g.Platforms) == 0 {
		return nil, errors.New("compiling: no platform is given")
	}
	if g.Scratch == "" {
		return nil, errors.New("compiling: no scratch directory is given")
	}
	var err error
	if g.Scratch, err = filepath.Abs(g.Scratch); err != nil {
		return nil, fmt.Errorf("compiling: %w", err)
	}
	if g.Output != nil {
		g.Output = narrate(g.Output)
	}
	env, err := g.settings(ctx)
	if err != nil {
		return nil, fmt.Errorf("compiling %s: %w", strings.Join(pkgs, " "), err)
	}
	flags := g.flags(env["GOFLAGS"])
	dirs := make([]string, len(g.Platforms))
	group, ctx := errgroup.WithContext(ctx)
	for i, p := range g.Platforms {
		group.Go(func() (err error) {
			dirs[i], err = g.compile(ctx, p, flags, pkgs)
			return err
		})
	}
	return dirs, group.Wait()
}

// compile returns the directory that holds the programs it built.
func (g Go) compile(ctx context.Context, p v1.Platform, flags, pkgs []string) (string, error) {
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
	if filepath.IsAbs(g.Scratch) { // an interrupted go command leaves its temporary files
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
