// Package evidence is what is signed onto an image digest: in-toto statements in DSSE envelopes, sealed as sigstore bundles,
// attached as referrers, and collected again from every place where a registry may hold them. What gates write before anything
// is signed is package predicate's.
package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/strictjson"
)

// Types of statements: the one that is written, and the older one that is read.
const (
	StatementType       = "https://in-toto.io/Statement/v1"
	legacyStatementType = "https://in-toto.io/Statement/v0.1"
)

// Statement says something, the predicate, of a subject: in-toto Statement v1.
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// Subject is an in-toto ResourceDescriptor, as far as it is used here.
type Subject struct {
	Name        string            `json:"name,omitempty"`
	Digest      map[string]string `json:"digest"`
	Annotations map[string]any    `json:"annotations,omitempty"`
}

// Annotations of the subject, by which the attestor says in which run the evidence
// arose. They are signed with the rest, and work for every predicate type.
const (
	commitAnnotation   = "sluice-ci.github.io/commit"
	runAnnotation      = "sluice-ci.github.io/run"
	finishedAnnotation = "sluice-ci.github.io/finished-on"
)

// Origin is the commit and the run that evidence speaks of. Its time is the
// signer's own word.
type Origin struct {
	Commit   string
	Run      string // name of the PipelineRun, or else the UID of the TaskRun
	Finished time.Time
}

// NewStatement binds a predicate to an image digest.
func NewStatement(digest v1.Hash, o Origin, predicateType string, content json.RawMessage) ([]byte, error) {
	subject := Subject{Digest: map[string]string{digest.Algorithm: digest.Hex}}
	for name, value := range map[string]string{commitAnnotation: o.Commit, runAnnotation: o.Run} {
		if value != "" {
			subject.annotate(name, value)
		}
	}
	if !o.Finished.IsZero() {
		subject.annotate(finishedAnnotation, o.Finished.UTC().Format(time.RFC3339))
	}
	b, err := predicate.Encode(Statement{
		Type: StatementType, Subject: []Subject{subject}, PredicateType: predicateType, Predicate: content,
	}, "")
	if err != nil {
		return nil, fmt.Errorf("encoding a statement of type %q: %w", predicateType, err)
	}
	return bytes.TrimSuffix(b, []byte("\n")), nil
}

func (s *Subject) annotate(name, value string) {
	if s.Annotations == nil {
		s.Annotations = map[string]any{}
	}
	s.Annotations[name] = value
}

// ParseStatement reads the payload of a verified envelope.
func ParseStatement(payload []byte) (*Statement, error) {
	var s Statement
	if err := strictjson.Unmarshal(payload, &s); err != nil {
		return nil, fmt.Errorf("reading statement: %w", err)
	}
	switch {
	case s.Type != StatementType && s.Type != legacyStatementType:
		return nil, fmt.Errorf("reading statement: type %q is not %q", s.Type, StatementType)
	case s.PredicateType == "":
		return nil, errors.New("reading statement: it has no predicateType")
	case len(s.Subject) == 0:
		return nil, errors.New("reading statement: it has no subject")
	}
	return &s, nil
}

// About gives the subject that is the digest: evidence for another digest is none.
func (s *Statement) About(digest v1.Hash) (*Subject, error) {
	for i := range s.Subject {
		if s.Subject[i].Digest[digest.Algorithm] == digest.Hex {
			return &s.Subject[i], nil
		}
	}
	return nil, fmt.Errorf("it is about another digest, %s", s.Subject[0].digest())
}

func (s *Subject) digest() string {
	for algorithm, hex := range s.Digest {
		return algorithm + ":" + hex
	}
	return "none"
}

// Origin reads the annotations of a subject. Evidence of other tools has none of
// them; an annotation that is there and cannot be read is an error.
func (s *Subject) Origin() (Origin, error) {
	var o Origin
	for name, to := range map[string]*string{commitAnnotation: &o.Commit, runAnnotation: &o.Run} {
		value, there := s.Annotations[name]
		text, ok := value.(string)
		if there && !ok {
			return Origin{}, fmt.Errorf("annotation %q is no string", name)
		}
		*to = text
	}
	if value, there := s.Annotations[finishedAnnotation]; there {
		text, _ := value.(string)
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return Origin{}, fmt.Errorf("annotation %q: %w", finishedAnnotation, err)
		}
		o.Finished = at
	}
	return o, nil
}

// ErrOtherDigest says that a signature is over another digest.
var ErrOtherDigest = errors.New("signature of another digest")

// ParseSimpleSigning reads the payload of cosign's old signatures, and gives it as
// the statement that cosign writes today: a plain signature of the digest.
func ParseSimpleSigning(payload []byte, digest v1.Hash) (*Statement, error) {
	var doc struct {
		Critical struct {
			Image struct {
				Digest string `json:"docker-manifest-digest"`
			} `json:"image"`
			Type string `json:"type"`
		} `json:"critical"`
	}
	if err := strictjson.Unmarshal(payload, &doc); err != nil {
		return nil, fmt.Errorf("reading signature: %w", err)
	}
	if doc.Critical.Type != "cosign container image signature" {
		return nil, fmt.Errorf("reading signature: type %q is not cosign's", doc.Critical.Type)
	}
	if doc.Critical.Image.Digest != digest.String() {
		return nil, fmt.Errorf("%w, %s", ErrOtherDigest, doc.Critical.Image.Digest)
	}
	return &Statement{
		Type: StatementType, PredicateType: predicate.SignatureType, Predicate: json.RawMessage("{}"),
		Subject: []Subject{{Digest: map[string]string{digest.Algorithm: digest.Hex}}},
	}, nil
}
