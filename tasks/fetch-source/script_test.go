package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fetch-source": func() { task.Main(newCommand()) }})
}

// Each script has a repository at $URL, with the commits $FIRST (tag v1) and $SECOND (tag v2, branch main).
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: func(env *testscript.Env) error {
		h := newHistory(env.T().(testing.TB))
		env.Setenv("URL", "file://"+h.bare)
		env.Setenv("FIRST", h.first)
		env.Setenv("SECOND", h.second)
		return nil
	}})
}
