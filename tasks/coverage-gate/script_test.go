package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-ci/sluice/internal/contract"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"coverage-gate": func() { task.Main(newCommand()) },
	})
}

// TestScripts runs testdata/*.txtar: what a person sees on the command line.
func TestScripts(t *testing.T) {
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatalf("the scripts measure a real module, for which they need go: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: contract.Update(),
		Cmds:          map[string]func(ts *testscript.TestScript, neg bool, args []string){"commit": commit},
		Setup: func(env *testscript.Env) error {
			env.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
			env.Setenv("GOCACHE", strings.TrimSpace(string(cache)))
			env.Setenv("GOPROXY", "off")
			env.Setenv("GOFLAGS", "-buildvcs=false")
			env.Setenv("PATH", os.Getenv("PATH")+string(os.PathListSeparator)+env.Getenv("PATH"))
			return nil
		},
	})
}

// commit makes a repository of a directory, if it is none yet, commits everything in it, and sets the environment
// variable named by its second argument to the hash.
func commit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: commit dir variable")
	}
	dir := ts.MkAbs(args[0])
	repository, err := git.PlainOpen(dir)
	if err != nil {
		repository, err = git.PlainInit(dir, false)
	}
	ts.Check(err)
	worktree, err := repository.Worktree()
	ts.Check(err)
	ts.Check(worktree.AddWithOptions(&git.AddOptions{All: true}))
	hash, err := worktree.Commit("change", &git.CommitOptions{
		Author: &object.Signature{Name: "author", Email: "author@example.com", When: time.Unix(1700000000, 0)},
	})
	ts.Check(err)
	ts.Setenv(args[1], hash.String())
}
