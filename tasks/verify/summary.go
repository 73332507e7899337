package main

import (
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/policy"
)

// summary is the predicate https://slsa.dev/verification_summary/v1.
type summary struct {
	Verifier struct {
		ID string `json:"id"`
	} `json:"verifier"`
	TimeVerified       time.Time  `json:"timeVerified"`
	ResourceURI        string     `json:"resourceUri"`
	Policy             resource   `json:"policy"`
	InputAttestations  []resource `json:"inputAttestations"`
	VerificationResult string     `json:"verificationResult"` // PASSED or FAILED
	VerifiedLevels     []string   `json:"verifiedLevels"`
	SLSAVersion        string     `json:"slsaVersion"`
}

type resource struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest"`
}

func reference(uri string, digest v1.Hash) resource {
	return resource{URI: uri, Digest: map[string]string{digest.Algorithm: digest.Hex}}
}

func newSummary(p *policy.Policy, v *policy.Verdict, image string, at time.Time) *summary {
	s := &summary{
		TimeVerified: at, ResourceURI: "oci://" + image,
		Policy:             reference("sluice-policy:"+p.Metadata.Name, p.Digest()),
		InputAttestations:  []resource{},
		VerificationResult: "FAILED", VerifiedLevels: []string{"FAILED"}, SLSAVersion: "1.0",
	}
	s.Verifier.ID = "https://sluice-ci.github.io/tasks/verify"
	for _, row := range v.Evidence() {
		if row.Manifest.Hex != "" { // cosign's old tags hold several pieces in one manifest
			s.InputAttestations = append(s.InputAttestations, reference(row.Kind, row.Manifest))
		}
	}
	if v.Passed {
		// The policy decides what it asks for; no SLSA level is claimed for it.
		s.VerificationResult, s.VerifiedLevels = "PASSED", []string{"SLUICE_POLICY"}
	}
	return s
}
