package migrate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
)

func TestTheServerIsVerifiedAgainstTheGivenAuthorities(t *testing.T) {
	s := pgtest.On(t, pgtest.Newest)
	w := newWorld(t, s, "SELECT 1", migrate.Options{})
	cert, key := certificate(t)
	for name, text := range map[string][]byte{"server.crt": cert, "server.key": key} {
		s.WriteData(t, name, text)
	}
	for _, sql := range []string{"ALTER SYSTEM SET ssl_cert_file = 'server.crt'", "ALTER SYSTEM SET ssl_key_file = 'server.key'", "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"} {
		w.exec(sql)
	}
	t.Cleanup(func() {
		s.Exec(t, "postgres", "ALTER SYSTEM RESET ssl")
		s.Exec(t, "postgres", "SELECT pg_reload_conf()")
	})
	dsn := strings.Replace(w.dsn, "sslmode=disable", "sslmode=require", 1)
	require.Eventually(t, func() bool {
		e, err := migrate.Open(w.ctx, dsn, migrate.Options{})
		if err == nil {
			e.Close()
		}
		return err == nil
	}, 10*time.Second, 50*time.Millisecond, "TLS without authorities")

	pool := x509.NewCertPool()
	_, err := migrate.Open(w.ctx, dsn, migrate.Options{TLS: &tls.Config{RootCAs: pool}})
	must(t, err, "certificate signed by unknown authority")
	require.True(t, pool.AppendCertsFromPEM(cert))
	e, err := migrate.Open(w.ctx, dsn, migrate.Options{TLS: &tls.Config{RootCAs: pool}})
	require.NoError(t, err)
	e.Close()
	_, err = migrate.Open(w.ctx, strings.Replace(dsn, "127.0.0.1", "localhost", 1), migrate.Options{TLS: &tls.Config{RootCAs: pool}})
	must(t, err, "wanted to match localhost")
}

// certificate makes one for 127.0.0.1 that signs itself.
func certificate(t *testing.T) (cert, key []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}
