package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/tests/cluster/artifacts"
	"github.com/sluice-ci/sluice/tests/cluster/machine"
	"github.com/sluice-ci/sluice/tests/cluster/progress"
)

const (
	kindCluster   = "sluice" // the name in kind-config.yaml
	kindRegistry  = "sluice-registry"
	kindHolder    = "sluice-registry-address" // keeps the registry's address while the registry starts again with its certificate
	registryImage = "registry:3"
)

// kindDocker is a cluster of kind with a registry in a container beside it, on a Linux machine with Docker. The registry goes by its address in
// kind's network, which the host, the node and pods all reach.
type kindDocker struct {
	layout
	out io.Writer
}

func (k *kindDocker) Up(ctx context.Context) (access, error) {
	for _, program := range []string{"docker", "kind", "kubectl"} {
		if _, err := exec.LookPath(program); err != nil {
			return access{}, fmt.Errorf("CLUSTER=kind needs %s on PATH\n  see https://kind.sigs.k8s.io/docs/user/quick-start, or unset CLUSTER to use a node on this machine", program)
		}
	}
	unlock, err := lock(k.State, k.out)
	if err != nil {
		return access{}, err
	}
	defer unlock()
	p := progress.New(k.out)
	defer p.Close()
	set, err := artifacts.Ensure(ctx, k.Module(), k.Cache, p)
	if err != nil {
		return access{}, err
	}
	client, err := k.create(ctx, set, p)
	if err != nil {
		return access{}, err
	}
	registry, err := k.startRegistry(ctx, p)
	if err != nil {
		return access{}, err
	}
	if err := installTekton(ctx, client, set, k.CA(), "", p); err != nil {
		return access{}, err
	}
	reach := access{Cluster: "kind", Kubeconfig: client.kubeconfig, Kubectl: client.path, Registry: registry, RegistryCA: k.CA()}
	return reach, reach.write(k.EnvFile())
}

// create makes the cluster if there is none and gives its node the images of Tekton.
func (k *kindDocker) create(ctx context.Context, set artifacts.Set, p *progress.Progress) (kubectl, error) {
	task := p.Start("kind")
	path, err := exec.LookPath("kubectl")
	if err != nil {
		return kubectl{}, err
	}
	client := kubectl{path: path, kubeconfig: k.Kubeconfig()}
	clusters, err := command(ctx, nil, "kind", "get", "clusters")
	if err != nil {
		return client, err
	}
	if !containsLine(clusters, kindCluster) {
		task.Note("creating the cluster")
		config := filepath.Join(k.Repo, "kind-config.yaml")
		if _, err := command(ctx, nil, "kind", "create", "cluster", "--config="+config, "--kubeconfig="+k.Kubeconfig(), "--wait=3m"); err != nil {
			task.Fail("not created")
			return client, err
		}
	} else if _, err := command(ctx, nil, "kind", "export", "kubeconfig", "--name="+kindCluster, "--kubeconfig="+k.Kubeconfig()); err != nil {
		return client, err
	}
	task.Note("loading Tekton's images")
	archive := filepath.Join(k.State, "images.tar")
	if err := set.WriteArchive(archive); err != nil {
		task.Fail("images not assembled")
		return client, err
	}
	defer os.Remove(archive)
	if _, err := command(ctx, nil, "kind", "load", "image-archive", archive, "--name="+kindCluster); err != nil {
		task.Fail("images not loaded")
		return client, err
	}
	task.Done("ready")
	return client, nil
}

// startRegistry runs the registry with a certificate for its address, and tells the node of its CA.
func (k *kindDocker) startRegistry(ctx context.Context, p *progress.Progress) (string, error) {
	task := p.Start("registry")
	if _, err := docker(ctx, "inspect", kindHolder); err != nil {
		if _, err := docker(ctx, "run", "--detach", "--restart=always", "--name="+kindHolder, "--network=kind", "--entrypoint=sleep", registryImage, "2147483647"); err != nil {
			return "", err
		}
	}
	address, err := docker(ctx, "inspect", "--format={{.NetworkSettings.Networks.kind.IPAddress}}", kindHolder)
	if err != nil {
		return "", err
	}
	address = strings.TrimSpace(address)
	registry := address + ":5000"
	if _, err := docker(ctx, "inspect", kindRegistry); err != nil {
		pki := filepath.Dir(k.CA())
		if err := machine.WriteRegistryCertificate(pki, address); err != nil {
			return "", err
		}
		if _, err := docker(ctx, "run", "--detach", "--restart=always", "--name="+kindRegistry, "--network=container:"+kindHolder, "--volume="+pki+":/pki:ro",
			"--env=REGISTRY_HTTP_TLS_CERTIFICATE=/pki/registry.crt", "--env=REGISTRY_HTTP_TLS_KEY=/pki/registry.key",
			"--env=REGISTRY_STORAGE_DELETE_ENABLED=true", registryImage); err != nil {
			return "", err
		}
	}
	if err := k.trustRegistry(ctx, registry); err != nil {
		return "", err
	}
	task.Done("ready at %s", registry)
	return registry, nil
}

func (k *kindDocker) trustRegistry(ctx context.Context, registry string) error {
	ca, err := os.ReadFile(k.CA())
	if err != nil {
		return fmt.Errorf("reading the CA: %w", err)
	}
	nodes, err := command(ctx, nil, "kind", "get", "nodes", "--name="+kindCluster)
	if err != nil {
		return err
	}
	dir := "/etc/containerd/certs.d/" + registry
	hosts := fmt.Sprintf("[host.%q]\n  ca = %q\n", "https://"+registry, dir+"/ca.crt")
	for _, node := range strings.Fields(nodes) {
		if _, err := docker(ctx, "exec", node, "mkdir", "-p", dir); err != nil {
			return err
		}
		for file, text := range map[string]string{"ca.crt": string(ca), "hosts.toml": hosts} {
			if _, err := command(ctx, strings.NewReader(text), "docker", "exec", "--interactive", node, "cp", "/dev/stdin", dir+"/"+file); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *kindDocker) Down(ctx context.Context) error {
	_, kindError := command(ctx, nil, "kind", "delete", "cluster", "--name="+kindCluster)
	_, dockerError := docker(ctx, "rm", "--force", "--volumes", kindRegistry, kindHolder)
	return errors.Join(kindError, dockerError, os.RemoveAll(k.State))
}

func (k *kindDocker) Status(ctx context.Context, out io.Writer) error {
	reach, err := readAccess(k.EnvFile())
	if err != nil {
		return fmt.Errorf("reading how to reach the cluster: %w\n  start it with `CLUSTER=kind make cluster-up`", err)
	}
	if _, err := reach.kubectl(k.layout).run(ctx, nil, "get", "--raw=/readyz"); err != nil {
		return err
	}
	return reach.print(out)
}

func docker(ctx context.Context, args ...string) (string, error) {
	return command(ctx, nil, "docker", args...)
}

func command(ctx context.Context, stdin io.Reader, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = stdin
	return output(cmd)
}

func containsLine(text, line string) bool {
	for l := range strings.Lines(text) {
		if strings.TrimSpace(l) == line {
			return true
		}
	}
	return false
}
