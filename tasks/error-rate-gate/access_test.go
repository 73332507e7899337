package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asking lets only requests with a header through.
func asking(w *world, header string, value *string) {
	w.server.Handle(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Header.Get(header) != *value {
				rw.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(rw, r)
		})
	})
}

func TestCredentialsReachPrometheusAndNobodyElse(t *testing.T) {
	basic := fileIn(t, "username", "gate")
	require.NoError(t, os.WriteFile(filepath.Join(basic, "password"), []byte("s3cret\n"), 0o600))
	for name, c := range map[string]struct{ flag, header, value string }{
		"a token":                 {"--credentials=" + fileIn(t, "token", "s3cret\n"), "Authorization", "Bearer s3cret"},
		"a username and password": {"--credentials=" + basic, "Authorization", "Basic Z2F0ZTpzM2NyZXQ="},
		"a tenant":                {"--headers=X-Scope-OrgID=team", "X-Scope-OrgID", "team"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, canary(40, 0))
			asking(w, c.header, &c.value)
			out := w.run(flags(c.flag)...)
			out.says(t, 0)
			for _, file := range []string{".report.json", ".html", ".json"} {
				left, err := os.ReadFile(filepath.Join(out.reports, "error-rate-gate"+file))
				require.NoError(t, err)
				require.NotContains(t, string(left)+out.stderr, "s3cret")
			}
		})
	}
}

func TestATokenThatIsRotatedMeanwhileIsReadAnew(t *testing.T) {
	w := newWorld(t, canary(40, 0.003)) // for long undecided
	dir, wanted := fileIn(t, "token", "old"), "Bearer old"
	asking(w, "Authorization", &wanted)
	w.events = append(w.events, func(w *world, since time.Duration) {
		if since == 90*time.Second {
			wanted = "Bearer new"
			require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte("new"), 0o600))
		}
	})
	out := w.run(flags("--credentials="+dir, "--window=2m", "--false-abort=0.001%", "--false-pass=0.001%")...)
	out.says(t, 3)
	require.Equal(t, "insufficient", out.results["verdict"])
}

func TestAClientCertificateReachesAPrometheusOfAnotherAuthority(t *testing.T) {
	certificate, key, pool := clientCertificate(t)
	w := newWorld(t, canary(40, 0))
	server := httptest.NewUnstartedServer(w.server)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	server.StartTLS()
	t.Cleanup(server.Close)
	authority := fileIn(t, "prometheus.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	credentials := fileIn(t, "tls.crt", certificate)
	require.NoError(t, os.WriteFile(filepath.Join(credentials, "tls.key"), []byte(key), 0o600))

	w.run(flags("--prometheus="+server.URL, "--ca="+authority, "--credentials="+credentials)...).says(t, 0)
	w.run(flags("--prometheus="+server.URL, "--credentials="+credentials)...).says(t, 2, "certificate")
	w.run(flags("--prometheus="+server.URL, "--ca="+authority)...).says(t, 3, "certificate required")
}

// clientCertificate is one that signs itself, in PEM, and a pool that trusts it.
func clientCertificate(t *testing.T) (certificate, key string, pool *x509.CertPool) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gate"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	pool = x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM([]byte(certificate)))
	return certificate, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})), pool
}
