package keys

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// The PEM types in which cosign encrypts private keys.
const (
	sigstoreType = "ENCRYPTED SIGSTORE PRIVATE KEY"
	cosignType   = "ENCRYPTED COSIGN PRIVATE KEY"
)

// ErrPassword says that an encrypted key was given no password, or not its own.
var ErrPassword = errors.New("wrong or missing password of the private key")

// Signer holds a private key.
type Signer struct {
	key    crypto.Signer
	public *Public
}

// Public is the signer's public half.
func (s *Signer) Public() *Public { return s.public }

// Sign signs a message. The same message gives the same signature.
func (s *Signer) Sign(message []byte) ([]byte, error) {
	if _, ok := s.key.(ed25519.PrivateKey); ok {
		return s.key.Sign(nil, message, crypto.Hash(0))
	}
	sum := sha256.Sum256(message)
	// Without a source of randomness crypto/ecdsa signs as RFC 6979 says.
	return s.key.Sign(nil, sum[:], crypto.SHA256)
}

// ParsePrivate reads one PEM block: PKCS #8, SEC 1, or cosign's encrypted form.
func ParsePrivate(text, password []byte) (*Signer, error) {
	block, rest := pem.Decode(text)
	if block == nil {
		return nil, errors.New("reading private key: no PEM block")
	}
	if extra, _ := pem.Decode(rest); extra != nil {
		return nil, errors.New("reading private key: more than one PEM block")
	}
	der := block.Bytes
	switch block.Type {
	case "PRIVATE KEY":
	case "EC PRIVATE KEY":
		key, err := x509.ParseECPrivateKey(der)
		if err != nil {
			return nil, fmt.Errorf("reading private key: %w", err)
		}
		return newSigner(key)
	case sigstoreType, cosignType:
		var err error
		if der, err = encrypted.Decrypt(der, password); err != nil {
			return nil, fmt.Errorf("reading private key: %w", ErrPassword)
		}
	default:
		return nil, fmt.Errorf("reading private key: a PEM block %q is not one", block.Type)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("reading private key: %w", err)
	}
	return newSigner(key)
}

func newSigner(key any) (*Signer, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("reading private key: %T does not sign", key)
	}
	public, err := newPublic(signer.Public())
	if err != nil {
		return nil, err
	}
	return &Signer{key: signer, public: public}, nil
}

// ReadSigner reads a private key from a directory, as a Secret is mounted: cosign.key
// with cosign.password (the names that cosign gives its Secrets), or the only *.key
// or *.pem file with its password in the file "password".
func ReadSigner(dir string) (*Signer, error) {
	file, err := keyFile(dir)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading private key: %w", err)
	}
	var password []byte
	for _, name := range []string{"cosign.password", "password"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			password = []byte(strings.TrimRight(string(b), "\r\n"))
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("reading the password of the private key: %w", err)
		}
	}
	return ParsePrivate(text, password)
}

func keyFile(dir string) (string, error) {
	cosign := filepath.Join(dir, "cosign.key")
	if _, err := os.Stat(cosign); err == nil {
		return cosign, nil
	}
	var found []string
	for _, pattern := range []string{"*.key", "*.pem"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", err
		}
		found = append(found, files...)
	}
	if len(found) != 1 {
		return "", fmt.Errorf("looking for a private key: %d files *.key or *.pem in %q, want cosign.key or exactly one", len(found), dir)
	}
	return found[0], nil
}
