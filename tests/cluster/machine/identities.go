package machine

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
)

// identity is a user of the API server, known by a random token.
type identity struct {
	name   string // of its kubeconfig
	user   string
	groups string
}

var identities = []identity{
	{name: "admin", user: "admin", groups: "system:masters"},
	{name: "kube-controller-manager", user: "system:kube-controller-manager", groups: "system:masters"},
	{name: "kube-scheduler", user: "system:kube-scheduler"},
	{name: "kube-proxy", user: "system:kube-proxy"},
	{name: "kubelet", user: "system:node:" + NodeName, groups: "system:nodes"},
	{name: "coredns", user: "coredns", groups: "system:masters"},
	{name: "provisioner", user: "provisioner", groups: "system:masters"},
}

// writeKubeconfigs makes a token for every identity, the file by which the API server knows them, and their kubeconfigs; the admin's is
// also the one that people use.
func (m Machine) writeKubeconfigs() error {
	ca, err := os.ReadFile(m.pki("ca.crt"))
	if err != nil {
		return fmt.Errorf("reading the CA: %w", err)
	}
	var tokens strings.Builder
	for _, who := range identities {
		secret := rand.Text()
		fmt.Fprintf(&tokens, "%s,%s,%s,%q\n", secret, who.user, who.user, who.groups)
		config := fmt.Sprintf(kubeconfigFormat, base64.StdEncoding.EncodeToString(ca), APIServer, who.user, secret)
		if err := os.WriteFile(m.kubeconfig(who.name), []byte(config), 0o600); err != nil {
			return fmt.Errorf("writing the kubeconfig of %q: %w", who.name, err)
		}
		if who.name == "admin" {
			if err := os.WriteFile(m.path("kubeconfig"), []byte(config), 0o600); err != nil {
				return fmt.Errorf("writing the kubeconfig: %w", err)
			}
		}
	}
	if err := os.WriteFile(m.config("tokens.csv"), []byte(tokens.String()), 0o600); err != nil {
		return fmt.Errorf("writing the tokens: %w", err)
	}
	return nil
}

const kubeconfigFormat = `apiVersion: v1
kind: Config
clusters:
- name: sluice
  cluster:
    certificate-authority-data: %s
    server: %s
users:
- name: %[3]q
  user:
    token: %[4]s
contexts:
- name: sluice
  context: {cluster: sluice, user: %[3]q}
current-context: sluice
`
