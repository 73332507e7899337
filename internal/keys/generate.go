package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"sigs.k8s.io/yaml"
)

// Pair is a new key pair in the form that cosign reads too.
type Pair struct {
	Private  []byte // PEM, encrypted with the password
	Password []byte
	Public   []byte // PEM
}

// Generate makes a key pair, "ecdsa" or "ed25519", with a random password.
func Generate(algorithm string) (*Pair, error) {
	var private any
	var err error
	switch algorithm {
	case "ecdsa":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ed25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, fmt.Errorf("generating a key: algorithm %q is neither ecdsa nor ed25519", algorithm)
	}
	if err != nil {
		return nil, fmt.Errorf("generating a key: %w", err)
	}
	signer, err := newSigner(private)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("generating a key: %w", err)
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("generating a password: %w", err)
	}
	password := []byte(base64.RawURLEncoding.EncodeToString(secret))
	sealed, err := encrypted.Encrypt(der, password)
	if err != nil {
		return nil, fmt.Errorf("encrypting a key: %w", err)
	}
	return &Pair{
		Private:  pem.EncodeToMemory(&pem.Block{Type: sigstoreType, Bytes: sealed}),
		Password: password,
		Public:   signer.public.PEM(),
	}, nil
}

// Secret writes the pair as a Kubernetes Secret, immutable, with cosign's names for
// its keys. A rotated key is a new Secret.
func (p *Pair) Secret(namespace, name string) ([]byte, error) {
	doc := map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true,
		"metadata": map[string]any{"name": name, "namespace": namespace},
		"data": map[string][]byte{
			"cosign.key": p.Private, "cosign.password": p.Password, "cosign.pub": p.Public,
		},
	}
	if namespace == "" {
		doc["metadata"] = map[string]any{"name": name}
	}
	b, err := yaml.Marshal(doc)
	return bytes.TrimLeft(b, "\n"), err
}
