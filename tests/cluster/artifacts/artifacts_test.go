package artifacts

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/sluice-ci/sluice/tests/cluster/progress"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const module = ".."

func TestKubernetesReportsTheVersionOfItsModule(t *testing.T) {
	output, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes").Output()
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(output)), kubernetesVersion)
}

func TestTektonManifests(t *testing.T) {
	rendered, err := renderTekton(context.Background(), module)
	require.NoError(t, err)
	text := string(rendered)
	require.NotContains(t, text, "ko://")
	require.NotContains(t, text, `"devel"`)
	require.NotContains(t, text, "HorizontalPodAutoscaler")
	require.NotContains(t, text, "cgr.dev")
	deployments, flags := map[string]string{}, map[string]any{}
	for _, document := range strings.Split(text, "\n---\n") {
		var object map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(document), &object))
		name, _ := at(object, "metadata", "name").(string)
		switch {
		case object["kind"] == "Deployment":
			deployments[name] = document
		case name == "feature-flags":
			flags = object["data"].(map[string]any)
		}
	}
	require.Equal(t, "true", flags["set-security-context"])
	require.Equal(t, "true", flags["set-security-context-read-only-root-filesystem"])
	require.Len(t, deployments, 4)
	require.Greater(t, strings.Index(text, "kind: ValidatingWebhookConfiguration"), strings.LastIndex(text, "kind: ConfigMap"))
	for name, document := range deployments {
		require.Contains(t, document, "image: "+Repository+"/", name)
	}
	for _, reads := range []string{"tekton-pipelines-controller", "tekton-pipelines-remote-resolvers"} {
		require.Contains(t, deployments[reads], "value: /etc/config-registry-cert/cert", reads)
		require.Contains(t, deployments[reads], "mountPath: /etc/config-registry-cert", reads)
	}
}

func TestEveryImageOfTheManifestsIsAssembled(t *testing.T) {
	rendered, err := renderTekton(context.Background(), module)
	require.NoError(t, err)
	var known []string
	for _, program := range images() {
		known = append(known, Image(program))
	}
	for _, reference := range regexp.MustCompile(regexp.QuoteMeta(Repository)+`\S+`).FindAllString(string(rendered), -1) {
		require.Contains(t, known, reference)
	}
}

func TestImagesAreTheSameFromTheSameFiles(t *testing.T) {
	digests := map[string]string{}
	for range 2 {
		dir := t.TempDir()
		for _, program := range append(tektonPrograms, "pause") {
			require.NoError(t, os.WriteFile(filepath.Join(dir, program), []byte("binary of "+program), 0o700))
		}
		file := filepath.Join(dir, "images.tar")
		require.NoError(t, Set{Programs: dir}.WriteArchive(file))
		for _, program := range images() {
			tag, err := name.NewTag(Image(program))
			require.NoError(t, err)
			image, err := tarball.ImageFromPath(file, &tag)
			require.NoError(t, err)
			digest, err := image.Digest()
			require.NoError(t, err)
			if before, ok := digests[program]; ok {
				require.Equal(t, before, digest.String(), program)
			}
			digests[program] = digest.String()
		}
	}
	require.Len(t, digests, len(images()))
}

func TestKeyChangesWithWhatIsBuilt(t *testing.T) {
	dir := t.TempDir()
	write := func(file, text string) {
		path := filepath.Join(dir, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	for _, file := range []string{"go.mod", "go.sum", "node/main.go", "addons/main.go", "pause/main.go", "artifacts/image.go"} {
		write(file, "1")
	}
	key := func() string {
		sum, err := hash(dir, "", "go.sum", "node", "artifacts/image.go")
		require.NoError(t, err)
		return sum
	}
	first := key()
	write("node/main_test.go", "a test does not count")
	write("README.md", "nor does a text")
	write("pause/main.go", "nor what was not asked for")
	require.Equal(t, first, key())
	for _, file := range []string{"go.sum", "node/main.go", "artifacts/image.go", "node/new.go"} {
		write(file, "2")
		next := key()
		require.NotEqual(t, first, next, file)
		first = next
	}
}

func TestWhatIsBuiltIsKeptOnceAndWhatFailedIsNot(t *testing.T) {
	cache, builds := t.TempDir(), 0
	build := func(dir string) error {
		builds++
		return os.WriteFile(filepath.Join(dir, "program"), nil, 0o755)
	}
	_, err := keep(cache, "programs", "1", func(dir string) error { return errors.Join(build(dir), errors.New("disk full")) })
	require.ErrorContains(t, err, "disk full")
	for range 2 {
		dir, err := keep(cache, "programs", "1", build)
		require.NoError(t, err)
		require.FileExists(t, filepath.Join(dir, "program"))
	}
	require.Equal(t, 2, builds)
	for _, key := range []string{"2", "3"} {
		_, err := keep(cache, "programs", key, build)
		require.NoError(t, err)
	}
	left, err := os.ReadDir(cache)
	require.NoError(t, err)
	require.Len(t, left, 2)
	require.Equal(t, "programs-3", left[1].Name())
}

func TestWhatTheGoCommandSaysIsCounted(t *testing.T) {
	p := progress.New(io.Discard)
	defer p.Close()
	said := follow(strings.NewReader("go: downloading k8s.io/api v0.36.3\nk8s.io/api/core/v1\nnode\n# k8s.io/broken\nbroken.go:1:1: syntax error\n"), p.Start("binaries"))
	require.Equal(t, 1, said.modules)
	require.Equal(t, 2, said.packages)
	require.Equal(t, []string{"# k8s.io/broken", "broken.go:1:1: syntax error"}, said.errors)
}

func TestACompileErrorIsShown(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	for file, text := range map[string]string{
		"go.mod": "module broken\n", "node/main.go": "package main\nfunc main() { undefined() }\n",
		"addons/main.go": "package main\nfunc main() {}\n", "pause/main.go": "package main\nfunc main() {}\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644))
	}
	var shown bytes.Buffer
	p := progress.New(&shown)
	err := compile(context.Background(), dir, out, p)
	p.Close()
	require.ErrorContains(t, err, "building the cluster's binaries")
	require.Contains(t, shown.String(), "not built")
}

func TestLibrariesAreReadFromLdd(t *testing.T) {
	require.Equal(t, []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"}, librariesIn(`	linux-vdso.so.1 (0x00007f50bfe3f000)
	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f50bf784000)
	/lib64/ld-linux-x86-64.so.2 (0x00007f50bfe41000)
`))
}
