package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"promote": func() { task.Main(newCommand()) }})
}

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			w := evidencetest.New(t)
			image := w.Image(t, "team/app")
			env.Setenv("REGISTRY", w.Registry.Host)
			env.Setenv("IMAGE", image.String())
			env.Setenv("DIGEST", image.DigestStr())
			env.Setenv("POLICY", w.PolicyDir)
			env.Setenv("KEY", w.KeyDir)
			env.Setenv("WRONGKEY", w.AttestDir)
			env.Setenv("DOCKER_CONFIG", env.WorkDir)
			env.Values["world"], env.Values["image"] = w, image
			return os.WriteFile(env.WorkDir+"/config.json", []byte("{}"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// attest COVERAGE signs a passed coverage gate onto the image.
			"attest": func(ts *testscript.TestScript, _ bool, args []string) {
				w := ts.Value("world").(*evidencetest.World)
				var coverage float64
				_, err := fmt.Sscan(strings.Join(args, " "), &coverage)
				ts.Check(err)
				w.Attest(t, ts.Value("image").(name.Digest), coverage)
			},
		},
	})
}
