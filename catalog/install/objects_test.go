package install_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/catalog/install"
	"github.com/sluice-ci/sluice/internal/task"
)

const digest = "@sha256:0000000000000000000000000000000000000000000000000000000000000000"

const release = `
apiVersion: v1
kind: Namespace
metadata: {name: sluice}
---
# a comment only
---
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: a, namespace: sluice}
spec:
  steps:
    - image: registry.example.com/a:0.1.0` + digest + `
    - image: $(params.toolchain)
`

func TestAReleaseMovesIntoAnotherNamespaceWhole(t *testing.T) {
	objects, err := install.Objects("install.yaml", []byte(release))
	require.NoError(t, err)
	require.Len(t, objects, 2)
	require.NoError(t, install.Into("ci-catalog", objects))
	require.Equal(t, "ci-catalog", objects[0].GetName())
	require.Empty(t, objects[0].GetNamespace())
	require.Equal(t, "ci-catalog", objects[1].GetNamespace())
}

func TestWhatIsNotAReleaseIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		code       int
	}{
		"an image by tag":       {strings.Replace(release, digest, "", 1), `task/a runs "registry.example.com/a:0.1.0", which is not bound to a digest`, task.CodeRefused},
		"the source tree":       {strings.Replace(release, "registry.example.com/a:0.1.0"+digest, "ko://example.com/a", 1), "ko://example.com/a", task.CodeRefused},
		"a cluster-wide object": {release + "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\n", "clusterrole/all is for the whole cluster", task.CodeRefused},
		"nothing":               {"# empty\n", "holds no object", task.CodeMisconfigured},
		"no name":               {"kind: Task\n", "without kind or name", task.CodeMisconfigured},
		"no YAML":               {"kind: [", "reading install.yaml", task.CodeMisconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := install.Objects("install.yaml", []byte(c.text))
			if err == nil {
				err = install.Into("sluice", objects)
			}
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.code, task.Code(err))
		})
	}
}

func TestNamespacesOfKubernetesItselfAreRefused(t *testing.T) {
	for _, ns := range []string{"kube-system", "", "Team", "a/b", strings.Repeat("a", 64)} {
		require.Error(t, install.Into(ns, nil), ns)
		_, err := install.RunAccount(ns)
		require.Error(t, err, ns)
	}
}

func TestTheRunAccountHasNoToken(t *testing.T) {
	account, err := install.RunAccount("team-a")
	require.NoError(t, err)
	require.Equal(t, false, account.Object["automountServiceAccountToken"])
	require.Equal(t, "team-a", account.GetNamespace())
}

// FuzzObjects holds that no file makes the reader panic or lets an image without digest through.
func FuzzObjects(f *testing.F) {
	f.Add(release)
	f.Add(`{"kind":"Task","metadata":{"name":"a"},"spec":{"steps":[{"image":"x"}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		objects, err := install.Objects("install.yaml", []byte(text))
		if err != nil {
			return
		}
		for _, o := range objects {
			steps, _ := o.Object["steps"].([]any)
			for _, s := range steps {
				if m, ok := s.(map[string]any); ok {
					if image, ok := m["image"].(string); ok && !strings.HasPrefix(image, "$(params.") {
						require.Contains(t, image, "@sha256:")
					}
				}
			}
		}
	})
}
