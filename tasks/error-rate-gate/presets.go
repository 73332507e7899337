package main

import (
	"slices"
	"strings"
)

// preset names the metrics by which one kind of server counts its requests.
type preset struct {
	total     string  // counter of requests
	errors    string  // matchers that make it the counter of errors
	histogram string  // of durations, without _bucket
	unit      float64 // seconds of one unit of the histogram's bounds
	source    string  // where the names are documented
}

// presets follow the documentation of each project. Errors are what the server failed at: 5xx and their like, never 4xx.
var presets = map[string]preset{
	"otel-http": {"http_server_request_duration_seconds_count", `http_response_status_code=~"5.."`, "http_server_request_duration_seconds", 1,
		"OpenTelemetry semantic conventions for HTTP metrics, in Prometheus' naming"},
	"http": {"http_requests_total", `code=~"5.."`, "http_request_duration_seconds", 1,
		"Prometheus client libraries (promhttp's labels)"},
	"istio": {`istio_requests_total{reporter="destination"}`, `response_code=~"5.."`, "istio_request_duration_milliseconds", 0.001,
		"Istio standard metrics"},
	"envoy": {"envoy_cluster_upstream_rq_xx", `envoy_response_code_class="5"`, "envoy_cluster_upstream_rq_time", 0.001,
		"Envoy cluster statistics"},
	"nginx": {"nginx_ingress_controller_requests", `status=~"5.."`, "nginx_ingress_controller_request_duration_seconds", 1,
		"ingress-nginx"},
	"traefik": {"traefik_service_requests_total", `code=~"5.."`, "traefik_service_request_duration_seconds", 1,
		"Traefik service metrics"},
	"grpc": {"grpc_server_handled_total", `grpc_code=~"Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss"`, "grpc_server_handling_seconds", 1,
		"go-grpc-middleware; the codes that the gRPC status-code guide blames on the server"},
	"spring": {"http_server_requests_seconds_count", `status=~"5.."`, "http_server_requests_seconds", 1,
		"Micrometer as Spring Boot configures it"},
}

// presetNames lists them for people.
func presetNames() string {
	var names []string
	for name := range presets {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
