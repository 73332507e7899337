package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/images"
)

// A listed package is what `go list` tells of it.
type listed struct {
	ImportPath string
	Dir        string
	Standard   bool
	Module     *struct {
		Path, Version, GoVersion string
		Main                     bool
		Replace                  *struct{ Path, Version string }
	}
	DefaultGODEBUG                                 string
	GoFiles, SFiles, HFiles, SysoFiles, EmbedFiles []string
	Deps                                           []string
}

// layout stands for how an image is made of its program; change it with what Go images look like, so that none is taken for a new one.
const layout = "sluice task image 1"

// sourceInputs hashes, for each main package, the files that are compiled into it, the versions of the modules that it needs, the go
// command and the platforms: less than the whole tree, so that a change to one task rebuilds one image.
func sourceInputs(ctx context.Context, root string, pkgs []string, platforms []v1.Platform) (map[string]images.Inputs, error) {
	settings, err := goCommand(ctx, root, nil, "env", "GOVERSION", "GOFLAGS", "GOEXPERIMENT", "GOAMD64", "GOARM64", "GOFIPS140")
	if err != nil {
		return nil, err
	}
	base, err := images.Static().Digest()
	if err != nil {
		return nil, fmt.Errorf("making the base image: %w", err)
	}
	sums := map[string]hash.Hash{}
	for _, pkg := range pkgs {
		sums[pkg] = sha256.New()
		fmt.Fprintf(sums[pkg], "%s\n%s\n%s\n%s\n", layout, settings, images.Compressor, base)
	}
	files := fileSums{}
	for _, p := range platforms {
		if err := addPlatform(ctx, root, pkgs, p, sums, files); err != nil {
			return nil, err
		}
	}
	inputs := map[string]images.Inputs{}
	for pkg, h := range sums {
		inputs[pkg] = images.Inputs(h.Sum(nil))
	}
	return inputs, nil
}

func addPlatform(ctx context.Context, root string, pkgs []string, p v1.Platform, sums map[string]hash.Hash, files fileSums) error {
	env := []string{"GOOS=" + p.OS, "GOARCH=" + p.Architecture}
	args := append([]string{"list", "-deps", "-tags=timetzdata",
		"-json=ImportPath,Dir,Standard,Module,DefaultGODEBUG,GoFiles,SFiles,HFiles,SysoFiles,EmbedFiles,Deps", "--"}, pkgs...)
	out, err := goCommand(ctx, root, env, args...)
	if err != nil {
		return err
	}
	all := map[string]listed{}
	for dec := json.NewDecoder(strings.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); err == io.EOF {
			break
		} else if err != nil {
			return fmt.Errorf("reading what go list says: %w", err)
		}
		all[l.ImportPath] = l
	}
	for _, pkg := range pkgs {
		main, ok := mainPackage(all, root, pkg)
		if !ok {
			return fmt.Errorf("hashing %s: go list does not name it", pkg)
		}
		fmt.Fprintf(sums[pkg], "platform %s\ngo %s %s\n", p, main.Module.GoVersion, main.DefaultGODEBUG)
		for _, path := range append(slices.Clone(main.Deps), main.ImportPath) {
			if err := all[path].addTo(sums[pkg], files); err != nil {
				return err
			}
		}
	}
	return nil
}

func mainPackage(all map[string]listed, root, pkg string) (listed, bool) {
	dir, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(pkg)))
	if err != nil {
		return listed{}, false
	}
	for _, l := range all {
		if l.Dir == dir {
			return l, true
		}
	}
	return listed{}, false
}

// addTo adds a package: by its module's version where that says all, else by the content of its files.
func (l listed) addTo(h hash.Hash, files fileSums) error {
	switch m := l.Module; {
	case l.Standard || m == nil: // GOVERSION stands for it
		return nil
	case !m.Main && m.Replace == nil:
		fmt.Fprintf(h, "%s %s@%s\n", l.ImportPath, m.Path, m.Version)
		return nil
	case !m.Main && m.Replace.Version != "":
		fmt.Fprintf(h, "%s %s@%s\n", l.ImportPath, m.Replace.Path, m.Replace.Version)
		return nil
	}
	for _, name := range slices.Concat(l.GoFiles, l.SFiles, l.HFiles, l.SysoFiles, l.EmbedFiles) {
		sum, err := files.of(filepath.Join(l.Dir, filepath.FromSlash(name)))
		if err != nil {
			return fmt.Errorf("hashing %s: %w", l.ImportPath, err)
		}
		fmt.Fprintf(h, "%s/%s %s\n", l.ImportPath, name, sum)
	}
	return nil
}

// fileSums remembers the sum of each file, since most are in every task.
type fileSums map[string]string

func (f fileSums) of(path string) (string, error) {
	if sum, ok := f[path]; ok {
		return sum, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	f[path] = hex.EncodeToString(h.Sum(nil))
	return f[path], nil
}

func goCommand(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	var told strings.Builder
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("running go %s: %w: %s", args[0], err, strings.TrimSpace(told.String()))
	}
	return string(out), nil
}
