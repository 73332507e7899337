// Command cluster brings up a real Tekton on a real Kubernetes for the rest of the tree: on this machine alone (the default), on kind, or on
// a cluster that exists.
//
//	go run . up
//	go run . kubectl get pods -A
//	go run . down
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
