package migration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
)

// A Gate is a task that carries changes through one phase and leaves evidence of it: the predicate reports/<task>.json, whatever the
// verdict, and the result PREDICATE_DIGEST.
type Gate struct {
	*Options
	Found    predicate.Gate // what is known so far; the phase adds what it measures
	evidence *predicate.Options
}

// DeclareGate adds to a command what Declare adds, the workspace of evidence, and the result that names it. The rule is a sentence for
// people.
func DeclareGate(c *task.Command, rule string) *Gate {
	g := &Gate{Options: declare(c), evidence: predicate.Declare(c)}
	g.runName = &g.evidence.RunName
	predicate.DeclareResult(c)
	g.Found = predicate.Gate{Gate: c.Name, Rule: rule, Measured: map[string]any{}, Threshold: map[string]any{}}
	return g
}

// Reports is the workspace that evidence is written into.
func (g *Gate) Reports() string { return g.evidence.Reports }

// Judge makes a phase a task's run, which writes its evidence also when the phase refuses.
func (g *Gate) Judge(phase func(context.Context, *task.Run) error) func(context.Context, *task.Run) error {
	return func(ctx context.Context, r *task.Run) error {
		g.Found.StartedOn = time.Now().UTC().Truncate(time.Second)
		err := phase(ctx, r)
		g.Found.Verdict = verdicts[task.Code(err)]
		digest, lost := g.evidence.WriteGate(g.Found.Gate+".json", g.Found)
		if lost == nil {
			lost = r.Result("PREDICATE_DIGEST", digest)
		}
		return errors.Join(err, lost)
	}
}

// verdicts by exit code: what could not be decided is for want of a database, a lock or statistics.
var verdicts = map[int]predicate.Verdict{
	task.CodeDone: predicate.Pass, task.CodeRefused: predicate.Fail, task.CodeMisconfigured: predicate.Misconfigured, task.CodeUndecided: predicate.Unavailable,
}

// Input names a document that is judged by its digest, sha256:….
func (g *Gate) Input(name, digest string) {
	if algorithm, hex, ok := strings.Cut(digest, ":"); ok {
		g.Found.Inputs = append(g.Found.Inputs, predicate.Input{Name: name, Digest: map[string]string{algorithm: hex}})
	}
}

// A Work is the directory of changes and the database that a gate works on.
type Work struct {
	*Gate
	Engine    Engine
	Directory *change.Directory
	run       *task.Run
}

// Begin loads the directory, which becomes an input of the evidence, and connects. The caller closes the engine.
func (g *Gate) Begin(ctx context.Context, r *task.Run) (*Work, error) {
	d, err := g.Load()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{change.SumFile, "atlas.sum"} {
		in, err := predicate.DigestFile(path.Join(g.Options.Directory, name), filepath.Join(g.Source, g.Options.Directory, name))
		if err == nil {
			g.Found.Inputs = append(g.Found.Inputs, in)
		}
	}
	e, err := g.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	return &Work{Gate: g, Engine: e, Directory: d, run: r}, nil
}

// Each carries changes through a phase in their order until one fails, and measures how far all of them have come.
func (w *Work) Each(ctx context.Context, due []*change.Change, phase func(*change.Change) (*migrate.Revision, error)) error {
	err := w.each(due, phase)
	w.Found.Measured["changes"] = len(due)
	if measured := w.measure(ctx, due); err == nil {
		err = measured
	}
	if err != nil {
		return Err(err)
	}
	return w.run.Result("changes", Names(due))
}

func (w *Work) each(due []*change.Change, phase func(*change.Change) (*migrate.Revision, error)) error {
	for _, c := range due {
		r, err := phase(c)
		if err != nil {
			return err
		}
		w.run.Printf("%s is %s", c.ID(), r.Phase)
	}
	return nil
}

// measure sums up what the database knows of the changes that are worked on.
func (w *Work) measure(ctx context.Context, due []*change.Change) error {
	var verified verification
	var left time.Duration
	phases := map[migrate.Phase]int{}
	for _, c := range due {
		at, err := w.Engine.Stands(ctx, c)
		if err != nil {
			return err
		}
		phases[at.Phase]++
		if at.Window != nil {
			left = max(left, at.Window.Left)
		}
		if at.Revision != nil {
			w.Input("plan of "+at.Change, at.Revision.PlanDigest)
		}
		if err := verified.add(at.Evidence); err != nil {
			return fmt.Errorf("reading the evidence of %s: %w", at.Change, err)
		}
	}
	m := w.Found.Measured
	m["phases"], m["rowsVerified"], m["rowsRepaired"], m["windowLeftSeconds"] = phases, verified.Rows, verified.Repaired, left.Seconds()
	return nil
}

// A verification is what the engine keeps as evidence when it has gone over every row.
type verification struct{ Rows, Repaired int64 }

// add takes the last verification of a change.
func (v *verification) add(found []migrate.Evidence) error {
	for _, e := range slices.Backward(found) {
		if strings.HasPrefix(e.Kind, "verify") {
			var one verification
			err := json.Unmarshal(e.Detail, &one)
			v.Rows, v.Repaired = v.Rows+one.Rows, v.Repaired+one.Repaired
			return err
		}
	}
	return nil
}
