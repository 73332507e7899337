package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-ci/sluice/internal/registrytest"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"promote": func() { task.Main(newCommand()) }})
}

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			reg := registrytest.Start(t)
			env.Setenv("REGISTRY", reg.Host)
			env.Setenv("IMAGE", pushRandom(t, reg.Host+"/dev/app"))
			env.Setenv("DOCKER_CONFIG", env.WorkDir)
			return os.WriteFile(env.WorkDir+"/config.json", []byte("{}"), 0o600)
		},
	})
}
