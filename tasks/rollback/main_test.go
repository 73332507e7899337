package main

import (
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rollback": func() { task.Main(newCommand()) }})
}

func TestCommandLine(t *testing.T) {
	evidencetest.Scripts(t, evidencetest.Commands{
		// promoted NAME AGE COVERAGE makes an image with evidence, and a record of AGE ago
		// that it was promoted to dev; $NAME is its digest.
		"promoted": func(ts *testscript.TestScript, _ bool, args []string) {
			age, err := time.ParseDuration(args[1])
			ts.Check(err)
			coverage, err := strconv.ParseFloat(args[2], 64)
			ts.Check(err)
			w, _ := evidencetest.Of(ts)
			image := w.Image(t, "dev/app")
			at := time.Now().Add(-age)
			w.Say(t, image, w.Attestor, at.Add(-time.Hour), coverage)
			w.Promoted(t, image, at)
			ts.Setenv(args[0], image.DigestStr())
		},
		// at NAME checks which image the environment is at.
		"at": func(ts *testscript.TestScript, _ bool, args []string) {
			w, _ := evidencetest.Of(ts)
			if got, want := w.At(t, "dev/app", "dev"), ts.Getenv(args[0]); got != want {
				ts.Fatalf("dev is at %s, not at %s", got, want)
			}
		},
	})
}
