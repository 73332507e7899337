package keys_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/keys"
)

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestSignaturesVerifyAndRepeat(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(ec)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for name, text := range map[string][]byte{
		"ecdsa pkcs8": pkcs8(t, ec),
		"ecdsa sec1":  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}),
		"ed25519":     pkcs8(t, ed),
	} {
		t.Run(name, func(t *testing.T) {
			signer, err := keys.ParsePrivate(text, nil)
			require.NoError(t, err)
			first, err := signer.Sign([]byte("message"))
			require.NoError(t, err)
			again, err := signer.Sign([]byte("message"))
			require.NoError(t, err)
			require.Equal(t, first, again, "the same message has the same signature")
			public, err := keys.ParsePublic(signer.Public().PEM())
			require.NoError(t, err)
			require.NoError(t, public.Verify([]byte("message"), first))
			require.ErrorIs(t, public.Verify([]byte("massage"), first), keys.ErrSignature)
			require.ErrorIs(t, public.Verify([]byte("message"), nil), keys.ErrSignature)
			require.Equal(t, signer.Public().Hint(), public.Hint())
		})
	}
}

func TestGeneratedPairIsASecretThatSigns(t *testing.T) {
	for _, algorithm := range []string{"ecdsa", "ed25519"} {
		t.Run(algorithm, func(t *testing.T) {
			pair, err := keys.Generate(algorithm)
			require.NoError(t, err)
			text, err := pair.Secret("sluice", "attestor")
			require.NoError(t, err)
			var secret struct {
				Immutable bool
				Data      map[string]string
			}
			require.NoError(t, yaml.Unmarshal(text, &secret))
			require.True(t, secret.Immutable)
			dir := t.TempDir()
			for name, value := range secret.Data {
				b, err := base64.StdEncoding.DecodeString(value)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
			}
			signer, err := keys.ReadSigner(dir)
			require.NoError(t, err)
			require.Equal(t, string(pair.Public), string(signer.Public().PEM()))

			require.NoError(t, os.WriteFile(filepath.Join(dir, "cosign.password"), []byte("guess"), 0o600))
			_, err = keys.ReadSigner(dir)
			require.ErrorIs(t, err, keys.ErrPassword)
		})
	}
}

func TestRefusesOtherKeysAndFiles(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for says, text := range map[string][]byte{
		"use ECDSA P-256 or Ed25519": pkcs8(t, weak),
		"use P-256 or Ed25519":       pkcs8(t, p384),
		"more than one PEM block":    append(pkcs8(t, p256), pkcs8(t, p256)...),
		"no PEM block":               []byte("secret"),
		`"CERTIFICATE" is not one`:   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"}),
	} {
		_, err := keys.ParsePrivate(text, nil)
		require.ErrorContains(t, err, says)
	}
	_, err = keys.ParsePublic(pkcs8(t, p256))
	require.ErrorContains(t, err, "no PEM block PUBLIC KEY")
	_, err = keys.ReadSigner(t.TempDir())
	require.ErrorContains(t, err, "0 files *.key or *.pem")
	_, err = keys.Generate("rsa")
	require.ErrorContains(t, err, "neither ecdsa nor ed25519")
}

func FuzzParsePrivate(f *testing.F) {
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if signer, err := keys.ParsePrivate(text, nil); err == nil {
			signature, err := signer.Sign([]byte("x"))
			require.NoError(t, err)
			require.NoError(t, signer.Public().Verify([]byte("x"), signature))
		}
	})
}
