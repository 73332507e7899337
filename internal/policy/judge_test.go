package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/predicate"
)

var (
	now    = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	digest = v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}
	other  = v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("b", 64)}
)

const commit = "1111111111111111111111111111111111111111"

func newSigner(t testing.TB) *keys.Signer {
	t.Helper()
	pair, err := keys.Generate("ed25519")
	require.NoError(t, err)
	signer, err := keys.ParsePrivate(pair.Private, pair.Password)
	require.NoError(t, err)
	return signer
}

func indent(text []byte) string {
	return strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n      ")
}

// world is a policy with two attestor keys, one of them expired, and a promoter's.
type world struct {
	attestor, retired, promoter *keys.Signer
	policy                      *policy.Policy
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{attestor: newSigner(t), retired: newSigner(t), promoter: newSigner(t)}
	text := fmt.Sprintf(`
apiVersion: sluice-ci.github.io/v1
kind: PromotionPolicy
metadata: {name: app}
keys:
  - name: attestor-2026
    identity: attestor
    validFrom: 2026-01-01T00:00:00Z
    publicKey: |
      %s
  - name: attestor-2025
    identity: attestor
    validUntil: 2026-02-01T00:00:00Z
    publicKey: |
      %s
  - name: promoter
    identity: promoter
    publicKey: |
      %s
evidence:
  - name: coverage
    predicateType: https://sluice-ci.github.io/predicates/gate/v1
    gate: coverage-gate
    signedBy: attestor
    maximumAge: 720h
    expression: predicate.measured.coverage >= 80
    message: too little is tested
environments:
  - name: dev
    target: registry.example.com/dev/app
    promotedBy: promoter
  - name: prod
    target: registry.example.com/prod/app:stable
    after: [dev]
    promotedBy: promoter
    evidence:
      - name: coverage
        predicateType: https://sluice-ci.github.io/predicates/gate/v1
        gate: coverage-gate
        signedBy: attestor
        expression: predicate.measured.coverage >= 90.0 && environment == "prod"
      - name: provenance
        predicateType: https://slsa.dev/provenance/v1
        signedBy: attestor
`, indent(w.attestor.Public().PEM()), indent(w.retired.Public().PEM()), indent(w.promoter.Public().PEM()))
	var err error
	w.policy, err = policy.Parse([]byte(text))
	require.NoError(t, err)
	return w
}

// say makes a piece of evidence: a gate's verdict by default.
type say struct {
	by        *keys.Signer
	about     v1.Hash
	commit    string
	finished  time.Time
	kind      string
	predicate string
}

func coverage(percent float64, verdict string) string {
	return fmt.Sprintf(`{"gate":"coverage-gate","verdict":%q,"measured":{"coverage":%v},"commit":%q}`, verdict, percent, commit)
}

func (s say) piece(t testing.TB) evidence.Piece {
	t.Helper()
	if s.about.Hex == "" {
		s.about = digest
	}
	if s.kind == "" {
		s.kind = predicate.GateType
	}
	if s.predicate == "" {
		s.predicate = coverage(85, "pass")
	}
	if s.commit == "" {
		s.commit = commit
	}
	if s.finished.IsZero() {
		s.finished = now.Add(-time.Hour)
	}
	payload, err := evidence.NewStatement(s.about, evidence.Origin{Commit: s.commit, Run: "run-1", Finished: s.finished}, s.kind, json.RawMessage(s.predicate))
	require.NoError(t, err)
	return seal(t, s.by, payload)
}

func seal(t testing.TB, by *keys.Signer, payload []byte) evidence.Piece {
	t.Helper()
	envelope, err := evidence.Sign(by, payload)
	require.NoError(t, err)
	return evidence.Piece{Place: "referrers API", Envelope: envelope}
}

func (w *world) judge(t testing.TB, pieces ...evidence.Piece) *policy.Verdict {
	t.Helper()
	return w.policy.Judge(nil, policy.Question{Digest: digest, Pieces: pieces, At: now})
}

func TestTheNewestTrustedEvidenceDecides(t *testing.T) {
	w := newWorld(t)
	stranger := newSigner(t)
	for _, test := range []struct {
		name   string
		pieces []say
		passed bool
		says   string
	}{
		{"enough", []say{{by: w.attestor}}, true, ""},
		{"too little", []say{{by: w.attestor, predicate: coverage(79.9, "pass")}}, false, "too little is tested (predicate.measured.coverage >= 80 is false)"},
		{"a whole number is a number", []say{{by: w.attestor, predicate: coverage(80, "pass")}}, true, ""},
		{"a failed gate is no evidence for the image", []say{{by: w.attestor, predicate: coverage(85, "fail")}}, false, `its verdict is "fail", not "pass"`},
		{"nothing at all", nil, false, "no evidence of type"},
		{"unknown key", []say{{by: stranger}}, false, "no key of the policy verifies it"},
		{"unknown key beside ours", []say{{by: stranger, predicate: coverage(1, "fail")}, {by: w.attestor}}, true, ""},
		{"expired key", []say{{by: w.retired, finished: now.Add(-100 * 24 * time.Hour)}}, false, `key "attestor-2025" expired at 2026-02-01T00:00:00Z`},
		{"expired key, backdated", []say{{by: w.retired}}, false, "expired"},
		{"key of another identity", []say{{by: w.promoter}}, false, `signed by "promoter", not by "attestor"`},
		{"another digest", []say{{by: w.attestor, about: other}}, false, "about another digest"},
		{"another gate", []say{{by: w.attestor, predicate: `{"gate":"error-rate-gate","verdict":"pass"}`}}, false, "no requirement asks for it"},
		{"another type", []say{{by: w.attestor, kind: "https://example.com/else"}}, false, "no requirement asks for it"},
		{"too old", []say{{by: w.attestor, finished: now.Add(-721 * time.Hour)}}, false, "older than 720h0m0s"},
		{"from the future", []say{{by: w.attestor, finished: now.Add(time.Hour)}}, false, "in the future"},
		{"before the key was valid", []say{{by: w.attestor, finished: time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)}}, false, `before key "attestor-2026" became valid`},
		{"a newer failure outweighs an older pass", []say{
			{by: w.attestor, finished: now.Add(-2 * time.Hour)},
			{by: w.attestor, finished: now.Add(-time.Hour), predicate: coverage(10, "fail")},
		}, false, `its verdict is "fail"`},
		{"a newer pass outweighs an older failure", []say{
			{by: w.attestor, finished: now.Add(-2 * time.Hour), predicate: coverage(10, "fail")},
			{by: w.attestor, finished: now.Add(-time.Hour)},
		}, true, ""},
		{"a tie is refused", []say{{by: w.attestor, predicate: coverage(85, "pass")}, {by: w.attestor, predicate: coverage(86, "pass")}}, false, "claim the same time"},
		{"the same twice is one", []say{{by: w.attestor}, {by: w.attestor}}, true, ""},
		{"of two commits", []say{{by: w.attestor}, {by: w.attestor, commit: strings.Repeat("2", 40), predicate: `{"gate":"coverage-gate","verdict":"pass","measured":{"coverage":99}}`}}, false, "evidence of several commits"},
		{"gate and attestor disagree about the commit", []say{{by: w.attestor, commit: strings.Repeat("2", 40)}}, false, "the gate judged commit"},
		{"expression meets no number", []say{{by: w.attestor, predicate: `{"gate":"coverage-gate","verdict":"pass"}`}}, false, "no such key: measured"},
		{"expression meets a text", []say{{by: w.attestor, predicate: `{"gate":"coverage-gate","verdict":"pass","measured":{"coverage":"100"}}`}}, false, "no such overload"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var pieces []evidence.Piece
			for _, s := range test.pieces {
				pieces = append(pieces, s.piece(t))
			}
			v := w.judge(t, pieces...)
			var table bytes.Buffer
			require.NoError(t, v.Explain(&table))
			require.Equal(t, test.passed, v.Passed, "%s\n%s", v.Reasons, &table)
			if test.says != "" {
				require.Contains(t, strings.Join(v.Reasons, "\n")+table.String(), test.says)
			} else {
				require.Len(t, v.Evidence(), 1)
			}
		})
	}
}

func TestAttacksAreRejectedWithAReason(t *testing.T) {
	w := newWorld(t)
	good := say{by: w.attestor}.piece(t)
	envelope := func(change func(*evidence.Envelope)) evidence.Piece {
		e := *good.Envelope
		e.Signatures = append([]evidence.EnvelopeSignature{}, e.Signatures...)
		change(&e)
		return evidence.Piece{Envelope: &e}
	}
	statement := func(text string) evidence.Piece { return seal(t, w.attestor, []byte(text)) }
	head := `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://sluice-ci.github.io/predicates/gate/v1",`
	subject := `"subject":[{"digest":{"sha256":"` + digest.Hex + `"}}]`
	for _, test := range []struct {
		name  string
		piece evidence.Piece
		says  string
	}{
		{"predicate replaced", envelope(func(e *evidence.Envelope) {
			e.Payload = bytes.Replace(e.Payload, []byte("85"), []byte("99"), 1)
		}), "no key of the policy verifies it"},
		{"payload type confusion", envelope(func(e *evidence.Envelope) { e.PayloadType = "application/json" }), `payload type "application/json" is not`},
		{"a second signature", envelope(func(e *evidence.Envelope) { e.Signatures = append(e.Signatures, e.Signatures[0]) }), "2 signatures, want one"},
		{"no signature", envelope(func(e *evidence.Envelope) { e.Signatures = nil }), "0 signatures, want one"},
		{"duplicate names", statement(head + subject + `,"predicate":{"gate":"coverage-gate","verdict":"fail","verdict":"pass","measured":{"coverage":85}}}`), `names "verdict" and "verdict" in one object`},
		{"names of two cases", statement(head + subject + `,"Subject":[],"predicate":{}}`), `names "subject" and "Subject" in one object`},
		{"unknown statement", statement(`{"_type":"x","predicateType":"y",` + subject + `,"predicate":{}}`), `type "x" is not`},
		{"no subject", statement(head + `"subject":[],"predicate":{}}`), "it has no subject"},
		{"time that is none", statement(head + `"subject":[{"digest":{"sha256":"` + digest.Hex + `"},"annotations":{"sluice-ci.github.io/finished-on":"soon"}}],"predicate":{}}`), "finished-on"},
		{"commit that is a list", statement(head + `"subject":[{"digest":{"sha256":"` + digest.Hex + `"},"annotations":{"sluice-ci.github.io/commit":["a"]}}],"predicate":{}}`), "is no string"},
		{"signature over another digest", evidence.Piece{Signature: simple(t, w.attestor, other)}, "about another digest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := w.judge(t, test.piece)
			require.False(t, v.Passed)
			var table bytes.Buffer
			require.NoError(t, v.Explain(&table))
			require.Contains(t, table.String(), test.says)
		})
	}
	t.Run("signed and not understood fails even beside a pass", func(t *testing.T) {
		v := w.judge(t, good, statement(head+subject+`,"predicate":{"gate":1}}`))
		require.False(t, v.Passed)
		require.Contains(t, strings.Join(v.Reasons, "\n"), "cannot be understood")
	})
}

func simple(t *testing.T, by *keys.Signer, about v1.Hash) *evidence.Signature {
	t.Helper()
	payload := fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":"x"},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`, about)
	sig, err := by.Sign(payload)
	require.NoError(t, err)
	return &evidence.Signature{Payload: payload, Sig: sig}
}

func TestEnvironmentsOverlayTheRequirements(t *testing.T) {
	w := newWorld(t)
	prod, err := w.policy.Environment("prod")
	require.NoError(t, err)
	provenance := say{by: w.attestor, kind: predicate.ProvenanceType, predicate: "{}"}.piece(t)
	judge := func(percent float64) *policy.Verdict {
		return w.policy.Judge(prod, policy.Question{Digest: digest, At: now, Pieces: []evidence.Piece{
			say{by: w.attestor, predicate: coverage(percent, "pass")}.piece(t), provenance,
		}})
	}
	require.False(t, judge(85).Passed, "prod asks for more")
	v := judge(95)
	require.True(t, v.Passed, v.Reasons)
	require.Len(t, v.Evidence(), 2)
	_, err = w.policy.Environment("qa")
	require.ErrorContains(t, err, `no environment "qa", only dev, prod`)
}

func TestAPlainSignatureIsEvidenceToo(t *testing.T) {
	w := newWorld(t)
	text := fmt.Sprintf(`{apiVersion: sluice-ci.github.io/v1, kind: PromotionPolicy, metadata: {name: x},
keys: [{name: k, identity: a, publicKey: %q}],
evidence: [{name: signature, predicateType: "https://sigstore.dev/cosign/sign/v1", signedBy: a, anyCommit: true}]}`, w.attestor.Public().PEM())
	p, err := policy.Parse([]byte(text))
	require.NoError(t, err)
	v := p.Judge(nil, policy.Question{Digest: digest, At: now, Pieces: []evidence.Piece{{Signature: simple(t, w.attestor, digest)}}})
	require.True(t, v.Passed, v.Reasons)
}
