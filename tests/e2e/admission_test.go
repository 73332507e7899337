//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/policy"
)

// TestTheAPIServerAdmitsOnlyWhatWasPromoted applies the rendered policy and asks the
// API server for pods and workloads with all kinds of images.
func TestTheAPIServerAdmitsOnlyWhatWasPromoted(t *testing.T) {
	namespace := newNamespace(t, "admission")
	environment := namespace.Name
	if len(environment) > 42 {
		environment = environment[:42]
	}
	pair, err := keys.Generate("ecdsa")
	require.NoError(t, err)
	p, err := policy.Parse(fmt.Appendf(nil, `apiVersion: sluice-ci.github.io/v1
kind: PromotionPolicy
metadata: {name: admission}
keys: [{name: k, identity: k, publicKey: %q}]
evidence: [{name: signature, predicateType: "https://sigstore.dev/cosign/sign/v1", signedBy: k}]
environments: [{name: %s, target: registry.example.com/prod/app, promotedBy: k}]
`, pair.Public, environment))
	require.NoError(t, err)
	manifest, err := admission.Render(p, environment, admission.ValidatingAdmissionPolicy)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(file, manifest, 0o600))
	kubectl(t, "", "apply", "-f", file)
	t.Cleanup(func() { kubectl(t, "", "delete", "-f", file) })
	kubectl(t, "", "label", "namespace", namespace.Name, admission.NamespaceLabel+"="+environment)

	good := "registry.example.com/prod/app@sha256:" + strings.Repeat("a", 64)
	pod := func(spec string) string {
		return "apiVersion: v1\nkind: Pod\nmetadata: {name: probe}\nspec:\n  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}\n  " + spec
	}
	container := func(list, image string) string {
		return fmt.Sprintf("%s: [{name: %s, image: %q, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]\n  ", list, strings.ToLower(list), image)
	}
	// A policy takes a moment to be in force.
	require.Eventually(t, func() bool {
		_, err := tryKubectl(pod(container("containers", "registry.example.com/prod/app:v1")), "apply", "--dry-run=server", "-n", namespace.Name, "-f", "-")
		return err != nil
	}, 20*time.Second, time.Second, "the policy is not in force")

	for _, test := range []struct{ name, manifest, refused string }{
		{"promoted, by digest", pod(container("containers", good)), ""},
		{"by tag", pod(container("containers", "registry.example.com/prod/app:v1")), "prod/app:v1"},
		{"from outside the promoted registry", pod(container("containers", strings.Replace(good, "prod", "dev", 1))), "dev/app@sha256"},
		{"a path below the repository", pod(container("containers", strings.Replace(good, "app@", "app/x@", 1))), "app/x@sha256"},
		{"an init container", pod(container("containers", good) + container("initContainers", "busybox")), "busybox"},
		{"an image volume", pod(container("containers", good) + "volumes: [{name: v, image: {reference: elsewhere}}]"), "elsewhere"},
		{"a cron job", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: probe}\nspec:\n  schedule: '* * * * *'\n  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}}}}", "busybox"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := tryKubectl(test.manifest, "apply", "--dry-run=server", "-n", namespace.Name, "-f", "-")
			if test.refused == "" {
				require.NoError(t, err, out)
				return
			}
			require.Error(t, err, out)
			require.Contains(t, out, "runs only what was promoted to it, by digest")
			require.Contains(t, out, test.refused)
		})
	}
}

func kubectl(t *testing.T, stdin string, args ...string) {
	t.Helper()
	out, err := tryKubectl(stdin, args...)
	require.NoError(t, err, out)
}
