package task

import (
	"context"
	"encoding/json"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// exportTimeout bounds what a collector that is slow or down can cost a run.
const exportTimeout = 5 * time.Second

// startSpan opens the run's span where a collector is configured, and returns
// the function that ends and exports it. The names are those of OpenTelemetry's
// CI/CD semantic conventions.
func startSpan(ctx context.Context, r *Run) (context.Context, func(error)) {
	if r.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && r.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		ctx, r.span = noop.NewTracerProvider().Tracer("").Start(ctx, "")
		return ctx, func(error) {}
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithTimeout(exportTimeout),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
	if err != nil {
		r.Printf("trace not exported: %v", err)
		ctx, r.span = noop.NewTracerProvider().Tracer("").Start(ctx, "")
		return ctx, func(error) {}
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { r.Printf("trace not exported: %v", err) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "sluice"))))
	ctx, r.span = provider.Tracer("github.com/sluice-ci/sluice").Start(parent(ctx, r.Getenv), r.command.Name,
		trace.WithAttributes(attribute.String("cicd.pipeline.task.name", r.command.Name)))
	return ctx, func(err error) {
		r.span.SetAttributes(attribute.String("cicd.pipeline.task.run.result", outcome(err)))
		if err != nil {
			r.span.SetStatus(codes.Error, r.secrets.clean(err.Error()))
		}
		r.span.End()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exportTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			r.Printf("trace not exported: %v", err)
		}
	}
}

// parent joins the trace of the PipelineRun: TRACEPARENT of the W3C Trace
// Context, or TEKTON_SPAN_CONTEXT, which a pod template fills from the
// annotation tekton.dev/taskrunSpanContext (JSON of a propagation carrier).
func parent(ctx context.Context, getenv func(string) string) context.Context {
	carrier := propagation.MapCarrier{}
	if err := json.Unmarshal([]byte(getenv("TEKTON_SPAN_CONTEXT")), &carrier); err != nil {
		carrier = propagation.MapCarrier{}
	}
	if tp := getenv("TRACEPARENT"); tp != "" {
		carrier["traceparent"] = tp
		carrier["tracestate"] = getenv("TRACESTATE")
	}
	return propagation.TraceContext{}.Extract(ctx, carrier)
}

// outcome is OpenTelemetry's word for how the run ended.
func outcome(err error) string {
	switch Code(err) {
	case CodeDone:
		return "success"
	case CodeRefused:
		return "failure"
	default:
		return "error"
	}
}
