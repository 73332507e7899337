package main

import (
	"bytes"
	"encoding/json"
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
		Dir:   "testdata",
		Setup: registrytest.Script,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"requests": registrytest.ScriptRequests,
			"unpack":   unpack,
			"config":   showConfig,
			"manifest": registrytest.ScriptManifest,
			"tag":      tag,
			"fifo":     fifo,
		},
	})
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

// tag REF-FILE TAG names the image named by the file.
func tag(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(crane.Tag(strings.TrimSpace(ts.ReadFile(args[0])), args[1]))
}
