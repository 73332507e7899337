package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/registrytest"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"build-go": func() { task.Main(newCommand()) }})
}

// Each script has a registry of its own at $REGISTRY, and this machine's go command
// with its caches.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			if err := registrytest.Script(env); err != nil {
				return err
			}
			for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
				out, err := exec.Command("go", "env", name).Output()
				if err != nil {
					return fmt.Errorf("finding the go command's caches: %w", err)
				}
				env.Setenv(name, strings.TrimSpace(string(out)))
			}
			env.Setenv("GOPROXY", "off")
			env.Setenv("TMPDIR", env.Getenv("WORK")+"/tmp")
			return os.MkdirAll(env.Getenv("TMPDIR"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"requests":  registrytest.ScriptRequests,
			"runs":      runs,
			"manifest":  registrytest.ScriptManifest,
			"push-base": pushBase,
		},
	})
}

// runs takes the program out of the image named by the file and runs it here.
func runs(ts *testscript.TestScript, neg bool, args []string) {
	image, err := crane.Pull(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	root := ts.MkAbs("pulled")
	ts.Check(os.MkdirAll(root, 0o755))
	var archive bytes.Buffer
	ts.Check(crane.Export(image, &archive))
	untar := exec.Command("tar", "-x", "-C", root)
	untar.Stdin = &archive
	out, err := untar.CombinedOutput()
	if err != nil {
		ts.Fatalf("unpacking: %s: %s", err, out)
	}
	config, err := image.ConfigFile()
	ts.Check(err)
	out, err = exec.Command(filepath.Join(root, config.Config.Entrypoint[0])).CombinedOutput()
	ts.Check(err)
	_, err = ts.Stdout().Write(out)
	ts.Check(err)
}

// pushBase copies the image named by the file to the tag team/base:1.
func pushBase(ts *testscript.TestScript, neg bool, args []string) {
	reg := ts.Value("registry").(*registrytest.Registry)
	ts.Check(crane.Copy(strings.TrimSpace(ts.ReadFile(args[0])), reg.Host+"/team/base:1"))
}

// A task that Tekton kills leaves no compiler behind and no scratch files.
func TestAnInterruptedBuildCleansUp(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/x\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o644))
	started := make(chan struct{}, 1)
	reg := registrytest.Start(t, registrytest.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost { // the first upload hangs until the client goes away
				select {
				case started <- struct{}{}:
				default:
				}
				<-r.Context().Done()
				return
			}
			next.ServeHTTP(w, r)
		})
	}))
	self, err := os.Executable()
	require.NoError(t, err)
	link := filepath.Join(t.TempDir(), "build-go")
	require.NoError(t, os.Symlink(self, link))
	cmd := exec.Command(link, "--source="+dir, "--image="+reg.Host+"/team/x", "--toolchain=local")
	var told bytes.Buffer
	cmd.Stderr = &told
	require.NoError(t, cmd.Start())
	<-started
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit, told.String())
	require.Equal(t, task.CodeUndecided, exit.ExitCode(), told.String())
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	require.Empty(t, left, "scratch directories are removed")
}
