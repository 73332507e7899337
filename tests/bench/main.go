// Command bench measures Sluice against its peers in one run on one machine, and
// writes the figures, with the machine's name, to results.md. Absolute times on a
// shared machine are noisy: read the ratios.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// section is one comparison.
type section struct {
	name string
	run  func(context.Context, *report) error
}

var sections = []section{
	{"build", benchBuild},
	{"promote", benchPromote},
	{"sbom", benchSBOM},
	{"start", benchStart},
	{"pipeline", benchPipeline},
	{"coverage", benchCoverage},
	{"cluster", benchCluster},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	only := flag.String("only", "build,promote,sbom,start,pipeline,coverage", "sections to run, comma-separated: build, promote, sbom, start, pipeline, coverage, cluster (restarts the cluster, first with empty caches)")
	out := flag.String("out", "results.md", "file to write the figures to")
	flag.Parse()
	r := newReport()
	for _, s := range sections {
		if !slices.Contains(strings.Split(*only, ","), s.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "== %s\n", s.name)
		if err := s.run(ctx, r); err != nil {
			fmt.Fprintf(os.Stderr, "bench: measuring %s: %v\n", s.name, err)
			os.Exit(1)
		}
	}
	if err := r.write(*out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	fmt.Println(r)
}
