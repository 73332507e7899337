package release_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"golang.org/x/tools/txtar"

	"github.com/sluice-ci/sluice/catalog/progress"
	"github.com/sluice-ci/sluice/catalog/release"
	"github.com/sluice-ci/sluice/catalog/tree"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/registrytest"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/internal/trust"
)

// fixture is a catalog on disk, a registry to release it to, and what the release told.
type fixture struct {
	t    *testing.T
	root string
	reg  *registrytest.Registry
	told bytes.Buffer
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, root: t.TempDir(), reg: registrytest.Start(t)}
	archive, err := txtar.ParseFile("testdata/catalog.txtar")
	require.NoError(t, err)
	for _, file := range archive.Files {
		f.write(file.Name, string(file.Data))
	}
	return f
}

func (f *fixture) write(name, text string) {
	f.t.Helper()
	path := filepath.Join(f.root, filepath.FromSlash(name))
	require.NoError(f.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(f.t, os.WriteFile(path, []byte(text), 0o644))
}

func (f *fixture) read(name string) string {
	f.t.Helper()
	data, err := os.ReadFile(filepath.Join(f.root, filepath.FromSlash(name)))
	require.NoError(f.t, err)
	return string(data)
}

func (f *fixture) options(version string, platforms ...string) release.Options {
	f.t.Helper()
	loaded, err := tree.Load(f.root)
	require.NoError(f.t, err)
	client, err := (&registry.Options{Trust: &trust.Options{}}).Client()
	require.NoError(f.t, err)
	list, err := release.Platforms(strings.Join(platforms, ","))
	require.NoError(f.t, err)
	f.told.Reset()
	return release.Options{
		Tree: loaded, Registry: f.reg.Host + "/team/catalog", Platforms: list, Out: filepath.Join(f.root, "dist"),
		Version: version, Namespace: "sluice", Client: client, Progress: progress.New(&f.told),
	}
}

func (f *fixture) release(version string, platforms ...string) (*release.Manifest, error) {
	if platforms == nil {
		platforms = []string{"linux/amd64"}
	}
	return release.Run(context.Background(), f.options(version, platforms...))
}

func (f *fixture) pipeline() *tekton.Pipeline {
	f.t.Helper()
	docs, problems := tree.Parse("both.yaml", []byte(f.read("dist/pipelines/both/0.2.0/both.yaml")))
	require.Empty(f.t, problems)
	return docs[0].Pipeline
}

func TestEveryImageIsByDigestAndPullable(t *testing.T) {
	f := newFixture(t)
	m, err := f.release("", "linux/amd64", "linux/arm64")
	require.NoError(t, err)
	require.Len(t, m.Images, 2)
	for _, i := range m.Images {
		require.NotContains(t, i.Ref, "ko://")
		raw, err := crane.Manifest(i.Ref)
		require.NoError(t, err)
		index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
		require.NoError(t, err)
		require.Len(t, index.Manifests, 2)
	}
	released := f.read("dist/tasks/compare/2.3.4/compare.yaml")
	require.Contains(t, released, "image: "+m.Images[0].Ref)
	require.Contains(t, m.Images[0].Ref, "/team/catalog/compare:2.3.4-dev@sha256:")
	require.NotContains(t, f.read("dist/install.yaml"), "ko://")
	require.Contains(t, f.read("dist/tasks/count-lines/0.1.0/count-lines.yaml"), "# Counts lines.", "comments are kept")
	require.Equal(t, "# compare\n", f.read("dist/tasks/compare/2.3.4/README.md"))
}

func TestReleasedImageRunsTheProgram(t *testing.T) {
	f := newFixture(t)
	m, err := f.release("")
	require.NoError(t, err)
	image, err := crane.Pull(m.Images[1].Ref)
	require.NoError(t, err)
	config, err := image.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, []string{"/ko-app/count-lines"}, config.Config.Entrypoint)
	require.Equal(t, "65532:65532", config.Config.User)
	files := filesystem(t, image)
	require.Contains(t, files, "ko-app/count-lines")
	require.Contains(t, string(files["ko-app/count-lines"]), "hello")
}

func TestUnchangedImagesAreNotBuilt(t *testing.T) {
	f := newFixture(t)
	first, err := f.release("")
	require.NoError(t, err)
	install := f.read("dist/install.yaml")

	second, err := f.release("")
	require.NoError(t, err)
	require.NotContains(t, f.told.String(), "building")
	for i := range second.Images {
		require.True(t, second.Images[i].Reused)
		require.Equal(t, first.Images[i].Digest, second.Images[i].Digest)
	}
	require.Equal(t, install, f.read("dist/install.yaml"), "an unchanged tree releases the same bytes")

	// One file changes that one program is made of: the other's image stays.
	f.write("internal/greeting/greeting.go", "package greeting\n\nconst Text = \"good day\"\n")
	third, err := f.release("")
	require.NoError(t, err)
	require.Contains(t, f.told.String(), "building 1 of them")
	require.Equal(t, first.Images[0], withReused(third.Images[0], false))
	require.True(t, third.Images[0].Reused)
	require.NotEqual(t, first.Images[1].Digest, third.Images[1].Digest)
}

func withReused(i release.Image, reused bool) release.Image {
	i.Reused = reused
	return i
}

func TestAVersionIsReleasedOnce(t *testing.T) {
	f := newFixture(t)
	m, err := f.release("1.0.0")
	require.NoError(t, err)
	require.Contains(t, m.Images[0].Ref, "/compare:2.3.4@sha256:")
	_, err = f.release("1.0.0")
	require.NoError(t, err, "the same content under the same version is no new release")

	f.write("tasks/compare/main.go", "package main\n\nfunc main() { println(\"other\") }\n")
	_, err = f.release("1.0.1")
	require.ErrorContains(t, err, "compare 2.3.4 was released before as "+m.Images[0].Digest)
	require.Equal(t, task.CodeRefused, task.Code(err))
	digest, err := crane.Digest(f.reg.Host + "/team/catalog/compare:2.3.4")
	require.NoError(t, err)
	require.Equal(t, m.Images[0].Digest, digest, "the tag did not move")

	f.write("tasks/compare/task.yaml", strings.Replace(f.read("tasks/compare/task.yaml"), "2.3.4", "2.4.0", 1))
	_, err = f.release("1.0.1")
	require.NoError(t, err, "with a version of its own it is released")
}

func TestEmbeddedTasksBehaveAsReferencedOnes(t *testing.T) {
	f := newFixture(t)
	m, err := f.release("")
	require.NoError(t, err)
	p := f.pipeline()
	count, again := p.Spec.Tasks[0], p.Spec.Finally[0]
	require.Nil(t, count.TaskRef)
	require.Equal(t, m.Images[1].Ref, count.TaskSpec.Steps[0].Image)
	require.Equal(t, map[string]string{"app.kubernetes.io/name": "count-lines", "app.kubernetes.io/version": "0.1.0"}, count.TaskSpec.Metadata.Labels)

	// The pipeline has a param of the same name, which Tekton would put in the place of the task's default.
	require.Len(t, count.Params, 1)
	require.Equal(t, "platforms", count.Params[0].Name)
	require.Equal(t, "the task's own", count.Params[0].Value.StringVal)
	require.Equal(t, "mine", again.Params[0].Value.StringVal, "a value that is given stays")
	require.Len(t, again.Params, 1)

	// The pipeline does not bind dockerconfig to count, so no run may: Tekton would bind its own workspace of that name.
	require.Len(t, count.TaskSpec.Workspaces, 2)
	require.Contains(t, count.TaskSpec.Steps[0].Args, "--dockerconfig=")
	require.Contains(t, count.TaskSpec.Steps[0].Args, "--ca=$(workspaces.ca.path)")
	require.Len(t, again.TaskSpec.Workspaces, 3)
	require.Contains(t, again.TaskSpec.Steps[0].Args, "--dockerconfig=$(workspaces.dockerconfig.path)")
}

func TestSamplesFindTheInstalledCatalog(t *testing.T) {
	f := newFixture(t)
	_, err := f.release("")
	require.NoError(t, err)
	for file, want := range map[string]string{
		"dist/tasks/count-lines/0.1.0/samples/run.yaml": "kind, value: task}\n      - {name: name, value: count-lines}\n      - {name: namespace, value: sluice}",
		"dist/pipelines/both/0.2.0/samples/run.yaml":    "kind, value: pipeline}\n      - {name: name, value: both}\n      - {name: namespace, value: sluice}",
	} {
		text := f.read(file)
		require.Contains(t, text, want)
		_, problems := tree.Parse(file, []byte(text))
		require.Empty(t, problems)
	}
	require.Contains(t, f.read("dist/tasks/count-lines/0.1.0/samples/run.yaml"), "# Copy me.")
}

func TestAFolderOfSomebodyElseIsLeftAlone(t *testing.T) {
	f := newFixture(t)
	f.write("dist/precious.txt", "keep me")
	_, err := f.release("")
	require.ErrorContains(t, err, "holds something that is not a release")
	require.Equal(t, "keep me", f.read("dist/precious.txt"))
	require.Empty(t, f.reg.Requests(), "the registry was not even asked")
}

func TestABrokenTreeIsNotReleased(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"unreadable":     {"tasks/compare/task.yaml", "kind: [", "cannot be read"},
		"no version":     {"tasks/compare/task.yaml", "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: compare}\nspec: {}\n", "has no version"},
		"does not build": {"tasks/compare/main.go", "package main\n\nfunc main() { undefined() }\n", "undefined: undefined"},
		"unknown task":   {"pipelines/both/pipeline.yaml", "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: both, labels: {app.kubernetes.io/version: 1.0.0}}\nspec: {tasks: [{name: x, taskRef: {name: nowhere}}]}\n", `there is no task "nowhere"`},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.write(c.file, c.text)
			_, err := f.release("")
			require.ErrorContains(t, err, c.want)
			for _, r := range f.reg.Requests() {
				require.NotEqual(t, http.MethodPut, r.Method, "nothing was pushed")
			}
			require.NoDirExists(t, filepath.Join(f.root, "dist"), "no half release is left")
			require.NoDirExists(t, filepath.Join(f.root, "dist.next"))
		})
	}
}

func TestARegistryThatRefusesIsToldBeforeBuilding(t *testing.T) {
	for name, c := range map[string]struct {
		options registrytest.Option
		code    int
	}{
		"without credentials": {registrytest.BasicAuth("ci", "secret"), task.CodeMisconfigured},
		"read only": {registrytest.Wrap(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				next.ServeHTTP(w, r)
			})
		}), task.CodeMisconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.reg = registrytest.Start(t, c.options)
			_, err := f.release("")
			require.ErrorContains(t, err, "asking to push to")
			require.Equal(t, c.code, task.Code(err))
			var e *task.Error
			require.True(t, errors.As(err, &e))
			require.NotEmpty(t, e.Remedy)
			require.NotContains(t, f.told.String(), "building")
		})
	}
}

func TestManifestListsWhatIsThere(t *testing.T) {
	f := newFixture(t)
	_, err := f.release("1.2.3")
	require.NoError(t, err)
	var m release.Manifest
	require.NoError(t, json.Unmarshal([]byte(f.read("dist/release.json")), &m))
	require.Equal(t, "1.2.3", m.Version)
	require.Equal(t, []string{"linux/amd64"}, m.Platforms)
	for _, item := range append(m.Tasks, m.Pipelines...) {
		require.FileExists(t, filepath.Join(f.root, "dist", item.File))
	}
}

// filesystem reads an image's files.
func filesystem(t *testing.T, image v1.Image) map[string][]byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, crane.Export(image, &b))
	files := map[string][]byte{}
	for r := tar.NewReader(&b); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		files[strings.TrimPrefix(header.Name, "/")] = data
	}
}
