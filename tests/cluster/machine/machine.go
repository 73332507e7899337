// Package machine is a whole Kubernetes node inside namespaces of its own: network, PID, mount, IPC and UTS. Everything it starts hangs
// from one process, so that ending that process ends all of it, with its mounts, its interfaces and its firewall rules; on the host there
// is one end of a veth pair, which goes with the other end.
//
// It refuses to share: one machine for a state folder, found again by the process ID and start time that it wrote there.
//
//	m := machine.Machine{State: ".sluice/cluster", Node: "…/node", Addons: "…/addons", Seed: "…/containerd"}
//	err := m.Prepare()
//	pid, err := m.Start("…/cluster")
//	…
//	err = m.Stop()
package machine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Addresses inside the machine. The link's two ends are the only addresses that the host shares.
const (
	HostAddress    = "10.87.0.1"
	Address        = "10.87.0.2"
	linkPrefix     = "/30"
	podRange       = "10.88.0.0/16"
	serviceRange   = "10.96.0.0/16"
	serviceAddress = "10.96.0.1" // of the kubernetes Service
	NodeName       = "sluice"
	hostLink       = "sluice0"

	APIServer = "https://" + Address + ":6443"
	Registry  = Address + ":5000"
)

// Machine says where a machine keeps its state and what it runs.
type Machine struct {
	State  string // absolute path of its folder
	Node   string // the binary with every Kubernetes program
	Addons string // the binary with CoreDNS, the registry and the provisioner
	Seed   string // store of containerd with the images that the node gets, made by Seed
	CNI    string // folder of the CNI plugins
}

func (m Machine) path(parts ...string) string {
	return filepath.Join(append([]string{m.State}, parts...)...)
}

// Log is the file that a component writes to.
func (m Machine) Log(component string) string { return m.path("logs", component+".log") }

// Events is the file that the machine reports to: an Event a line, in JSON.
func (m Machine) Events() string { return m.path("events.jsonl") }

func (m Machine) pki(file string) string        { return m.path("pki", file) }
func (m Machine) config(file string) string     { return m.path("config", file) }
func (m Machine) kubeconfig(user string) string { return m.path("config", user+".kubeconfig") }

// save and load carry the description across the re-execution that enters the namespaces.
func (m Machine) save() error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(m.path("machine.json"), data, 0o600)
}

// Same tells whether the machine in the state folder was described in the same way: with the same binaries and images.
func (m Machine) Same() bool {
	other, err := load(m.State)
	return err == nil && other == m
}

// Components are the names of what the machine runs.
func (m Machine) Components() []string {
	var names []string
	for _, c := range m.components() {
		names = append(names, c.name)
	}
	return names
}

func load(state string) (Machine, error) {
	var m Machine
	data, err := os.ReadFile(filepath.Join(state, "machine.json"))
	if err != nil {
		return m, fmt.Errorf("reading the description of the machine: %w", err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("reading the description of the machine in %q: %w", state, err)
	}
	return m, nil
}

// Prepare writes all that the machine reads: certificates, tokens, kubeconfigs and the configuration of every component.
func (m Machine) Prepare() error {
	for _, dir := range []string{"bin", "logs", "pki", "config", "config/cni", "config/certs.d/" + Registry, "volumes", "kubelet", "containerd/opt", "registry", "empty"} {
		if err := os.MkdirAll(m.path(dir), 0o755); err != nil {
			return fmt.Errorf("making the state folder: %w", err)
		}
	}
	if err := plant(m.Seed, m.path("containerd")); err != nil {
		return fmt.Errorf("copying the images to the machine: %w", err)
	}
	if err := m.writeCertificates(); err != nil {
		return err
	}
	if err := m.writeKubeconfigs(); err != nil {
		return err
	}
	if err := m.writeConfigs(); err != nil {
		return err
	}
	return m.save()
}
