package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/task"
)

// attest signs that so many of 100 statements were covered, so many hours ago.
func attest(t *testing.T, w *evidencetest.World, image name.Digest, by *keys.Signer, gate string, covered, hours int) {
	t.Helper()
	repo := w.Repository(t, "base/app")
	subject, err := repo.Head(t.Context(), image.DigestStr())
	require.NoError(t, err)
	content := json.RawMessage(fmt.Sprintf(`{"gate":%q,"verdict":"pass","measured":{"unit":"statements","covered":%d,"total":100}}`, gate, covered))
	origin := evidence.Origin{Commit: evidencetest.Commit, Run: fmt.Sprint("run-", hours), Finished: time.Unix(1_800_000_000, 0).Add(-time.Duration(hours) * time.Hour)}
	signed, err := evidence.SealPredicate(by, subject, origin, predicate.GateType, content)
	require.NoError(t, err)
	require.NoError(t, evidence.Attach(t.Context(), repo, subject.Digest, signed))
}

// TestTheBaseImagesEvidenceIsABaseline runs against a real registry. The profile of the gate's source covers 80 %.
func TestTheBaseImagesEvidenceIsABaseline(t *testing.T) {
	w := evidencetest.New(t)
	stranger, strangerDir := evidencetest.Key(t)
	for name, c := range map[string]struct {
		attest func(image name.Digest)
		keys   string
		code   int
		says   string
	}{
		"as good as before": {func(i name.Digest) { attest(t, w, i, w.Attestor, "coverage-gate", 80, 1) }, w.AttestDir, task.CodeDone, "80.00 %"},
		"worse than before": {func(i name.Digest) { attest(t, w, i, w.Attestor, "coverage-gate", 81, 1) }, w.AttestDir, task.CodeRefused, "80.00 % (4/5) is below the baseline's 81.00 % (81/100)"},
		"the newest counts": {func(i name.Digest) {
			attest(t, w, i, w.Attestor, "coverage-gate", 100, 5)
			attest(t, w, i, w.Attestor, "coverage-gate", 70, 1)
		}, w.AttestDir, task.CodeDone, "80.00 %"},
		"two of one time contradict": {func(i name.Digest) {
			attest(t, w, i, w.Attestor, "coverage-gate", 90, 1)
			attest(t, w, i, w.Attestor, "coverage-gate", 70, 1)
		}, w.AttestDir, task.CodeMisconfigured, "contradict each other"},
		"what a stranger signed does not count": {func(i name.Digest) {
			attest(t, w, i, stranger, "coverage-gate", 10, 1)
		}, w.AttestDir, task.CodeMisconfigured, "nothing that coverage-gate left is signed there"},
		"another gate's does not count": {func(i name.Digest) {
			attest(t, w, i, stranger, "error-rate-gate", 10, 1)
		}, strangerDir, task.CodeMisconfigured, "nothing that coverage-gate left is signed there"},
		"none is no pass": {func(name.Digest) {}, w.AttestDir, task.CodeMisconfigured, "nothing that coverage-gate left is signed there"},
		"without keys":    {func(name.Digest) {}, "", task.CodeMisconfigured, "unsigned evidence is none"},
		"no key in it":    {func(name.Digest) {}, t.TempDir(), task.CodeMisconfigured, "holds no public key"},
	} {
		t.Run(name, func(t *testing.T) {
			image := w.Image(t, "base/app")
			c.attest(image)
			code, stderr, _ := badInput{args: []string{"--baseline-image=" + image.String(), "--baseline-keys=" + c.keys}}.run(t)
			require.Equal(t, c.code, code, stderr)
			require.Contains(t, stderr, c.says)
		})
	}
}
