package policy

import (
	"bytes"
	_ "embed" // the schema
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/ocirepo"
)

// What a policy file begins with.
const (
	APIVersion = "sluice-ci.github.io/v1"
	Kind       = "PromotionPolicy"
)

// Schema is the JSON schema of a policy file (draft 2020-12), for editors.
//
//go:embed policy.schema.json
var Schema []byte

// Policy is what admits an image.
type Policy struct {
	APIVersion   string        `json:"apiVersion"`
	Kind         string        `json:"kind"`
	Metadata     Metadata      `json:"metadata"`
	Keys         []Key         `json:"keys"`
	Evidence     []Requirement `json:"evidence"`
	Environments []Environment `json:"environments,omitempty"`

	digest v1.Hash
}

// Metadata names a policy.
type Metadata struct {
	Name string `json:"name"`
}

// Key is a public key and whom it speaks for. Several keys may share an identity,
// which is how keys are rotated.
type Key struct {
	Name       string    `json:"name"`
	Identity   string    `json:"identity"`
	PublicKey  string    `json:"publicKey"` // PEM
	ValidFrom  time.Time `json:"validFrom,omitzero"`
	ValidUntil time.Time `json:"validUntil,omitzero"`

	public *keys.Public
}

// Requirement is one kind of evidence that has to be there.
type Requirement struct {
	Name          string   `json:"name"`
	PredicateType string   `json:"predicateType"`
	Gate          string   `json:"gate,omitempty"`       // of a gate's verdict: which gate
	SignedBy      string   `json:"signedBy"`             // identity
	MaximumAge    Duration `json:"maximumAge,omitzero"`  // since the evidence says it was finished
	AnyCommit     bool     `json:"anyCommit,omitempty"`  // also evidence that names no commit, as other tools write it
	Expression    string   `json:"expression,omitempty"` // CEL over the predicate; must be true
	Message       string   `json:"message,omitempty"`    // for people, when the expression is false

	program cel.Program
}

// Environment is a place that images are promoted to.
type Environment struct {
	Name       string        `json:"name"`
	Target     string        `json:"target"`             // registry/path, or registry/path:tag
	After      []string      `json:"after,omitempty"`    // environments the digest must have been promoted to before
	PromotedBy string        `json:"promotedBy"`         // identity whose key signs the promotion records
	Evidence   []Requirement `json:"evidence,omitempty"` // added, or replacing those of the same name
	Without    []string      `json:"without,omitempty"`  // names of requirements that do not hold here
}

// Duration is a Go duration in JSON, such as 720h.
type Duration time.Duration

// UnmarshalJSON reads the notation of time.ParseDuration.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(text)
	if err == nil && parsed <= 0 {
		err = errors.New("must be above zero")
	}
	*d = Duration(parsed)
	return err
}

// MarshalJSON writes what UnmarshalJSON reads.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// IsZero tells whether no duration is set.
func (d Duration) IsZero() bool { return d == 0 }

// Digest is the digest of the policy's text.
func (p *Policy) Digest() v1.Hash { return p.digest }

// Parse reads a policy and checks all of it, so that judging cannot fail later for
// what was wrong from the start.
func Parse(text []byte) (*Policy, error) {
	p := &Policy{digest: ocirepo.Digest(text)}
	if err := yaml.UnmarshalStrict(text, p); err != nil {
		return nil, fmt.Errorf("reading policy: %w", err)
	}
	if bytes.Contains(text, []byte("\n---")) {
		return nil, errors.New("reading policy: more than one document")
	}
	var problems []error
	complain := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if p.APIVersion != APIVersion || p.Kind != Kind {
		complain("apiVersion and kind must be %s and %s", APIVersion, Kind)
	}
	if p.Metadata.Name == "" {
		complain("metadata.name is empty")
	}
	p.checkKeys(complain)
	if len(p.Evidence) == 0 {
		complain("evidence is empty: a policy that requires nothing admits everything")
	}
	p.checkRequirements("evidence", p.Evidence, complain)
	p.checkEnvironments(complain)
	if len(problems) > 0 {
		return nil, fmt.Errorf("reading policy: %w", errors.Join(problems...))
	}
	return p, nil
}

type complain func(format string, args ...any)

func (p *Policy) checkKeys(complain complain) {
	if len(p.Keys) == 0 {
		complain("keys is empty")
	}
	names := map[string]bool{}
	for i := range p.Keys {
		k := &p.Keys[i]
		at := fmt.Sprintf("keys[%d] %q", i, k.Name)
		unique(names, k.Name, at, complain)
		if k.Identity == "" {
			complain("%s: identity is empty", at)
		}
		if !k.ValidFrom.IsZero() && !k.ValidUntil.IsZero() && !k.ValidFrom.Before(k.ValidUntil) {
			complain("%s: validFrom is not before validUntil", at)
		}
		var err error
		if k.public, err = keys.ParsePublic([]byte(k.PublicKey)); err != nil {
			complain("%s: %w", at, err)
		}
	}
}

func (p *Policy) checkRequirements(at string, all []Requirement, complain complain) {
	names := map[string]bool{}
	for i := range all {
		r := &all[i]
		at := fmt.Sprintf("%s[%d] %q", at, i, r.Name)
		unique(names, r.Name, at, complain)
		if r.PredicateType == "" {
			complain("%s: predicateType is empty", at)
		}
		p.checkIdentity(at+": signedBy", r.SignedBy, complain)
		var err error
		if r.program, err = compile(r.Expression); err != nil {
			complain("%s: expression: %w", at, err)
		}
	}
}

func (p *Policy) checkIdentity(at, identity string, complain complain) {
	for _, k := range p.Keys {
		if k.Identity == identity {
			return
		}
	}
	complain("%s %q has no key", at, identity)
}

var environmentName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$`)

func (p *Policy) checkEnvironments(complain complain) {
	names := map[string]bool{}
	for i := range p.Environments {
		e := &p.Environments[i]
		at := fmt.Sprintf("environments[%d] %q", i, e.Name)
		for _, before := range e.After {
			if !names[before] {
				complain("%s: after %q, which no environment above it is called", at, before)
			}
		}
		unique(names, e.Name, at, complain)
		if !environmentName.MatchString(e.Name) {
			complain("%s: a name is a lower-case word of at most 42 characters", at)
		}
		if e.Target == "" || strings.Contains(e.Target, "@") {
			complain("%s: target must be registry/path or registry/path:tag", at)
		}
		p.checkIdentity(at+": promotedBy", e.PromotedBy, complain)
		p.checkRequirements(at+": evidence", e.Evidence, complain)
		for _, name := range e.Without {
			if !has(p.Evidence, name) {
				complain("%s: without %q, which is not required", at, name)
			}
		}
		if len(p.Requirements(e)) == 0 {
			complain("%s requires no evidence at all", at)
		}
	}
}

func unique(names map[string]bool, name, at string, complain complain) {
	if name == "" {
		complain("%s: name is empty", at)
	}
	if names[name] {
		complain("%s: the name is taken", at)
	}
	names[name] = true
}

func has(all []Requirement, name string) bool {
	for _, r := range all {
		if r.Name == name {
			return true
		}
	}
	return false
}

// Environment finds an environment by name.
func (p *Policy) Environment(name string) (*Environment, error) {
	var names []string
	for i := range p.Environments {
		if p.Environments[i].Name == name {
			return &p.Environments[i], nil
		}
		names = append(names, p.Environments[i].Name)
	}
	return nil, fmt.Errorf("policy %q has no environment %q, only %s", p.Metadata.Name, name, strings.Join(names, ", "))
}

// Requirements are those of the policy with an environment's overlay; nil is none.
func (p *Policy) Requirements(e *Environment) []Requirement {
	if e == nil {
		return p.Evidence
	}
	var all []Requirement
	for _, r := range p.Evidence {
		dropped := has(e.Evidence, r.Name)
		for _, name := range e.Without {
			dropped = dropped || name == r.Name
		}
		if !dropped {
			all = append(all, r)
		}
	}
	return append(all, e.Evidence...)
}

// TargetTag is the tag that a promotion moves: the target's, or the name of the
// environment.
func (e *Environment) TargetTag() string {
	if strings.Contains(e.Target[strings.LastIndexByte(e.Target, '/')+1:], ":") {
		return e.Target
	}
	return e.Target + ":" + e.Name
}
