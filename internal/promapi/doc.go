// Package promapi reads raw samples from an HTTP API that speaks like Prometheus: Prometheus itself, Thanos, Mimir, Cortex,
// VictoriaMetrics.
//
// It promises the samples as they were scraped, with their own timestamps: an instant query of a range selector, never of a
// function that extrapolates. It tells four kinds of failure apart, because a gate answers each differently: see [Kind].
//
// It refuses answers that are not the API's (a login page with status 200), answers with warnings (Thanos and Mimir warn when a part of
// the data is missing), answers over 64 MiB, and redirects to another host, which would take credentials there.
//
//	client, err := promapi.New("https://prometheus.example.com", promapi.Options{})
//	series, err := client.Samples(ctx, `http_requests_total{track="canary"}`, time.Minute, time.Now())
//
// Protocol: https://prometheus.io/docs/prometheus/latest/querying/api/.
package promapi
