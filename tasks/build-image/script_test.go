package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-ci/sluice/internal/registrytest"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"build-image": func() { task.Main(newCommand()) }})
}

// Each script has a registry of its own at $REGISTRY.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			reg := registrytest.Start(env.T().(testing.TB))
			env.Values["registry"] = reg
			env.Setenv("REGISTRY", reg.Host)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"requests": requests,
			"unpack":   unpack,
			"config":   showConfig,
			"manifest": manifest,
			"tag":      tag,
			"fifo":     fifo,
		},
	})
}

// requests forget, or: requests HEAD 1 — how many there were since.
func requests(ts *testscript.TestScript, neg bool, args []string) {
	reg := ts.Value("registry").(*registrytest.Registry)
	if args[0] == "forget" {
		reg.Forget()
		return
	}
	got := map[string]int{}
	for _, r := range reg.Requests() {
		got[r.Method]++
	}
	if fmt.Sprint(got) != fmt.Sprintf("map[%s:%s]", args[0], args[1]) {
		ts.Fatalf("requests were %v: %v", got, reg.Requests())
	}
}

// unpack REF-FILE DIR [PLATFORM] lays the image's files out as a runtime would, and lists them.
func unpack(ts *testscript.TestScript, neg bool, args []string) {
	options := []crane.Option{}
	if len(args) > 2 {
		platform, err := platformOf(args[2])
		ts.Check(err)
		options = append(options, crane.WithPlatform(platform))
	}
	image, err := crane.Pull(strings.TrimSpace(ts.ReadFile(args[0])), options...)
	ts.Check(err)
	root := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(root, 0o755))
	var archive bytes.Buffer
	ts.Check(crane.Export(image, &archive))
	for _, arguments := range [][]string{{"-x", "-p", "-C", root}, {"-tv", "--numeric-owner"}} {
		cmd := exec.Command("tar", arguments...)
		cmd.Stdin = bytes.NewReader(archive.Bytes())
		out, err := cmd.CombinedOutput()
		if err != nil {
			ts.Fatalf("tar %v: %s: %s", arguments, err, out)
		}
		_, err = ts.Stdout().Write(out)
		ts.Check(err)
	}
}

// showConfig prints the run configuration of the image named by the file.
func showConfig(ts *testscript.TestScript, neg bool, args []string) {
	image, err := crane.Pull(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	file, err := image.ConfigFile()
	ts.Check(err)
	ts.Check(json.NewEncoder(ts.Stdout()).Encode(file.Config))
}

// manifest prints the manifest of the image named by the file.
func manifest(ts *testscript.TestScript, neg bool, args []string) {
	data, err := crane.Manifest(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	_, err = ts.Stdout().Write(append(data, '\n'))
	ts.Check(err)
}

// tag REF-FILE TAG names the image named by the file.
func tag(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(crane.Tag(strings.TrimSpace(ts.ReadFile(args[0])), args[1]))
}
