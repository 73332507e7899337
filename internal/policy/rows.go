package policy

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/sluice-ci/sluice/internal/evidence"
)

func (f *facts) row(requirement string, accepted bool, why string) Row {
	return Row{
		Requirement: requirement, Accepted: accepted, Place: f.piece.Place, Manifest: f.piece.Manifest,
		Kind: f.statement.PredicateType, Key: f.key.Name, Run: f.origin.Run, Finished: f.origin.Finished, Why: why,
	}
}

// reject notes a piece that no requirement ever sees.
func (v *Verdict) reject(p evidence.Piece, f *facts, err error) {
	r := Row{Place: p.Place, Manifest: p.Manifest, Kind: p.Kind, Why: err.Error()}
	if f != nil && f.key != nil {
		r.Key = f.key.Name
	}
	if f != nil && f.statement != nil {
		r.Kind = f.statement.PredicateType
	}
	v.Rows = append(v.Rows, r)
}

// Evidence gives the manifests of the evidence that was accepted.
func (v *Verdict) Evidence() (all []Row) {
	for _, r := range v.Rows {
		if r.Accepted {
			all = append(all, r)
		}
	}
	return all
}

// Explain prints a table of every piece of evidence: what it is, where it was
// found, whether it counts, and why.
func (v *Verdict) Explain(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "COUNTS\tREQUIREMENT\tTYPE\tKEY\tFINISHED\tFOUND IN\tMANIFEST\tWHY")
	for _, r := range v.Rows {
		counts := "no"
		if r.Accepted {
			counts = "yes"
		}
		finished := ""
		if !r.Finished.IsZero() {
			finished = r.Finished.UTC().Format(time.RFC3339)
		}
		digest := r.Manifest.Hex
		if len(digest) > 12 {
			digest = digest[:12]
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", counts, dash(r.Requirement), dash(r.Kind), dash(r.Key), dash(finished), dash(r.Place), dash(digest), r.Why)
	}
	return t.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
