package evidence_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/predicate"
)

func TestStatementKeepsWhatItSays(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	origin := evidence.Origin{Commit: "c1", Run: "run-1", Finished: at}
	text, err := evidence.NewStatement(image, origin, predicate.GateType, json.RawMessage(`{"rule": "coverage >= 80 %"}`))
	require.NoError(t, err)
	require.Contains(t, string(text), `"coverage >= 80 %"`)
	s, err := evidence.ParseStatement(text)
	require.NoError(t, err)
	require.Equal(t, evidence.StatementType, s.Type)
	require.Equal(t, predicate.GateType, s.PredicateType)
	require.JSONEq(t, `{"rule": "coverage >= 80 %"}`, string(s.Predicate))
	subject, err := s.About(image)
	require.NoError(t, err)
	got, err := subject.Origin()
	require.NoError(t, err)
	require.Equal(t, evidence.Origin{Commit: "c1", Run: "run-1", Finished: at.UTC()}, got)

	_, err = s.About(v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)})
	require.ErrorContains(t, err, "about another digest, sha256:"+image.Hex)
}

func TestOriginOfOtherToolsIsEmptyAndOneThatLiesIsAnError(t *testing.T) {
	origin := func(annotations string) (evidence.Origin, error) {
		text := fmt.Sprintf(`{"_type":%q,"predicateType":"t","subject":[{"digest":{"sha256":%q},"annotations":%s}]}`, evidence.StatementType, image.Hex, annotations)
		s, err := evidence.ParseStatement([]byte(text))
		require.NoError(t, err)
		subject, err := s.About(image)
		require.NoError(t, err)
		return subject.Origin()
	}
	o, err := origin(`null`)
	require.NoError(t, err)
	require.Zero(t, o)
	for _, annotations := range []string{
		`{"sluice-ci.github.io/commit": 7}`, `{"sluice-ci.github.io/run": null}`,
		`{"sluice-ci.github.io/finished-on": "yesterday"}`, `{"sluice-ci.github.io/finished-on": 7}`,
	} {
		_, err := origin(annotations)
		require.ErrorContains(t, err, "annotation", annotations)
	}
}

func TestStatementsThatAreNone(t *testing.T) {
	for text, says := range map[string]string{
		`[]`: "reading statement",
		`{"_type":"https://example.com/Statement","predicateType":"t","subject":[{}]}`:                                  `is not "https://in-toto.io/Statement/v1"`,
		`{"_type":"https://in-toto.io/Statement/v1","subject":[{}]}`:                                                    "no predicateType",
		`{"_type":"https://in-toto.io/Statement/v1","predicateType":"t"}`:                                               "no subject",
		`{"_type":"https://in-toto.io/Statement/v1","predicateType":"t","PredicateType":"u","subject":[{"digest":{}}]}`: "redicateType",
	} {
		_, err := evidence.ParseStatement([]byte(text))
		require.ErrorContains(t, err, says, text)
	}
}

func TestSimpleSigning(t *testing.T) {
	payload := func(kind, digest string) []byte {
		return fmt.Appendf(nil, `{"critical":{"type":%q,"image":{"docker-manifest-digest":%q},"identity":{}},"optional":null}`, kind, digest)
	}
	s, err := evidence.ParseSimpleSigning(payload("cosign container image signature", image.String()), image)
	require.NoError(t, err)
	require.Equal(t, predicate.SignatureType, s.PredicateType)
	_, err = s.About(image)
	require.NoError(t, err)
	_, err = evidence.ParseSimpleSigning(payload("cosign container image signature", "sha256:"+strings.Repeat("0", 64)), image)
	require.ErrorIs(t, err, evidence.ErrOtherDigest)
	_, err = evidence.ParseSimpleSigning(payload("atomic container signature", image.String()), image)
	require.ErrorContains(t, err, "is not cosign's")
}

func FuzzParseStatement(f *testing.F) {
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"t","subject":[{"digest":{"sha256":"ab"},"annotations":{"sluice-ci.github.io/run":"r"}}],"predicate":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := evidence.ParseStatement(data)
		if err != nil {
			return
		}
		require.NotEmpty(t, s.PredicateType)
		for i := range s.Subject {
			_, _ = s.Subject[i].Origin()
		}
		_, _ = s.About(image)
		_, _ = evidence.ParseSimpleSigning(data, image)
	})
}
