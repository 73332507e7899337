//go:build e2e

package e2e

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestATasksSpanJoinsTheTraceOfItsRun starts a run as a traced system does, and finds the task's span where a collector has it.
func TestATasksSpanJoinsTheTraceOfItsRun(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, "trace")
	require.NoError(t, namespace.ServeCollector(t.Context(), "../.."))
	outcome := run(t, namespace, []byte(`
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: traced-
  annotations:
    tekton.dev/pipelinerunSpanContext: '{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}'
spec:
  pipelineSpec:
    tasks:
      - name: fetch
        taskRef: {resolver: cluster, params: [{name: kind, value: task}, {name: name, value: fetch-source}, {name: namespace, value: sluice}]}
        params: [{name: url, value: "https://git.example.com/app.git"}, {name: revision, value: main}]
        workspaces: [{name: source, workspace: work, subPath: source}, {name: ca, workspace: ca}]
    workspaces: [{name: work}, {name: ca}]
  workspaces:
    - {name: work, persistentVolumeClaim: {claimName: sluice}}
    - {name: ca, configMap: {name: sluice-ca}}
  taskRunTemplate:
    podTemplate:
      securityContext: {fsGroup: 65532}
      env:
        - {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: "http://collector:4318"}
        - name: TEKTON_SPAN_CONTEXT
          valueFrom: {fieldRef: {fieldPath: "metadata.annotations['tekton.dev/taskrunSpanContext']"}}
`))
	require.True(t, outcome.Succeeded, namespace.Describe(outcome))
	received, err := namespace.Spans(t.Context())
	require.NoError(t, err)
	require.Len(t, received, 1)
	require.Len(t, received[0].ScopeSpans, 1)
	require.Len(t, received[0].ScopeSpans[0].Spans, 1)
	span := received[0].ScopeSpans[0].Spans[0]
	require.Equal(t, "fetch-source", span.Name)
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", hex.EncodeToString(span.TraceId))
	require.Equal(t, "b7ad6b7169203331", hex.EncodeToString(span.ParentSpanId))
}
