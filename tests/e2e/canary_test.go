//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestADyingCanaryDoesNotPass kills a canary while the gate watches it: the evidence stops before it is enough, and that is no pass.
func TestADyingCanaryDoesNotPass(t *testing.T) {
	t.Parallel()
	require.NoError(t, canaries())
	namespace := newNamespace(t, "dying-canary")
	killed := make(chan error, 1)
	go func() {
		// The default rule needs 1,194 requests without an error, which take the canary's traffic 48 s.
		time.Sleep(25 * time.Second)
		killed <- cluster.KillCanary(context.WithoutCancel(t.Context()), "dying")
	}()
	outcome := run(t, namespace, gateRun("prometheus", "dying", "60s"))
	require.NoError(t, <-killed)
	require.False(t, outcome.Succeeded)
	require.Equal(t, "insufficient", outcome.Tasks[0].Results["verdict"], "%s", outcome.Tasks[0].Log)
	require.Contains(t, outcome.Tasks[0].Log, "takes 1194 requests even without an error")
}

// TestAGateSurvivesARestartOfPrometheus restarts the Prometheus that a gate asks, in the middle of its window.
func TestAGateSurvivesARestartOfPrometheus(t *testing.T) {
	t.Parallel()
	require.NoError(t, canaries())
	require.NoError(t, cluster.ServePrometheus(t.Context(), "../..", "restarted"))
	namespace := newNamespace(t, "restarted-prometheus")
	restarted := make(chan error, 1)
	go func() {
		time.Sleep(25 * time.Second)
		restarted <- cluster.RestartPrometheus(context.WithoutCancel(t.Context()), "restarted")
	}()
	outcome := run(t, namespace, gateRun("restarted", "steady-good", "90s"))
	require.NoError(t, <-restarted)
	require.True(t, outcome.Succeeded, namespace.Describe(outcome))
	require.Equal(t, "pass", outcome.Tasks[0].Results["verdict"])
}

// gateRun lets a Prometheus judge a canary by the default rule.
func gateRun(prometheus, canary, window string) []byte {
	return fmt.Appendf(nil, `
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {generateName: error-rate-gate-}
spec:
  taskRef: {resolver: cluster, params: [{name: kind, value: task}, {name: name, value: error-rate-gate}, {name: namespace, value: sluice}]}
  params:
    - {name: prometheus, value: "http://%s.monitoring:9090"}
    - {name: preset, value: http}
    - {name: canary, value: 'track="%s"'}
    - {name: warm-up, value: 6s}
    - {name: window, value: %s}
    - {name: interval, value: 3s}
  workspaces:
    - {name: reports, persistentVolumeClaim: {claimName: sluice}, subPath: reports}
  podTemplate:
    securityContext: {fsGroup: 65532}
`, prometheus, canary, window)
}
