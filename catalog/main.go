// Command catalog is the tool of those who keep and install the catalog. It lints the tree, begins new tasks, releases images and YAML
// by digest, installs them into a cluster, and counts approvals.
//
//	go run ./catalog lint
//	go run ./catalog release --registry=registry.example.com/sluice
//	go run ./catalog install
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/sluice-ci/sluice/internal/task"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	report(stderr, cmd.CommandPath(), err)
	return task.Code(err)
}
