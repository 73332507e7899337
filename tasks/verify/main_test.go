package main

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"verify": func() { task.Main(newCommand()) }})
}

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			w := evidencetest.New(t)
			image := w.Image(t, "team/app")
			env.Setenv("IMAGE", image.String())
			env.Setenv("REPOSITORY", image.Context().Name())
			env.Setenv("POLICY", w.PolicyDir)
			env.Setenv("DOCKER_CONFIG", env.WorkDir)
			env.Values["world"], env.Values["image"] = w, image
			return os.WriteFile(env.WorkDir+"/config.json", []byte("{}"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// attest COVERAGE AGE signs a passed coverage gate onto the image.
			"attest": func(ts *testscript.TestScript, _ bool, args []string) {
				w := ts.Value("world").(*evidencetest.World)
				coverage, err := strconv.ParseFloat(args[0], 64)
				ts.Check(err)
				age, err := time.ParseDuration(args[1])
				ts.Check(err)
				w.Say(t, ts.Value("image").(name.Digest), w.Attestor, time.Now().Add(-age), coverage)
			},
		},
	})
}
