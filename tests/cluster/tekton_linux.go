package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/sluice-ci/sluice/tests/cluster/artifacts"
	"github.com/sluice-ci/sluice/tests/cluster/progress"
)

// installTekton applies Tekton, trusting the registry's CA in caFile, and what else the cluster gets, and waits until it serves.
func installTekton(ctx context.Context, k kubectl, set artifacts.Set, caFile, extra string, p *progress.Progress) error {
	task := p.Start("tekton")
	task.Note("applying manifests")
	manifests, err := clusterManifests(set, caFile, extra)
	if err != nil {
		return err
	}
	if _, err := k.run(ctx, bytes.NewReader(manifests), "apply", "--server-side", "--force-conflicts", "--filename=-"); err != nil {
		task.Fail("manifests not applied")
		return err
	}
	task.Note("waiting for its deployments")
	if err := tektonReady(ctx, k, func(what string) { task.Note("%s", what) }); err != nil {
		task.Fail("not ready")
		return err
	}
	task.Done("ready: controller, webhook, events, resolvers")
	return nil
}

// clusterManifests is Tekton, what else is wanted, and the registry's CA for those who need it.
func clusterManifests(set artifacts.Set, caFile, extra string) ([]byte, error) {
	tekton, err := os.ReadFile(set.Tekton())
	if err != nil {
		return nil, fmt.Errorf("reading Tekton's manifests: %w", err)
	}
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("reading the CA: %w", err)
	}
	all := bytes.NewBuffer(tekton)
	fmt.Fprintf(all, "---\n%s", extra)
	for _, c := range [][3]string{
		{"kube-public", "sluice-ca", "ca.crt"},
		{tektonNamespaces[0], "config-registry-cert", "cert"},
		{tektonNamespaces[1], "config-registry-cert", "cert"},
	} {
		object := map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]string{"namespace": c[0], "name": c[1]},
			"data":     map[string]string{c[2]: string(ca)},
		}
		text, err := json.Marshal(object)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(all, "---\n%s\n", text)
	}
	return all.Bytes(), nil
}
