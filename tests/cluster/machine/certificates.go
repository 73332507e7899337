package machine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime of every certificate; a cluster is made anew long before.
const lifetime = 365 * 24 * time.Hour

// authority is a CA whose files, and those of what it issues, are in one folder.
type authority struct {
	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// writeCertificates makes a CA and what it issues. The CA is the root of the API server and of the registry alike, so the ConfigMap
// kube-root-ca.crt, which Kubernetes puts into every namespace, is all that a pod needs to trust both.
func (m Machine) writeCertificates() error {
	ca, err := newAuthority(m.path("pki"))
	if err != nil {
		return err
	}
	kubernetes := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"}
	for _, leaf := range []struct {
		file, name, group string
		hosts, addresses  []string
	}{
		{file: "apiserver", name: "kube-apiserver", hosts: kubernetes, addresses: []string{Address, serviceAddress, "127.0.0.1"}},
		{file: "kubelet-client", name: "kube-apiserver-kubelet-client", group: "system:masters"},
		{file: "kubelet", name: "system:node:" + NodeName, hosts: []string{NodeName}, addresses: []string{Address}},
		{file: "host", name: "host", hosts: []string{"localhost"}, addresses: []string{HostAddress, "127.0.0.1"}}, // for servers that tests run for pods
	} {
		subject := pkix.Name{CommonName: leaf.name}
		if leaf.group != "" {
			subject.Organization = []string{leaf.group}
		}
		if err := ca.issue(leaf.file, subject, leaf.hosts, leaf.addresses...); err != nil {
			return err
		}
	}
	if err := ca.issueRegistry(Address); err != nil {
		return err
	}
	_, err = ca.writeKey("service-accounts")
	return err
}

// WriteRegistryCertificate makes a CA (ca.crt) and the certificate of a registry at an IP address (registry.crt, registry.key) in dir.
func WriteRegistryCertificate(dir, address string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the folder of certificates: %w", err)
	}
	ca, err := newAuthority(dir)
	if err != nil {
		return err
	}
	return ca.issueRegistry(address)
}

func (a authority) issueRegistry(address string) error {
	return a.issue("registry", pkix.Name{CommonName: "registry"}, []string{"localhost"}, address, "127.0.0.1")
}

func newAuthority(dir string) (authority, error) {
	a := authority{dir: dir}
	key, err := a.writeKey("ca")
	if err != nil {
		return a, err
	}
	template := certificate(pkix.Name{CommonName: "sluice-cluster"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	a.key, a.certificate = key, template
	der, err := a.sign("ca", template, key)
	if err != nil {
		return a, err
	}
	a.certificate, err = x509.ParseCertificate(der)
	return a, err
}

// issue writes file.key and file.crt, good for a server and for a client.
func (a authority) issue(file string, subject pkix.Name, names []string, addresses ...string) error {
	key, err := a.writeKey(file)
	if err != nil {
		return err
	}
	c := certificate(subject)
	c.DNSNames = names
	for _, address := range addresses {
		c.IPAddresses = append(c.IPAddresses, net.ParseIP(address))
	}
	c.KeyUsage = x509.KeyUsageDigitalSignature
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	_, err = a.sign(file, c, key)
	return err
}

func certificate(subject pkix.Name) *x509.Certificate {
	now := time.Now()
	serial := new(big.Int).SetBytes([]byte(rand.Text()[:16]))
	return &x509.Certificate{SerialNumber: serial, Subject: subject, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(lifetime)}
}

func (a authority) sign(file string, template *x509.Certificate, key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("signing the certificate %q: %w", file, err)
	}
	return der, a.writePEM(file+".crt", "CERTIFICATE", der, 0o644)
}

func (a authority) writeKey(file string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key %q: %w", file, err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding the key %q: %w", file, err)
	}
	return key, a.writePEM(file+".key", "EC PRIVATE KEY", der, 0o600)
}

func (a authority) writePEM(file, kind string, der []byte, mode os.FileMode) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(filepath.Join(a.dir, file), text, mode); err != nil {
		return fmt.Errorf("writing a certificate: %w", err)
	}
	return nil
}
