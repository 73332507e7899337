package machine

import (
	"fmt"
	"os"
	"strings"

	"github.com/sluice-ci/sluice/tests/cluster/artifacts"
)

// writeConfigs writes the configuration file of every component that has one.
func (m Machine) writeConfigs() error {
	for file, text := range map[string]string{
		"containerd.toml":                     containerdConfig,
		"certs.d/" + Registry + "/hosts.toml": hostsConfig,
		"cni/10-sluice.conflist":              cniConfig,
		"kubelet.yaml":                        kubeletConfig,
		"kube-proxy.yaml":                     proxyConfig,
		"Corefile":                            corefile,
		"registry.yaml":                       registryConfig,
		"resolv.conf":                         "nameserver " + Address + "\n",
		"nftables.conf":                       masqueradeRules,
	} {
		text = strings.NewReplacer(
			"STATE", m.State, "ADDRESS", Address, "REGISTRY", Registry, "PODS", podRange, "NODE", NodeName,
			"PAUSE", artifacts.Image("pause"), "CNI_PLUGINS", m.CNI, "CGROUP", cgroupName,
		).Replace(text)
		if err := os.WriteFile(m.config(file), []byte(text), 0o644); err != nil {
			return fmt.Errorf("writing the configuration %q: %w", file, err)
		}
	}
	return nil
}

// The sandbox's adjustment of oom_score_adj is restricted because a machine without CAP_SYS_RESOURCE may not lower it.
const containerdConfig = `version = 2
root = "STATE/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.internal.v1.opt"]
  path = "STATE/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "PAUSE"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "CNI_PLUGINS"
    conf_dir = "STATE/config/cni"

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "STATE/config/certs.d"
`

const hostsConfig = `server = "https://REGISTRY"

[host."https://REGISTRY"]
  capabilities = ["pull", "resolve", "push"]
  ca = "STATE/pki/ca.crt"
`

// Every pod has its own link to the node (ptp) and no bridge, so that a Service works between two pods without the br_netfilter module.
const cniConfig = `{
  "cniVersion": "0.4.0",
  "name": "sluice",
  "plugins": [{
    "type": "ptp",
    "ipam": {"type": "host-local", "dataDir": "/run/cni-addresses", "ranges": [[{"subnet": "PODS"}]], "routes": [{"dst": "0.0.0.0/0"}]}
  }]
}
`

const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: ADDRESS
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: false}
  x509: {clientCAFile: STATE/pki/ca.crt}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupRoot: /CGROUP
clusterDNS: [ADDRESS]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
enforceNodeAllocatable: []
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
failCgroupV1: false
failSwapOn: false
imageGCHighThresholdPercent: 100
maxPods: 250
oomScoreAdj: 0
resolvConf: STATE/config/resolv.conf
serializeImagePulls: false
tlsCertFile: STATE/pki/kubelet.crt
tlsPrivateKeyFile: STATE/pki/kubelet.key
volumePluginDir: STATE/empty
`

// Limits of connection tracking belong to the whole kernel, so they are left alone.
const proxyConfig = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: STATE/config/kube-proxy.kubeconfig}
clusterCIDR: PODS
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
healthzBindAddress: 127.0.0.1:10256
hostnameOverride: NODE
metricsBindAddress: 127.0.0.1:10249
mode: nftables
nftables: {syncPeriod: 30s, minSyncPeriod: 100ms}
oomScoreAdj: 0
`

const corefile = `.:53 {
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig STATE/config/coredns.kubeconfig
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
  }
  cache 5
}
`

const registryConfig = `version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: STATE/registry}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false}}
http:
  addr: ADDRESS:5000
  tls: {certificate: STATE/pki/registry.crt, key: STATE/pki/registry.key}
`

// What leaves the pods for the host carries the address of the link, so that the host needs no route to them.
const masqueradeRules = `table ip sluice {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr PODS oifname "eth0" masquerade
  }
}
`
