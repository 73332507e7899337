package predicate_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/predicate"
)

func TestGateIsWrittenForPeopleToo(t *testing.T) {
	o := &predicate.Options{Reports: t.TempDir(), Commit: "c1", RunName: "run-1", RunUID: "u-1"}
	digest, err := o.WriteGate("coverage-gate.json", predicate.Gate{
		Gate: "coverage-gate", Rule: "statement coverage >= 80 % & no file < 50 %", Verdict: predicate.Pass,
		Measured: map[string]any{"coverage": 91.5}, Threshold: map[string]any{"coverage": 80},
	})
	require.NoError(t, err)
	data, err := os.ReadFile(filepath.Join(o.Reports, "coverage-gate.json"))
	require.NoError(t, err)
	sum := sha256.Sum256(data)
	require.Equal(t, "sha256:"+hex.EncodeToString(sum[:]), digest, "the digest is of the file as it is")
	require.Contains(t, string(data), `"statement coverage >= 80 % & no file < 50 %"`)
	require.Equal(t, byte('\n'), data[len(data)-1])

	var document struct {
		PredicateType string
		Predicate     predicate.Gate
	}
	require.NoError(t, json.Unmarshal(data, &document))
	require.Equal(t, predicate.GateType, document.PredicateType)
	require.Equal(t, "c1", document.Predicate.Commit)
	require.Equal(t, predicate.Invocation{PipelineRun: "run-1", TaskRun: "u-1"}, document.Predicate.Run)
	require.False(t, document.Predicate.FinishedOn.IsZero())
}

func TestDigestFileNamesTheContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cover.out")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	input, err := predicate.DigestFile("profile", path)
	require.NoError(t, err)
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", input.Digest["sha256"])
	_, err = predicate.DigestFile("profile", path+".not")
	require.ErrorContains(t, err, `digesting input "profile"`)
}
