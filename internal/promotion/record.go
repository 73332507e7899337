package promotion

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/predicate"
)

// What a record says was done.
const (
	Promote  = "promote"
	Rollback = "rollback"
)

// Record is the predicate of a promotion: https://sluice-ci.github.io/predicates/promotion/v1.
type Record struct {
	Action      string        `json:"action"`
	Environment string        `json:"environment"`
	Number      int           `json:"number"` // 1 for the first of the environment
	Source      string        `json:"source"` // where the image came from: registry/path
	Target      string        `json:"target"` // registry/path:tag
	Previous    *Previous     `json:"previous,omitempty"`
	Restores    *v1.Hash      `json:"restores,omitempty"` // of a rollback: the record that it goes back to
	Reason      string        `json:"reason,omitempty"`
	Policy      PolicyRef     `json:"policy"`
	Evidence    []EvidenceRef `json:"evidence"` // what admitted the image
	Commit      string        `json:"commit,omitempty"`
	Run         string        `json:"run,omitempty"`
	PromotedOn  time.Time     `json:"promotedOn"`
}

// Previous names the record before.
type Previous struct {
	Record v1.Hash `json:"record"` // of the manifest that holds it
	Image  v1.Hash `json:"image"`
}

// PolicyRef names a policy by its bytes.
type PolicyRef struct {
	Name   string  `json:"name"`
	Digest v1.Hash `json:"digest"`
}

// EvidenceRef names evidence that was accepted.
type EvidenceRef struct {
	Requirement string  `json:"requirement"`
	Manifest    v1.Hash `json:"manifest,omitzero"`
}

// Entry is a record that was read from a chain and verified.
type Entry struct {
	Record
	Manifest v1.Hash // that holds the record
	Image    v1.Hash // that was promoted
}

func (r *Record) seal(signer *keys.Signer, subject v1.Descriptor) (evidence.Signed, error) {
	content, err := json.Marshal(r)
	if err != nil {
		return evidence.Signed{}, fmt.Errorf("encoding a promotion record: %w", err)
	}
	return evidence.SealPredicate(signer, subject,
		evidence.Origin{Commit: r.Commit, Run: r.Run, Finished: r.PromotedOn}, predicate.PromotionType, content)
}

// verify reads a record from its envelope: signed by the environment's promoter, about
// the image, of the environment.
func verify(p *policy.Policy, e *policy.Environment, envelope *evidence.Envelope, image v1.Hash) (*Record, error) {
	statement, err := evidence.ParseStatement(envelope.Payload) // read before verified, for the time that keys are judged at
	if err != nil {
		return nil, err
	}
	if statement.PredicateType != predicate.PromotionType {
		return nil, fmt.Errorf("it is of type %q, not a promotion record", statement.PredicateType)
	}
	var r Record
	if err := json.Unmarshal(statement.Predicate, &r); err != nil {
		return nil, fmt.Errorf("reading record: %w", err)
	}
	if err := p.VerifiedBy(e.PromotedBy, r.PromotedOn, envelope.Verify); err != nil {
		return nil, err
	}
	if _, err := statement.About(image); err != nil {
		return nil, err
	}
	switch {
	case r.Environment != e.Name:
		return nil, fmt.Errorf("it is of environment %q", r.Environment)
	case r.Action != Promote && r.Action != Rollback:
		return nil, fmt.Errorf("its action is %q", r.Action)
	case r.Number < 1 || (r.Number == 1) != (r.Previous == nil):
		return nil, fmt.Errorf("its number is %d, and previous is %v", r.Number, r.Previous)
	case r.Action == Rollback && r.Restores == nil:
		return nil, errors.New("it restores nothing")
	}
	return &r, nil
}
