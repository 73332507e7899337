package machine

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os/exec"
	"time"
)

// component is a process of the machine: what it runs, what must be ready before, and how to tell that it is ready itself.
type component struct {
	name  string
	args  []string
	needs []string
	env   []string
	ready func(context.Context) error
}

const containerdSocket = "/run/containerd/containerd.sock"

// components are in the order that a person would start them.
func (m Machine) components() []component {
	node := func(name string, args ...string) []string { return append([]string{m.Node, name}, args...) }
	addon := func(name string, args ...string) []string { return append([]string{m.Addons, name}, args...) }
	return []component{
		{
			name:  "containerd",
			args:  []string{"containerd", "--config", m.config("containerd.toml")},
			ready: runs("ctr", "--address", containerdSocket, "version"),
		},
		{
			name: "etcd",
			args: node("etcd", "--data-dir="+m.path("etcd"), "--unsafe-no-fsync", "--log-level=warn", "--logger=zap",
				"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379", "--listen-peer-urls=http://127.0.0.1:2380"),
			ready: answers("http://127.0.0.1:2379/health"),
		},
		{name: "kube-apiserver", needs: []string{"etcd"}, args: node("kube-apiserver", m.apiserverFlags()...), ready: answers("https://127.0.0.1:6443/readyz")},
		{
			name: "kube-controller-manager", needs: []string{"kube-apiserver"},
			args: node("kube-controller-manager", "--kubeconfig="+m.kubeconfig("kube-controller-manager"), "--leader-elect=false",
				"--service-account-private-key-file="+m.pki("service-accounts.key"), "--root-ca-file="+m.pki("ca.crt"), "--flex-volume-plugin-dir="+m.path("empty"),
				"--concurrent-namespace-syncs=4", "--namespace-sync-period=30s"),
			ready: answers("https://127.0.0.1:10257/healthz"),
		},
		{
			name: "kube-scheduler", needs: []string{"kube-apiserver"},
			args:  node("kube-scheduler", "--kubeconfig="+m.kubeconfig("kube-scheduler"), "--leader-elect=false"),
			ready: answers("https://127.0.0.1:10259/healthz"),
		},
		{
			name: "kubelet", needs: []string{"kube-apiserver", "containerd"},
			args:  node("kubelet", "--config="+m.config("kubelet.yaml"), "--kubeconfig="+m.kubeconfig("kubelet"), "--hostname-override="+NodeName, "--node-ip="+Address),
			ready: answers("http://127.0.0.1:10248/healthz"),
		},
		{name: "kube-proxy", needs: []string{"kube-apiserver"}, args: node("kube-proxy", "--config="+m.config("kube-proxy.yaml")), ready: answers("http://127.0.0.1:10256/healthz")},
		{name: "coredns", needs: []string{"kube-apiserver"}, args: addon("coredns", "-conf", m.config("Corefile")), ready: answers("http://127.0.0.1:8181/ready")},
		{
			name: "provisioner", needs: []string{"kube-apiserver"},
			args: addon("provisioner", "--kubeconfig="+m.kubeconfig("provisioner"), "--root="+m.path("volumes"), "--node="+NodeName),
		},
		{
			name: "registry", env: []string{"OTEL_TRACES_EXPORTER=none"},
			args:  addon("registry", "serve", m.config("registry.yaml")),
			ready: answers("https://" + Registry + "/v2/"),
		},
	}
}

func (m Machine) apiserverFlags() []string {
	return []string{
		"--etcd-servers=http://127.0.0.1:2379",
		"--advertise-address=" + Address,
		"--bind-address=0.0.0.0",
		"--secure-port=6443",
		"--tls-cert-file=" + m.pki("apiserver.crt"),
		"--tls-private-key-file=" + m.pki("apiserver.key"),
		"--token-auth-file=" + m.config("tokens.csv"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged",
		"--service-cluster-ip-range=" + serviceRange,
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + m.pki("service-accounts.key"),
		"--service-account-signing-key-file=" + m.pki("service-accounts.key"),
		"--kubelet-certificate-authority=" + m.pki("ca.crt"),
		"--kubelet-client-certificate=" + m.pki("kubelet-client.crt"),
		"--kubelet-client-key=" + m.pki("kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
	}
}

// answers is ready when a GET of url gives 200. It asks inside the machine, where only the machine's own processes listen.
func answers(url string) func(context.Context) error {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, response.Status)
		}
		return nil
	}
}

func runs(name string, args ...string) func(context.Context) error {
	return func(ctx context.Context) error { return exec.CommandContext(ctx, name, args...).Run() }
}
