package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// access is how the rest of the tree reaches a cluster; the file `env` in the state folder holds it as KEY=VALUE lines.
type access struct {
	Cluster    string // node, kind or existing
	Kubeconfig string // path of the kubeconfig
	Kubectl    string // path of a kubectl
	Registry   string // host:port that this host, the kubelet and pods all reach under this name
	RegistryCA string // path of the CA of the registry's certificate; empty where the system's roots will do or the registry speaks plain HTTP
	Host       string // address by which pods reach this host; empty where there is none
}

func (a access) write(file string) error {
	var text strings.Builder
	for _, line := range a.lines() {
		fmt.Fprintf(&text, "%s=%s\n", line[0], line[1])
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("writing how to reach the cluster: %w", err)
	}
	if err := os.WriteFile(file+".new", []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("writing how to reach the cluster: %w", err)
	}
	return os.Rename(file+".new", file)
}

func (a access) lines() [][2]string {
	return [][2]string{
		{"CLUSTER", a.Cluster}, {"KUBECONFIG", a.Kubeconfig}, {"KUBECTL", a.Kubectl},
		{"REGISTRY", a.Registry}, {"REGISTRY_CA", a.RegistryCA}, {"HOST_ADDRESS", a.Host},
	}
}

func readAccess(file string) (access, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return access{}, err
	}
	values := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok {
			values[key] = value
		}
	}
	return access{
		Cluster: values["CLUSTER"], Kubeconfig: values["KUBECONFIG"], Kubectl: values["KUBECTL"],
		Registry: values["REGISTRY"], RegistryCA: values["REGISTRY_CA"], Host: values["HOST_ADDRESS"],
	}, nil
}

// kubectl runs against the cluster. One that this program made goes as it came, and the next has the same address and another API, so what is
// remembered of it is kept with its state.
func (a access) kubectl(places layout) kubectl {
	k := kubectl{path: a.Kubectl, kubeconfig: a.Kubeconfig}
	if a.Cluster != "existing" {
		k.cache = filepath.Join(places.State, "kubectl")
	}
	return k
}

// print tells a person what they can do now.
func (a access) print(out io.Writer) error {
	_, err := fmt.Fprintf(out, "cluster ready (%s); registry %s\n  export KUBECONFIG=%s\n  %s get pods -A\n", a.Cluster, a.Registry, a.Kubeconfig, a.Kubectl)
	return err
}
