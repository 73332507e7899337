package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/predicate"
)

var errFalse = errors.New("expression is false")

// Question is what is judged.
type Question struct {
	Digest v1.Hash
	Commit string // "" takes the only commit that trusted evidence names
	Pieces []evidence.Piece
	At     time.Time // now, or the time of the promotion that is gone back to
}

// Verdict is the answer with its reasons.
type Verdict struct {
	Passed  bool
	Commit  string
	Reasons []string // why it did not pass, one a requirement
	Rows    []Row    // every piece of evidence, and every requirement without one
}

// Row says what became of one piece of evidence.
type Row struct {
	Requirement string // "" for a piece that no requirement asks for
	Accepted    bool
	Place       string  // where it was found
	Manifest    v1.Hash // that holds it
	Kind        string  // predicate type, once a signature made it known; artifact type before
	Key         string  // name of the key that verified it
	Run         string
	Finished    time.Time
	Why         string // why it was rejected, or which rule it meets
}

// facts are a verified statement about the digest.
type facts struct {
	piece       evidence.Piece
	statement   *evidence.Statement
	payload     []byte
	key         *Key
	gate        string
	origin      evidence.Origin
	at          time.Time
	environment string
}

// Judge compares evidence with what the policy requires in an environment; nil
// is no environment.
func (p *Policy) Judge(e *Environment, q Question) *Verdict {
	v := &Verdict{Passed: true, Commit: q.Commit}
	var trusted []*facts
	for _, piece := range q.Pieces {
		f, err := p.read(piece, q)
		if err != nil {
			v.reject(piece, f, err)
			if f != nil && f.key != nil && !errors.Is(err, errOtherDigest) {
				v.fail("evidence in %s is signed by %q and cannot be understood: %s", f.piece.Manifest, f.key.Name, err)
			}
			continue
		}
		if e != nil {
			f.environment = e.Name
		}
		trusted = append(trusted, f)
	}
	if err := v.chooseCommit(trusted); err != nil {
		v.fail("%s", err)
	}
	used := map[*facts]bool{}
	for _, r := range p.Requirements(e) {
		v.require(&r, trusted, used)
	}
	for _, f := range trusted {
		if !used[f] {
			v.Rows = append(v.Rows, f.row("", false, "no requirement asks for it"))
		}
	}
	return v
}

func (v *Verdict) fail(format string, args ...any) {
	v.Passed = false
	v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
}

var (
	errOtherDigest = errors.New("about another digest")
	errNoKey       = errors.New("no key of the policy verifies it")
)

// read verifies a piece. Facts that come with an error were signed by a trusted key
// and are unreadable all the same.
func (p *Policy) read(piece evidence.Piece, q Question) (*facts, error) {
	switch {
	case piece.Problem != nil:
		return nil, piece.Problem
	case piece.Signature != nil:
		return p.readSignature(piece, q)
	}
	f := &facts{piece: piece, payload: piece.Envelope.Payload, at: q.At}
	var err error
	if f.key, err = p.keyFor(q.At, piece.Envelope.Verify); err != nil {
		return nil, err
	}
	if f.statement, err = evidence.ParseStatement(f.payload); err != nil {
		return f, err
	}
	subject, err := f.statement.About(q.Digest)
	if err != nil {
		return f, fmt.Errorf("%w: %w", errOtherDigest, err)
	}
	if f.origin, err = subject.Origin(); err != nil {
		return f, err
	}
	if f.origin.Finished.After(q.At.Add(clockSkew)) {
		return f, fmt.Errorf("it says that it was finished at %s, which is in the future", f.origin.Finished.Format(time.RFC3339))
	}
	if !f.origin.Finished.IsZero() && !f.key.ValidFrom.IsZero() && f.origin.Finished.Before(f.key.ValidFrom) {
		return f, fmt.Errorf("it says that it was finished before key %q became valid", f.key.Name)
	}
	return f, f.readGate()
}

// clockSkew is how far ahead the clock of the signer may be.
const clockSkew = 5 * time.Minute

// readGate finds which gate speaks; and a gate's own word about its commit must
// agree with the attestor's.
func (f *facts) readGate() error {
	if f.statement.PredicateType != predicate.GateType {
		return nil
	}
	var g struct {
		Gate   string `json:"gate"`
		Commit string `json:"commit"`
	}
	if err := json.Unmarshal(f.statement.Predicate, &g); err != nil {
		return fmt.Errorf("reading a gate's predicate: %w", err)
	}
	if g.Gate == "" {
		return errors.New("reading a gate's predicate: it names no gate")
	}
	if g.Commit != "" && g.Commit != f.origin.Commit {
		return fmt.Errorf("the gate judged commit %s, the attestor says %s", g.Commit, f.origin.Commit)
	}
	f.gate = g.Gate
	return nil
}

// readSignature verifies cosign's old form of a plain signature.
func (p *Policy) readSignature(piece evidence.Piece, q Question) (*facts, error) {
	key, err := p.keyFor(q.At, func(k *keys.Public) error { return k.Verify(piece.Signature.Payload, piece.Signature.Sig) })
	if err != nil {
		return nil, err
	}
	f := &facts{piece: piece, payload: piece.Signature.Payload, key: key, at: q.At}
	f.statement, err = evidence.ParseSimpleSigning(piece.Signature.Payload, q.Digest)
	if errors.Is(err, evidence.ErrOtherDigest) {
		err = fmt.Errorf("%w: %w", errOtherDigest, err)
	}
	return f, err
}

// keyFor finds the key that verifies something. A key outside its period verifies
// nothing, but is named in the reason.
func (p *Policy) keyFor(at time.Time, verify func(*keys.Public) error) (*Key, error) {
	reason := errNoKey
	for i := range p.Keys {
		k := &p.Keys[i]
		if err := verify(k.public); err != nil {
			if !errors.Is(err, keys.ErrSignature) {
				return nil, err // the envelope itself is wrong, for every key
			}
			continue
		}
		switch {
		case !k.ValidFrom.IsZero() && at.Before(k.ValidFrom):
			reason = fmt.Errorf("key %q is not valid before %s", k.Name, k.ValidFrom.Format(time.RFC3339))
		case !k.ValidUntil.IsZero() && !at.Before(k.ValidUntil):
			reason = fmt.Errorf("key %q expired at %s", k.Name, k.ValidUntil.Format(time.RFC3339))
		default:
			return k, nil
		}
	}
	return nil, reason
}

// chooseCommit settles which commit is promoted: evidence of several runs may have
// gathered on one digest.
func (v *Verdict) chooseCommit(trusted []*facts) error {
	if v.Commit != "" {
		return nil
	}
	var commits []string
	for _, f := range trusted {
		if c := f.origin.Commit; c != "" && !slices.Contains(commits, c) {
			commits = append(commits, c)
		}
	}
	switch len(commits) {
	case 0:
		return nil
	case 1:
		v.Commit = commits[0]
		return nil
	}
	slices.Sort(commits)
	return fmt.Errorf("the digest has evidence of several commits, %s: say which is meant with the param commit", strings.Join(commits, ", "))
}

// require finds the newest evidence of the required kind and holds it to the rule.
func (v *Verdict) require(r *Requirement, trusted []*facts, used map[*facts]bool) {
	var candidates []*facts
	for _, f := range trusted {
		if f.statement.PredicateType != r.PredicateType || r.Gate != "" && r.Gate != f.gate {
			continue
		}
		used[f] = true
		switch {
		case f.key.Identity != r.SignedBy:
			v.Rows = append(v.Rows, f.row(r.Name, false, fmt.Sprintf("signed by %q, not by %q", f.key.Identity, r.SignedBy)))
		case f.origin.Commit == "" && !r.AnyCommit:
			v.Rows = append(v.Rows, f.row(r.Name, false, "it names no commit, and anyCommit is not set"))
		case f.origin.Commit != "" && f.origin.Commit != v.Commit:
			v.Rows = append(v.Rows, f.row(r.Name, false, "about commit "+f.origin.Commit))
		default:
			candidates = append(candidates, f)
		}
	}
	newest, err := v.newest(r, candidates)
	if err == nil {
		err = r.check(newest)
		why := "the newest"
		if err != nil {
			why = err.Error()
		}
		v.Rows = append(v.Rows, newest.row(r.Name, err == nil, why))
	}
	if err != nil {
		v.fail("%s: %s", r.Name, err)
		if newest == nil {
			v.Rows = append(v.Rows, Row{Requirement: r.Name, Kind: r.PredicateType, Why: err.Error()})
		}
	}
}

// newest picks the candidate that counts, and rejects the others as older. Copies
// of the same statement in several places are one.
func (v *Verdict) newest(r *Requirement, candidates []*facts) (*facts, error) {
	if len(candidates) == 0 {
		return nil, fmt.Errorf("no evidence of type %s signed by %q about commit %q", r.describe(), r.SignedBy, v.Commit)
	}
	slices.SortStableFunc(candidates, func(a, b *facts) int { return b.origin.Finished.Compare(a.origin.Finished) })
	best := candidates[0]
	var tie error
	for _, f := range candidates[1:] {
		switch {
		case bytes.Equal(f.payload, best.payload):
			v.Rows = append(v.Rows, f.row(r.Name, false, "the same statement again"))
		case f.origin.Finished.Equal(best.origin.Finished):
			tie = fmt.Errorf("two different pieces of evidence claim the same time: %s and %s", best.piece.Name(), f.piece.Name())
			v.Rows = append(v.Rows, f.row(r.Name, false, "claims the same time as another"))
		default:
			v.Rows = append(v.Rows, f.row(r.Name, false, "older than another"))
		}
	}
	if tie != nil {
		v.Rows = append(v.Rows, best.row(r.Name, false, "claims the same time as another"))
		return best, tie
	}
	return best, nil
}

// floor is what evidence of some types must say whatever the policy's expressions are:
// a verdict that is no pass is no evidence for the image.
func (f *facts) floor() error {
	field, want := "", ""
	switch f.statement.PredicateType {
	case predicate.GateType:
		field, want = "verdict", string(predicate.Pass)
	case predicate.TestResultType:
		field, want = "result", "PASSED"
	case predicate.SummaryType:
		field, want = "verificationResult", "PASSED"
	default:
		return nil
	}
	var predicate map[string]any
	if err := json.Unmarshal(f.statement.Predicate, &predicate); err != nil {
		return fmt.Errorf("reading predicate: %w", err)
	}
	if got := predicate[field]; got != want {
		return fmt.Errorf("its %s is %q, not %q", field, got, want)
	}
	return nil
}

func (r *Requirement) describe() string {
	if r.Gate != "" {
		return r.PredicateType + " of gate " + r.Gate
	}
	return r.PredicateType
}

func (r *Requirement) check(f *facts) error {
	if r.MaximumAge > 0 {
		if f.origin.Finished.IsZero() {
			return errors.New("it does not say when it was finished, and maximumAge is set")
		}
		if age := f.at.Sub(f.origin.Finished); age > time.Duration(r.MaximumAge) {
			return fmt.Errorf("%s old, older than %s", age.Round(time.Second), time.Duration(r.MaximumAge))
		}
	}
	if err := f.floor(); err != nil || r.program == nil {
		return err
	}
	err := holds(r.program, *f)
	if errors.Is(err, errFalse) {
		if r.Message != "" {
			return fmt.Errorf("%s (%s is false)", r.Message, r.Expression)
		}
		return fmt.Errorf("%s is false", r.Expression)
	}
	return err
}

// VerifiedBy tells whether a key of an identity, valid at a time, verifies something.
func (p *Policy) VerifiedBy(identity string, at time.Time, verify func(*keys.Public) error) error {
	key, err := p.keyFor(at, verify)
	if err == nil && key.Identity != identity {
		err = fmt.Errorf("signed by %q, not by %q", key.Identity, identity)
	}
	return err
}
