package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"test-go": func() { task.Main(newCommand()) }})
}

// TestScripts runs testdata/*.txtar with this machine's go command and its build cache, and no network.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"junit": junit},
	})
}

// junit FILE TESTS FAILURES SKIPPED: the file is XML and its sums are these, at the top and in its cases.
func junit(ts *testscript.TestScript, _ bool, args []string) {
	var suites junitSuites
	ts.Check(xml.Unmarshal([]byte(ts.ReadFile(args[0])), &suites))
	tests, failures, skips := 0, 0, 0
	for _, s := range suites.Suites {
		for _, c := range s.Cases {
			tests++
			if c.Failure != nil {
				failures++
			}
			if c.Skipped != nil {
				skips++
			}
		}
	}
	want := strings.Join(args[1:], " ")
	if got := fmt.Sprint(tests, failures, skips); got != want {
		ts.Fatalf("cases of %s are %s, want %s", args[0], got, want)
	}
	if got := fmt.Sprint(suites.Tests, suites.Failures, suites.Skipped); got != want {
		ts.Fatalf("sums of %s are %s, want %s", args[0], got, want)
	}
}
