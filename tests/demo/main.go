// Command demo carries a commit of a real Git repository to a promoted digest,
// as a PipelineRun on a real Tekton on this machine, and shows what it does.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	scenario := flag.String("scenario", "promoted", "promoted: the commit passes every gate; refused: a commit whose coverage fell")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Carry a commit to a promoted digest on a real Tekton on this machine.\n\n"+
			"  go run ./tests/demo                     the commit is promoted (make demo)\n"+
			"  go run ./tests/demo --scenario=refused  coverage fell and the gate says no (make demo-refused)\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	s, ok := scenarios[*scenario]
	if !ok || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := demonstrate(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
