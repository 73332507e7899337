package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		args       []string
		code       int
		says       string
	}{
		{name: "no command", code: 2, says: "Usage: go run . COMMAND"},
		{name: "help", args: []string{"help"}, says: "Usage: go run . COMMAND"},
		{name: "unknown command", args: []string{"start"}, code: 2, says: `"start" is no command`},
		{name: "an argument too many", args: []string{"up", "now"}, code: 2, says: `up takes no arguments, got ["now"]`},
		{name: "unknown kind", kind: "minikube", args: []string{"up"}, code: 2, says: `CLUSTER="minikube" is none of node, kind, existing`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("CLUSTER", c.kind)
			var out bytes.Buffer
			require.Equal(t, c.code, run(t.Context(), c.args, &out, &out))
			require.Contains(t, out.String(), c.says)
		})
	}
}

func TestAccessIsReadAsItWasWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state", "env")
	wrote := access{Cluster: "node", Kubeconfig: "/k", Kubectl: "/bin/kubectl", Registry: "10.0.0.1:5000", RegistryCA: "/ca.crt", Host: "10.0.0.2"}
	require.NoError(t, wrote.write(file))
	read, err := readAccess(file)
	require.NoError(t, err)
	require.Equal(t, wrote, read)
}

func TestOutsideOfTheModuleItSaysWhereToRun(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := findLayout()
	require.ErrorContains(t, err, "run it from tests/cluster of a clone")
}

func TestKubectlWithoutAClusterSaysHowToStartOne(t *testing.T) {
	err := runKubectl(layout{State: t.TempDir()}, nil)
	require.ErrorContains(t, err, "make cluster-up")
}
