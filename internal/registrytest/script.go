package registrytest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/rogpeppe/go-internal/testscript"
)

// Script starts a registry for a script, which finds it at $REGISTRY.
func Script(env *testscript.Env) error {
	reg := Start(env.T().(testing.TB))
	env.Values["registry"] = reg
	env.Setenv("REGISTRY", reg.Host)
	return nil
}

// ScriptRequests is the command "requests forget", or "requests HEAD 1": how many there were since.
func ScriptRequests(ts *testscript.TestScript, _ bool, args []string) {
	reg := ts.Value("registry").(*Registry)
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

// ScriptManifest is the command "manifest FILE": it prints the manifest of the image named by the file.
func ScriptManifest(ts *testscript.TestScript, _ bool, args []string) {
	data, err := crane.Manifest(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	_, err = ts.Stdout().Write(append(data, '\n'))
	ts.Check(err)
}
