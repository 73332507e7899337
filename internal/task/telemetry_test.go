package task_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sluice-ci/sluice/internal/task"
)

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// startCollector receives OTLP over HTTP and hands on the spans.
func startCollector(t *testing.T) (endpoint string, spans func() []*tracev1.Span) {
	var got []*tracev1.Span
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		var request collector.ExportTraceServiceRequest
		require.NoError(t, proto.Unmarshal(body, &request))
		for _, rs := range request.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				got = append(got, ss.Spans...)
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []*tracev1.Span { return got }
}

func TestOneSpanJoinsTheTraceOfTheRun(t *testing.T) {
	for _, test := range []struct{ name, variable, value string }{
		{"W3C variable", "TRACEPARENT", traceparent},
		{"Tekton annotation", "TEKTON_SPAN_CONTEXT", `{"traceparent":"` + traceparent + `"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			endpoint, spans := startCollector(t)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
			c := task.New("gate", "Gate.")
			c.Run = func(_ context.Context, r *task.Run) error {
				r.Redact("secret")
				r.Attr("oci.manifest.digest", "sha256:1234")
				return task.Refuse("no secret")
			}
			require.Equal(t, 1, executeEnv(c, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, test.variable: test.value}).code)
			require.Len(t, spans(), 1)
			span := spans()[0]
			require.Equal(t, "gate", span.Name)
			require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", hexText(span.TraceId))
			require.Equal(t, "00f067aa0ba902b7", hexText(span.ParentSpanId))
			require.Equal(t, "no [redacted]", span.Status.Message)
			attributes := map[string]string{}
			for _, a := range span.Attributes {
				attributes[a.Key] = a.Value.GetStringValue()
			}
			require.Equal(t, map[string]string{
				"cicd.pipeline.task.name":       "gate",
				"cicd.pipeline.task.run.result": "failure",
				"oci.manifest.digest":           "sha256:1234",
			}, attributes)
		})
	}
}

func TestCollectorThatIsDownDoesNotFailTheTask(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	got := executeEnv(returning(nil), map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL})
	require.Equal(t, 0, got.code)
	require.Contains(t, got.stderr, "trace not exported: ")
}

func executeEnv(c *task.Command, env map[string]string) outcome {
	var stdout, stderr bytes.Buffer
	code := c.Execute(context.Background(), nil, strings.NewReader(""), &stdout, &stderr, func(k string) string { return env[k] })
	return outcome{code, stdout.String(), stderr.String()}
}

func hexText(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}
