//go:build interop

package supplychain

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/predicate"
)

// secret makes a key pair and the directory that its Secret is mounted as.
func secret(t *testing.T, algorithm string) string {
	t.Helper()
	pair, err := keys.Generate(algorithm)
	require.NoError(t, err)
	dir := t.TempDir()
	for file, content := range map[string][]byte{"cosign.key": pair.Private, "cosign.password": pair.Password, "cosign.pub": pair.Public} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), content, 0o600))
	}
	return dir
}

// gateReport writes a gate's verdict into reports and gives its digest.
func gateReport(t *testing.T, reports string, coverage float64) string {
	t.Helper()
	o := &predicate.Options{Reports: reports, Commit: evidencetest.Commit, RunName: "run-1"}
	digest, err := o.WriteGate("coverage-gate.json", predicate.Gate{
		Gate: "coverage-gate", Rule: "coverage >= 80 %", Verdict: predicate.Pass, Measured: map[string]any{"coverage": coverage},
	})
	require.NoError(t, err)
	return digest
}

func TestStockCosignVerifiesWhatAttestSigned(t *testing.T) {
	for _, algorithm := range []string{"ecdsa", "ed25519"} {
		t.Run(algorithm, func(t *testing.T) {
			w := evidencetest.New(t)
			image, reports, key := w.Image(t, "team/app"), t.TempDir(), secret(t, algorithm)
			must(t, "attest", "--reports="+reports, "--signing-key="+key, "--image="+image.String(), "--commit="+evidencetest.Commit,
				"--predicates="+gateReport(t, reports, 91.5), "--run-name=run-1", "--source-url=https://git.example.com/app.git")

			public := filepath.Join(key, "cosign.pub")
			must(t, "cosign", "verify", "--key="+public, "--insecure-ignore-tlog=true", image.String())
			for kind, says := range map[string]string{
				predicate.GateType:       `"coverage":91.5`,
				predicate.ProvenanceType: `"gitCommit":"` + evidencetest.Commit + `"`,
			} {
				out := must(t, "cosign", "verify-attestation", "--key="+public, "--insecure-ignore-tlog=true", "--type="+kind, image.String())
				require.Contains(t, payloads(t, out), says)
			}

			other := secret(t, algorithm)
			refused(t, "cosign", "verify", "--key="+filepath.Join(other, "cosign.pub"), "--insecure-ignore-tlog=true", image.String())
			refused(t, "cosign", "verify-attestation", "--key="+public, "--insecure-ignore-tlog=true", "--type=https://example.com/other", image.String())
			tree := must(t, "cosign", "tree", image.String())
			require.Contains(t, tree, predicate.GateType)
		})
	}
}

// payloads decodes the statements that cosign prints.
func payloads(t *testing.T, out string) string {
	t.Helper()
	var all []string
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var envelope struct{ Payload string }
		if json.Unmarshal([]byte(line), &envelope) != nil || envelope.Payload == "" {
			continue
		}
		b, err := base64.StdEncoding.DecodeString(envelope.Payload)
		require.NoError(t, err)
		all = append(all, string(b))
	}
	return strings.Join(all, "\n")
}

func TestVerifyAcceptsWhatStockCosignSigned(t *testing.T) {
	w := evidencetest.New(t)
	image, key := w.Image(t, "team/app"), secret(t, "ecdsa")
	password, err := os.ReadFile(filepath.Join(key, "cosign.password"))
	require.NoError(t, err)
	public, err := os.ReadFile(filepath.Join(key, "cosign.pub"))
	require.NoError(t, err)
	w.WritePolicy(t, fmt.Sprintf(`apiVersion: sluice-ci.github.io/v1
kind: PromotionPolicy
metadata: {name: cosign}
keys: [{name: team, identity: team, publicKey: %q}]
evidence:
  - {name: signature, predicateType: "https://sigstore.dev/cosign/sign/v1", signedBy: team, anyCommit: true}
  - {name: scan, predicateType: "https://example.com/scan/v1", signedBy: team, anyCommit: true, expression: predicate.worst < 7.0}
`, public))
	reports := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(reports, "scan.json"), []byte(`{"worst": 6.9}`), 0o600))
	verify := []string{"--policy=" + w.PolicyDir, "--reports=" + t.TempDir(), "--image=" + image.String(), "--explain"}
	refused(t, "verify", verify...)

	cosign := func(bundles string, args ...string) {
		t.Helper()
		dir, err := stockTools()
		require.NoError(t, err)
		all := append(args, "--key="+filepath.Join(key, "cosign.key"), "--tlog-upload=false", "--use-signing-config=false", "--new-bundle-format="+bundles)
		stdout, stderr, err := runEnv(t, filepath.Join(dir, "cosign"), []string{"COSIGN_PASSWORD=" + string(password)}, append(all, image.String())...)
		require.NoErrorf(t, err, "%s\n%s", stdout, stderr)
	}
	for _, bundles := range []string{"true", "false"} {
		t.Run("new bundle format "+bundles, func(t *testing.T) {
			cosign(bundles, "sign")
			cosign(bundles, "attest", "--predicate="+filepath.Join(reports, "scan.json"), "--type=https://example.com/scan/v1")
			out := must(t, "verify", verify...)
			require.Contains(t, out, "verdict=PASSED")
		})
		image = w.Image(t, "team/app")
		verify[2] = "--image=" + image.String()
	}
}
