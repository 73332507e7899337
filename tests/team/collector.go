package team

import (
	"bytes"
	"context"
	"fmt"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/images"
)

// ServeCollector runs a receiver of OTLP over HTTP in the namespace, under http://collector:4318. root is the repository's root.
func (n *Namespace) ServeCollector(ctx context.Context, root string) error {
	image, err := n.program(ctx, "team/collector", images.Go{Dir: root}, "./tests/team/collector")
	if err != nil {
		return err
	}
	if err := n.serve(ctx, n.Name, restrictedPod("collector", corev1.Container{Image: image}), 4318); err != nil {
		return err
	}
	return n.waitUntilReady(ctx, n.Name, "collector")
}

// Spans are those that the collector has received, of one resource after another.
func (n *Namespace) Spans(ctx context.Context) (received []*trace.ResourceSpans, err error) {
	log, err := n.Kube.CoreV1().Pods(n.Name).GetLogs("collector", &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading what the collector received: %w", err)
	}
	for line := range bytes.Lines(log) {
		spans := &trace.ResourceSpans{}
		if err := protojson.Unmarshal(line, spans); err != nil {
			return nil, fmt.Errorf("reading what the collector received: %w", err)
		}
		received = append(received, spans)
	}
	return received, nil
}
