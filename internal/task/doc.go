// Package task is the runtime that every Sluice task binary shares.
//
// A task declares itself once, as a [Command]: its params, workspaces, run
// context and results. The same declaration parses the command line, writes
// --help and shell completion, and is what the contract test holds task.yaml
// and README.md against, so none of them can drift from the binary.
//
// The package promises that
//   - the exit code is one of four, with the meanings of [CodeDone] and its
//     siblings;
//   - a failure ends standard error with what was found and what to do;
//   - a result is at most 1 KiB, has no trailing newline, and is written
//     atomically, so that a killed step leaves the old value or the new one;
//   - a secret named with [Run.Redact] appears in no output from then on;
//   - with OTEL_EXPORTER_OTLP_ENDPOINT set, one span a run is exported and a
//     collector that is down never fails the task.
//
// It refuses unknown flags, stray arguments, empty required params and
// workspaces that do not exist, each with exit code 2. It knows nothing of
// Kubernetes: on a laptop the same command prints its results to standard
// output as name=value lines.
package task
