//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/tests/team"
)

// leaving are the namespaces that the cluster removes while other tests run.
var leaving struct {
	sync.Mutex
	namespaces []*team.Namespace
}

// newNamespace makes a namespace that lives as long as the test.
func newNamespace(t *testing.T, name string) *team.Namespace {
	namespace, err := cluster.NewNamespace(t.Context(), strings.TrimRight(fmt.Sprintf("%.50s", "e2e-"+name), "-"))
	require.NoError(t, err)
	require.NoError(t, namespace.ProvideKeys(t.Context()))
	t.Cleanup(func() {
		if t.Failed() && os.Getenv("KEEP") != "" {
			t.Logf("namespace %s is kept", namespace.Name)
			return
		}
		require.NoError(t, namespace.BeginDelete(context.WithoutCancel(t.Context())))
		leaving.Lock()
		defer leaving.Unlock()
		leaving.namespaces = append(leaving.namespaces, namespace)
	})
	return namespace
}

// waitUntilGone waits until nothing is left of the tests' namespaces.
func waitUntilGone(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for _, n := range leaving.namespaces {
		err = errors.Join(err, n.Delete(ctx))
	}
	return err
}
