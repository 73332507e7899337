package images_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/registrytest"
)

var both = []v1.Platform{{OS: "linux", Architecture: "arm64"}, {OS: "linux", Architecture: "amd64"}}

func TestSameSourceGivesTheSameDigestWhereverAndWheneverItIsBuilt(t *testing.T) {
	first := digest(t, build(t, module(t, time.Unix(1_000_000_000, 0), 0o644), both...))
	umask := unix.Umask(0o077)
	defer unix.Umask(umask)
	second := digest(t, build(t, module(t, time.Now(), 0o600), both[1], both[0]))
	require.Equal(t, first, second)
}

func TestAProgramRunsWhereStockKoPutsIt(t *testing.T) {
	image := build(t, module(t, time.Now(), 0o644), both[1]).(v1.Image)
	require.NoError(t, validate.Image(image))
	config, err := image.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, []string{"/ko-app/hello"}, config.Config.Entrypoint)
	require.Equal(t, "65532:65532", config.Config.User)
	require.Equal(t, []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/ko-app"}, config.Config.Env)
	require.Equal(t, "amd64", config.Architecture)

	layers, err := image.Layers()
	require.NoError(t, err)
	headers := read(t, layers[1])
	require.Len(t, headers, 2)
	require.Equal(t, "ko-app/hello", headers[1].Name)
	require.EqualValues(t, 0o555, headers[1].Mode)
	require.True(t, headers[1].ModTime.Equal(time.Unix(0, 0)))
	require.Zero(t, headers[1].Uid)
	require.Empty(t, headers[1].Uname)
}

func TestUnchangedInputIsOneHeadRequest(t *testing.T) {
	reg := registrytest.Start(t)
	repository, err := name.NewRepository(reg.Host + "/team/hello")
	require.NoError(t, err)
	dir := module(t, time.Now(), 0o644)
	g := images.Go{Dir: dir, Platforms: both, Scratch: t.TempDir(), Toolchain: "one"}

	first, err := g.Publish(t.Context(), ".", repository, nil)
	require.NoError(t, err)
	require.False(t, first.Reused)
	index, err := remote.Index(first.Digest)
	require.NoError(t, err)
	require.NoError(t, validate.Index(index))

	reg.Forget()
	second, err := g.Publish(t.Context(), ".", repository, nil)
	require.NoError(t, err)
	require.Equal(t, images.Published{Digest: first.Digest, Reused: true}, second)
	require.Len(t, reg.Requests(), 1)
	require.Equal(t, "HEAD", reg.Requests()[0].Method)

	inputs, err := g.Inputs(t.Context(), ".")
	require.NoError(t, err)
	for what, change := range map[string]func(*testing.T, *images.Go){
		"a platform less":   func(_ *testing.T, g *images.Go) { g.Platforms = both[:1] },
		"another toolchain": func(_ *testing.T, g *images.Go) { g.Toolchain = "two" },
		"a build tag":       func(_ *testing.T, g *images.Go) { g.Tags = []string{"netgo"} },
		"a linker flag":     func(_ *testing.T, g *images.Go) { g.LDFlags = "-X main.version=2" },
		"another time":      func(_ *testing.T, g *images.Go) { g.Created = time.Unix(1, 0) },
		"an annotation":     func(_ *testing.T, g *images.Go) { g.Annotations = map[string]string{"a": "b"} },
		"an embedded file":  func(t *testing.T, g *images.Go) { write(t, g.Dir, "greeting.txt", "good evening\n") },
		"a replaced module": func(t *testing.T, g *images.Go) {
			write(t, g.Dir, "../"+filepath.Base(g.Dir)+"-dep/dep.go", "package dep\n\nconst Word = `x`\n")
		},
		"a file more":        func(t *testing.T, g *images.Go) { write(t, g.Dir, "more.go", "package main\n") },
		"an environment":     func(_ *testing.T, g *images.Go) { g.Env = append(os.Environ(), "GOAMD64=v3") },
		"a file in a folder": func(t *testing.T, g *images.Go) { write(t, g.Dir, "testdata/x", "1") },
	} {
		t.Run(what, func(t *testing.T) {
			changed := g
			changed.Dir = module(t, time.Now(), 0o644)
			same, err := changed.Inputs(t.Context(), ".")
			require.NoError(t, err)
			require.Equal(t, inputs, same, "a copy elsewhere has the same inputs")
			change(t, &changed)
			got, err := changed.Inputs(t.Context(), ".")
			require.NoError(t, err)
			require.NotEqual(t, inputs, got)
		})
	}
}

// A hidden directory holds no package; a cache in it changes nothing, unless it is embedded.
func TestAHiddenDirectoryIsAnInputOnlyWhereEmbedReachesIt(t *testing.T) {
	for directive, counts := range map[string]bool{
		"//go:embed greeting.txt":          false,
		"//go:embed internal":              false,
		"//go:embed all:internal":          true,
		"//go:embed *":                     true,
		"//go:embed .cache/x":              true,
		"//go:embed internal/.cache/x":     true,
		"//go:embed \".cache/x\"":          true,
		"// go:embed * is only a comment.": false,
	} {
		t.Run(directive, func(t *testing.T) {
			g := images.Go{Dir: module(t, time.Now(), 0o644), Platforms: both}
			write(t, g.Dir, "embeds.go", "package main\n\nimport \"embed\"\n\n"+directive+"\nvar files embed.FS\n")
			write(t, g.Dir, "internal/one/embeds.go", "package one\n\nimport \"embed\"\n\n//go:embed *\nvar files embed.FS\n")
			inputs := func() images.Inputs {
				i, err := g.Inputs(t.Context(), ".")
				require.NoError(t, err)
				return i
			}
			before := inputs()
			write(t, g.Dir, ".cache/x", "1")
			write(t, g.Dir, "internal/.cache/x", "1")
			require.Equal(t, counts, before != inputs())
		})
	}
}

func TestALinkedDirectoryElsewhereIsAnInput(t *testing.T) {
	g := images.Go{Dir: module(t, time.Now(), 0o644), Platforms: both}
	elsewhere := t.TempDir()
	write(t, elsewhere, "shared.go", "package shared\n")
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(g.Dir, "shared")))
	require.NoError(t, os.Symlink("/", filepath.Join(elsewhere, "around")))
	before, err := g.Inputs(t.Context(), ".")
	require.NoError(t, err)
	write(t, elsewhere, "shared.go", "package shared // changed\n")
	after, err := g.Inputs(t.Context(), ".")
	require.NoError(t, err)
	require.NotEqual(t, before, after)
}

// The go command lets a flag -tags replace the one in GOFLAGS.
func TestBuildTagsOfGOFLAGSAreKept(t *testing.T) {
	dir := module(t, time.Now(), 0o644)
	write(t, dir, "wanted.go", "//go:build wanted && also\n\npackage main\n\nfunc init() { broken }\n")
	g := images.Go{Dir: dir, Platforms: both[:1], Scratch: t.TempDir(), Tags: []string{"also"}, Env: append(os.Environ(), "GOFLAGS=-tags=wanted")}
	_, err := g.Image(t.Context(), ".")
	require.ErrorContains(t, err, "wanted.go:5:15: undefined: broken")
}

func TestAnImageHoldsOneProgram(t *testing.T) {
	dir := module(t, time.Now(), 0o644)
	write(t, dir, "cmd/a/main.go", "package main\n\nfunc main() {}\n")
	write(t, dir, "cmd/b/main.go", "package main\n\nfunc main() {}\n")
	g := images.Go{Dir: dir, Platforms: both[:1], Scratch: t.TempDir()}
	_, err := g.Image(t.Context(), "./cmd/...")
	require.ErrorContains(t, err, `compiling "./cmd/...": it names 2 programs, and an image holds one`)
	all, err := g.Images(t.Context(), "./cmd/a", "./cmd/b")
	require.NoError(t, err)
	require.Len(t, all, 2)
}

func TestVersionControlAndNestedModulesAreNoInput(t *testing.T) {
	g := images.Go{Dir: module(t, time.Now(), 0o644), Platforms: both}
	before, err := g.Inputs(t.Context(), ".")
	require.NoError(t, err)
	write(t, g.Dir, ".git/HEAD", "ref: refs/heads/main\n")
	write(t, g.Dir, "tools/go.mod", "module example.com/tools\n")
	write(t, g.Dir, "tools/tool.go", "package main\n")
	after, err := g.Inputs(t.Context(), ".")
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestWhatDoesNotCompileIsTold(t *testing.T) {
	dir := module(t, time.Now(), 0o644)
	write(t, dir, "broken.go", "package main\n\nvar _ = undefinedName\n")
	_, err := images.Go{Dir: dir, Platforms: both, Scratch: t.TempDir()}.Image(t.Context(), ".")
	require.ErrorContains(t, err, `compiling . for linux/`)
	require.ErrorContains(t, err, "broken.go:3:9: undefined: undefinedName")
}

func TestALibraryIsNoProgram(t *testing.T) {
	dir := module(t, time.Now(), 0o644)
	write(t, dir, "lib/lib.go", "package lib\n")
	_, err := images.Go{Dir: dir, Platforms: both, Scratch: t.TempDir()}.Image(t.Context(), "./lib")
	require.ErrorContains(t, err, "no main packages to build")
}

// The compiler is held up by a program that notes its process and sleeps.
func TestACancelledBuildLeavesNoProcess(t *testing.T) {
	dir := module(t, time.Now(), 0o644)
	sleeper := filepath.Join(t.TempDir(), "sleeper")
	require.NoError(t, os.WriteFile(sleeper, []byte("#!/bin/sh\ncase \"$2$3\" in *-V=full*) exec \"$@\";; esac\necho $$ >> "+sleeper+".pids\nexec sleep 600\n"), 0o755))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := images.Go{
			Dir: dir, Platforms: both[:1], Scratch: t.TempDir(), Flags: []string{"-toolexec=" + sleeper},
		}.Image(ctx, ".")
		done <- err
	}()
	var pids []string
	require.Eventually(t, func() bool {
		noted, err := os.ReadFile(sleeper + ".pids")
		pids = strings.Fields(string(noted))
		return err == nil && len(pids) > 0
	}, time.Minute, 10*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	for _, pid := range pids {
		require.Eventually(t, func() bool {
			command, err := os.ReadFile("/proc/" + pid + "/cmdline")
			return err != nil || !strings.Contains(string(command), "sleep")
		}, 10*time.Second, 10*time.Millisecond, "process %s still runs", pid)
	}
}

// module writes a small program with an embedded file and a locally replaced module
// into a new directory.
func module(t *testing.T, modified time.Time, mode os.FileMode) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hello")
	for name, content := range map[string]string{
		"go.mod":                 "module example.com/hello\n\ngo 1.26\n\nrequire example.com/dep v0.0.0\n\nreplace example.com/dep => ../hello-dep\n",
		"main.go":                "package main\n\nimport (\n\t_ \"embed\"\n\n\t\"example.com/dep\"\n)\n\n//go:embed greeting.txt\nvar greeting string\n\nfunc main() { println(greeting, dep.Word) }\n",
		"greeting.txt":           "good morning\n",
		"../hello-dep/go.mod":    "module example.com/dep\n\ngo 1.26\n",
		"../hello-dep/dep.go":    "package dep\n\nconst Word = `world`\n",
		"internal/one/unused.go": "package one\n",
	} {
		write(t, dir, name, content)
		require.NoError(t, os.Chmod(filepath.Join(dir, name), mode))
		require.NoError(t, os.Chtimes(filepath.Join(dir, name), modified, modified))
	}
	return dir
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
}

func build(t *testing.T, dir string, platforms ...v1.Platform) images.Artifact {
	t.Helper()
	artifact, err := images.Go{Dir: dir, Platforms: platforms, Scratch: t.TempDir()}.Image(t.Context(), ".")
	require.NoError(t, err)
	return artifact
}

func digest(t *testing.T, artifact images.Artifact) string {
	t.Helper()
	d, err := artifact.Digest()
	require.NoError(t, err)
	return d.String()
}

// read returns the headers of a layer's entries.
func read(t *testing.T, layer v1.Layer) (headers []*tar.Header) {
	t.Helper()
	content, err := layer.Uncompressed()
	require.NoError(t, err)
	defer content.Close()
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return headers
		}
		require.NoError(t, err)
		headers = append(headers, header)
	}
}
