package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

var tektonNamespaces = []string{"tekton-pipelines", "tekton-pipelines-resolvers"}

// tektonReady waits until every deployment of Tekton is available and its webhook admits a Task; say hears what became ready.
func tektonReady(ctx context.Context, k kubectl, say func(string)) error {
	group, waiting := errgroup.WithContext(ctx)
	for _, namespace := range tektonNamespaces {
		group.Go(func() error {
			_, err := k.run(waiting, nil, "wait", "--namespace="+namespace, "--for=condition=Available", "--timeout=10m", "deployment", "--all")
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("waiting for Tekton's deployments: %w", err)
	}
	say("waiting for its webhook to admit a Task")
	for {
		_, err := k.run(ctx, strings.NewReader(probeTask), "create", "--dry-run=server", "--filename=-")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for Tekton's webhook: %w", err)
		case <-time.After(300 * time.Millisecond):
		}
	}
}

const probeTask = `apiVersion: tekton.dev/v1
kind: Task
metadata: {generateName: probe-, namespace: default}
spec:
  steps: [{name: probe, image: registry.example.com/probe, command: [probe]}]
`
