package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-ci/sluice/internal/contract"
	"github.com/sluice-ci/sluice/internal/promtest"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"error-rate-gate": func() { task.Main(newCommand()) },
	})
}

// TestScripts runs testdata/*.txtar: what a person sees on the command line. $PROMETHEUS is a real API without any series.
func TestScripts(t *testing.T) {
	server := promtest.New(t)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: contract.Update(),
		Setup: func(env *testscript.Env) error {
			env.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
			env.Setenv("PROMETHEUS", server.URL)
			return nil
		},
	})
}
