package images

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"golang.org/x/mod/modfile"
)

// Inputs hashes what the image of pkg is made from: every file of the main module, of the
// modules of its workspace and of those that a local directory replaces (versions
// in go.sum stand for all other modules), the go command's version and settings, the base's
// digest and the configuration. It compiles nothing and asks no registry.
//
// All files count, since any of them may be embedded, but for version control's own
// directories, which go:embed refuses, and for hidden directories that no go:embed names.
func (g Go) Inputs(ctx context.Context, pkg string) (Inputs, error) {
	failed := func(err error) (Inputs, error) {
		return Inputs{}, fmt.Errorf("hashing the inputs of %q: %w", pkg, err)
	}
	env, err := g.settings(ctx)
	if err != nil {
		return failed(err)
	}
	h := newInputHash("go")
	here, err := filepath.Rel(filepath.Dir(env["GOMOD"]), g.absolute())
	if err != nil {
		return failed(err)
	}
	roots, err := sourceRoots(env["GOMOD"], env["GOWORK"])
	if err != nil {
		return failed(err)
	}
	for i := 0; i < len(roots); i++ {
		files, linked, err := hashTree(ctx, roots[i], g.namesFiles(env["GOFLAGS"]))
		if err != nil {
			return failed(err)
		}
		h.add(files...)
		for _, dir := range linked {
			if !slices.Contains(roots, dir) && !holds(dir, roots[0]) {
				roots = append(roots, dir)
			}
		}
	}
	base, err := g.base().Digest()
	if err != nil {
		return failed(err)
	}
	delete(env, "GOMOD")
	delete(env, "GOWORK")
	h.addMap(env)
	h.add(here, pkg, base.String(), g.base().Name(), g.Toolchain, wholeSeconds(g.Created).String())
	h.add(g.flags(env["GOFLAGS"])...)
	h.addMap(g.Annotations)
	var platforms []string
	for _, p := range g.Platforms {
		platforms = append(platforms, p.String())
	}
	sort.Strings(platforms)
	h.add(platforms...)
	return h.sum(), nil
}

// namesFiles tells whether a flag may name a file anywhere.
func (g Go) namesFiles(goflags string) bool {
	flags := strings.Join(append(slices.Clone(g.Flags), goflags), " ")
	return strings.Contains(flags, "-modfile") || strings.Contains(flags, "-overlay") || strings.Contains(flags, "-pgo")
}

// holds tells whether a directory lies above another.
func holds(dir, below string) bool {
	relative, err := filepath.Rel(dir, below)
	return err == nil && filepath.IsLocal(relative)
}

func (g Go) absolute() string {
	dir, err := filepath.Abs(g.Dir)
	if err != nil { // the working directory is gone; every later step says so as well
		return g.Dir
	}
	return dir
}

// settings asks the go command for its version and for whatever changes its output.
func (g Go) settings(ctx context.Context) (map[string]string, error) {
	out, err := g.command(ctx, nil, "env", "-json", "GOMOD", "GOWORK", "GOVERSION", "GOFLAGS", "GOEXPERIMENT",
		"GOAMD64", "GOARM64", "GOARM", "GO386", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOFIPS140")
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	if err := json.Unmarshal([]byte(out), &env); err != nil {
		return nil, fmt.Errorf("reading go env: %w", err)
	}
	if env["GOMOD"] == "" || env["GOMOD"] == os.DevNull {
		if env["GOWORK"] == "" {
			return nil, fmt.Errorf("no go.mod lies in %q or above it", g.Dir)
		}
		env["GOMOD"] = env["GOWORK"] // a directory of the workspace that is no module itself
	}
	return env, nil
}

// sourceRoots returns the directories that hold source, main module first.
func sourceRoots(gomod, gowork string) ([]string, error) {
	var roots []string
	seen := map[string]bool{}
	add := func(from, dir string) {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(from, dir)
		}
		if !seen[dir] {
			seen[dir] = true
			roots = append(roots, dir)
		}
	}
	if gowork == "" || gowork == "off" {
		add("", filepath.Dir(gomod))
	} else {
		data, err := os.ReadFile(gowork)
		if err != nil {
			return nil, err
		}
		work, err := modfile.ParseWork(gowork, data, nil)
		if err != nil {
			return nil, err
		}
		add("", filepath.Dir(gowork)) // go.work itself, its checksums, its vendored modules
		for _, use := range work.Use {
			add(filepath.Dir(gowork), use.Path)
		}
		for _, r := range work.Replace {
			if r.New.Version == "" {
				add(filepath.Dir(gowork), r.New.Path)
			}
		}
	}
	for _, main := range append([]string(nil), roots...) { // only a main module's replacements count
		name := filepath.Join(main, "go.mod")
		data, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		mod, err := modfile.Parse(name, data, nil)
		if err != nil {
			return nil, err
		}
		for _, r := range mod.Replace {
			if r.New.Version == "" {
				add(main, r.New.Path)
			}
		}
	}
	return roots, nil
}
