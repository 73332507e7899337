// Package keys signs and verifies with the keys that the catalog uses: ECDSA P-256
// and Ed25519, as PEM, or in the encrypted form that cosign writes.
//
// It promises that signing the same message twice gives the same signature
// (RFC 6979 for ECDSA, RFC 8032 for Ed25519), so that a retried attestation has the
// same bytes.
//
// It refuses RSA and the other curves, for which stock verifiers do not agree on
// the hash, and a private key of more than one PEM block.
//
//	signer, err := keys.ReadSigner("/workspace/signing-key")
//	signature, err := signer.Sign(message)
//	err = signer.Public().Verify(message, signature)
package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
)

// Public verifies signatures.
type Public struct {
	key any // *ecdsa.PublicKey or ed25519.PublicKey
	der []byte
}

// ErrSignature says that a signature is not this key's over this message.
var ErrSignature = errors.New("signature does not verify")

// ParsePublic reads a PEM block "PUBLIC KEY" (SubjectPublicKeyInfo, RFC 5280).
func ParsePublic(text []byte) (*Public, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New("reading public key: no PEM block PUBLIC KEY")
	}
	if extra, _ := pem.Decode(rest); extra != nil {
		return nil, errors.New("reading public key: more than one PEM block")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading public key: %w", err)
	}
	return newPublic(key)
}

func newPublic(key any) (*Public, error) {
	switch k := key.(type) {
	case ed25519.PublicKey:
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, fmt.Errorf("reading public key: ECDSA %s is refused, use P-256 or Ed25519", k.Curve.Params().Name)
		}
	default:
		return nil, fmt.Errorf("reading public key: %T is refused, use ECDSA P-256 or Ed25519", key)
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("reading public key: %w", err)
	}
	return &Public{key: key, der: der}, nil
}

// Verify checks a signature over a message: ECDSA over its SHA-256 in ASN.1, or
// plain Ed25519.
func (p *Public) Verify(message, signature []byte) error {
	ok := false
	switch k := p.key.(type) {
	case ed25519.PublicKey:
		ok = ed25519.Verify(k, message, signature)
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(message)
		ok = ecdsa.VerifyASN1(k, sum[:], signature)
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// Hint names the key in a sigstore bundle: the base64 of the SHA-256 of its
// SubjectPublicKeyInfo, as cosign writes it.
func (p *Public) Hint() string {
	sum := sha256.Sum256(p.der)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Algorithm is "ECDSA P-256" or "Ed25519".
func (p *Public) Algorithm() string {
	if _, ok := p.key.(ed25519.PublicKey); ok {
		return "Ed25519"
	}
	return "ECDSA P-256"
}

// PEM is the key as a block "PUBLIC KEY".
func (p *Public) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: p.der})
}
