package predicate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-ci/sluice/internal/task"
)

// The predicate types in use.
const (
	GateType       = "https://sluice-ci.github.io/predicates/gate/v1" // a gate's verdict
	ProvenanceType = "https://slsa.dev/provenance/v1"
	SummaryType    = "https://slsa.dev/verification_summary/v1"
	SPDXType       = "https://spdx.dev/Document"
	CycloneDXType  = "https://cyclonedx.org/bom"
	TestResultType = "https://in-toto.io/attestation/test-result/v0.1"
	SignatureType  = "https://sigstore.dev/cosign/sign/v1" // a plain signature; the predicate is {}
	PromotionType  = "https://sluice-ci.github.io/predicates/promotion/v1"
)

// Verdict is what a gate decided.
type Verdict string

// The five verdicts. Only Pass lets a change through.
const (
	Pass          Verdict = "pass"
	Fail          Verdict = "fail"
	Insufficient  Verdict = "insufficient"  // too little data to decide within the stated error bounds
	Unavailable   Verdict = "unavailable"   // a dependency could not be asked
	Misconfigured Verdict = "misconfigured" // an input or a rule is wrong
)

// Gate is the predicate of every gate: numbers, the rule and the verdict, about
// one commit in one run.
type Gate struct {
	Gate       string         `json:"gate"`      // the task's name
	Rule       string         `json:"rule"`      // for people: "statement coverage >= 80 %"
	Verdict    Verdict        `json:"verdict"`   //
	Measured   map[string]any `json:"measured"`  // numbers, in the units that their names say
	Threshold  map[string]any `json:"threshold"` // numbers, under the same names
	Commit     string         `json:"commit,omitempty"`
	Run        Invocation     `json:"run"`
	Inputs     []Input        `json:"inputs,omitempty"`
	StartedOn  time.Time      `json:"startedOn,omitzero"`
	FinishedOn time.Time      `json:"finishedOn"`
}

// Invocation names the run that produced a predicate.
type Invocation struct {
	PipelineRun string `json:"pipelineRun,omitempty"`
	TaskRun     string `json:"taskRun,omitempty"` // its UID
}

// Input is a document that was judged.
type Input struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"` // algorithm to hex
}

// Document is a predicate file in reports: the predicate under its type, so
// that attest knows what it signs.
type Document struct {
	PredicateType string `json:"predicateType"`
	Predicate     any    `json:"predicate"`
}

// DigestFile names a file by its content, as an input of a predicate.
func DigestFile(name, path string) (Input, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Input{}, fmt.Errorf("digesting input %q: %w", name, err)
	}
	sum := sha256.Sum256(data)
	return Input{Name: name, Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}}, nil
}

// WriteGate fills in commit, run and time of a gate's predicate, writes it as
// reports/<file> and returns its digest, "sha256:…".
func (o *Options) WriteGate(file string, gate Gate) (digest string, err error) {
	gate.Commit = o.Commit
	gate.Run = Invocation{PipelineRun: o.RunName, TaskRun: o.RunUID}
	if gate.FinishedOn.IsZero() {
		gate.FinishedOn = time.Now().UTC().Truncate(time.Second)
	}
	return o.WriteDocument(file, Document{PredicateType: GateType, Predicate: gate})
}

// WriteDocument writes a predicate of any type as reports/<file> and returns
// its digest, "sha256:…". The file is written atomically.
func (o *Options) WriteDocument(file string, doc Document) (digest string, err error) {
	data, err := Encode(doc, "  ")
	if err != nil {
		return "", fmt.Errorf("encoding predicate %q: %w", file, err)
	}
	if err := task.WriteFile(filepath.Join(o.Reports, file), data, 0o644); err != nil {
		return "", fmt.Errorf("writing predicate %q: %w", file, err)
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// Encode gives JSON that people can read: a rule such as "coverage >= 80 %" stays as
// it is, for none of it goes into HTML. It ends with a newline.
func Encode(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
