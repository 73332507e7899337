package trust_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/internal/trust"
)

func TestServerOfACustomCAIsTrustedOnlyWithIt(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	dir := t.TempDir()
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.crt"), cert, 0o600))

	get := func(o *trust.Options) error {
		config, err := o.TLS()
		require.NoError(t, err)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
		defer client.CloseIdleConnections()
		res, err := client.Get(server.URL)
		if err == nil {
			res.Body.Close()
		}
		return err
	}
	require.NoError(t, get(&trust.Options{Dir: dir}))
	require.ErrorContains(t, get(&trust.Options{}), "certificate")
}

func TestUselessCAWorkspaceIsRefused(t *testing.T) {
	empty := t.TempDir()
	text := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(text, "ca.pem"), []byte("hello"), 0o600))
	for dir, want := range map[string]string{empty: "holds no *.crt or *.pem file", text: "holds no PEM certificate"} {
		_, err := (&trust.Options{Dir: dir}).Pool()
		require.ErrorContains(t, err, want)
		require.Equal(t, task.CodeMisconfigured, task.Code(err))
	}
}
