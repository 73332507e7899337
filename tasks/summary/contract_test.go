package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-ci/sluice/internal/contract"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"summary": func() { task.Main(newCommand()) }})
}

func TestContract(t *testing.T) { contract.Check(t, newCommand()) }

// TestScripts runs testdata/*.txtar: what a person sees.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", UpdateScripts: contract.Update()})
}
