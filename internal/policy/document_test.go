package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/policy"
)

func TestRefusesPoliciesThatWouldAdmitTooMuch(t *testing.T) {
	key := indent(newSigner(t).Public().PEM())
	good := `
apiVersion: sluice-ci.github.io/v1
kind: PromotionPolicy
metadata: {name: app}
keys:
  - name: k
    identity: attestor
    publicKey: |
      ` + key + `
evidence:
  - name: sbom
    predicateType: https://spdx.dev/Document
    signedBy: attestor
    expression: predicate.size() > 0
environments:
  - {name: dev, target: r.example.com/dev, promotedBy: attestor}
  - {name: prod, target: r.example.com/prod, promotedBy: attestor, after: [dev]}
`
	_, err := policy.Parse([]byte(good))
	require.NoError(t, err)
	for _, test := range []struct{ old, new, says string }{
		{"kind: PromotionPolicy", "kind: Policy", "apiVersion and kind must be"},
		{"metadata: {name: app}", "metadata: {name: ''}", "metadata.name is empty"},
		{"signedBy: attestor", "signedBy: nobody", `signedBy "nobody" has no key`},
		{"expression: predicate.size() > 0", "expression: predicate.size() >", "expression"},
		{"expression: predicate.size() > 0", "expression: age", "not bool"},
		{"expression: predicate.size() > 0", "expresion: 'true'", "unknown field"},
		{"expression: predicate.size() > 0", "maximumAge: soon", "invalid duration"},
		{"expression: predicate.size() > 0", "maximumAge: 0s", "must be above zero"},
		{"after: [dev]", "after: [qa]", `after "qa", which no environment above it is called`},
		{"after: [dev]", "without: [sbom]", "requires no evidence at all"},
		{"after: [dev]", "without: [scan]", `without "scan", which is not required`},
		{"name: prod", "name: dev", "the name is taken"},
		{"name: prod", "name: Prod", "lower-case"},
		{"r.example.com/prod", "r.example.com/prod@sha256:00", "target must be"},
		{"identity: attestor", "identity: attestor\n    identity: other", "already set"},
		{"identity: attestor", "identity: attestor\n    validFrom: 2026-02-01T00:00:00Z\n    validUntil: 2026-01-01T00:00:00Z", "validFrom is not before"},
		{"BEGIN PUBLIC KEY", "BEGIN CERTIFICATE", "no PEM block"},
		{"environments:", "---\nenvironments:", "more than one document"},
	} {
		_, err := policy.Parse([]byte(strings.Replace(good, test.old, test.new, 1)))
		require.ErrorContains(t, err, test.says, "%s → %s", test.old, test.new)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("apiVersion: sluice-ci.github.io/v1\nkind: PromotionPolicy\nmetadata: {name: a}\nkeys: []\nevidence: []\n"))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := policy.Parse(text); err == nil && (len(p.Keys) == 0 || len(p.Evidence) == 0) {
			t.Fatalf("accepted a policy without keys or evidence: %q", text)
		}
	})
}
