// Command bench measures Sluice against its peers in one run on one machine, and
// writes the figures, with the machine's name, to results.md. Absolute times on a
// shared machine are noisy: read the ratios.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// section is one comparison.
type section struct {
	name  string
	run   func(context.Context, *report) error
	needs string // a program of a Debian package of the same name; "" for none
}

var sections = []section{
	{name: "build", run: benchBuild},
	{name: "promote", run: benchPromote, needs: "skopeo"},
	{name: "sbom", run: benchSBOM},
	{name: "start", run: benchStart},
	{name: "pipeline", run: benchPipeline},
	{name: "coverage", run: benchCoverage},
	{name: "cluster", run: benchCluster},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	only := flag.String("only", "build,promote,sbom,start,pipeline,coverage", "sections to run, comma-separated: build, promote, sbom, start, pipeline, coverage, cluster (restarts the cluster, first with empty caches)")
	out := flag.String("out", "results.md", "file to write the figures to")
	flag.Parse()
	chosen := slices.DeleteFunc(sections, func(s section) bool { return !slices.Contains(strings.Split(*only, ","), s.name) })
	for _, s := range chosen {
		if _, err := exec.LookPath(s.needs); s.needs != "" && err != nil {
			fmt.Fprintf(os.Stderr, "bench: section %s compares with %s, which is not there; install it first: apt-get install %s\n", s.name, s.needs, s.needs)
			os.Exit(1)
		}
	}
	r := newReport()
	for _, s := range chosen {
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
