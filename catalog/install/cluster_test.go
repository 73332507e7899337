//go:build e2e

package install_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authorization "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/sluice-ci/sluice/catalog/install"
)

// cluster is the real one that KUBECONFIG names, with a namespace name that the test has to itself.
type cluster struct {
	*install.Cluster
	t         *testing.T
	client    kubernetes.Interface
	namespace string
}

func newCluster(t *testing.T) cluster {
	t.Helper()
	kubeconfig := os.Getenv("KUBECONFIG")
	require.NotEmpty(t, kubeconfig, "KUBECONFIG names no cluster: make cluster-up starts one, and make test-e2e sets it")
	connected, err := install.Connect(kubeconfig, "")
	require.NoError(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	c := cluster{connected, t, client, fmt.Sprintf("catalog-test-%d", time.Now().UnixNano())}
	t.Cleanup(func() {
		err := client.CoreV1().Namespaces().Delete(context.Background(), c.namespace, metav1.DeleteOptions{})
		if !apierrors.IsNotFound(err) {
			require.NoError(t, err)
		}
	})
	return c
}

// objects are a release with these tasks.
func (c cluster) objects(tasks ...string) []*unstructured.Unstructured {
	c.t.Helper()
	const labels = "labels: {app.kubernetes.io/part-of: sluice, app.kubernetes.io/managed-by: catalog}"
	text := "apiVersion: v1\nkind: Namespace\nmetadata: {name: sluice, " + labels + "}\n" +
		"---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: catalog-reader, namespace: sluice, " + labels + "}\n" +
		"rules: [{apiGroups: [tekton.dev], resources: [tasks, pipelines], verbs: [get, list, watch]}]\n" +
		"---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: catalog-reader, namespace: sluice, " + labels + "}\n" +
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: catalog-reader}\n" +
		"subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: \"system:authenticated\"}]\n"
	for _, name := range tasks {
		text += "---\napiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: " + name + ", namespace: sluice, " + labels + "}\n" +
			"spec: {params: [{name: x, default: one}], steps: [{name: s, image: \"i" + digest + "\", command: [/s], args: [$(params.x)]}]}\n"
	}
	objects, err := install.Objects("install.yaml", []byte(text))
	require.NoError(c.t, err)
	require.NoError(c.t, install.Into(c.namespace, objects))
	return objects
}

func (c cluster) apply(o install.Options, tasks ...string) *install.Report {
	c.t.Helper()
	o.Namespace, o.Timeout = c.namespace, time.Minute
	report, err := c.Apply(context.Background(), c.objects(tasks...), o, func(string) {})
	require.NoError(c.t, err)
	return report
}

func TestASecondInstallChangesNothing(t *testing.T) {
	c := newCluster(t)
	first := c.apply(install.Options{}, "a", "b")
	require.Equal(t, []string{"namespace/" + c.namespace, "role/catalog-reader", "rolebinding/catalog-reader", "task/a", "task/b"}, first.Created)
	second := c.apply(install.Options{}, "a", "b")
	require.Empty(t, second.Created)
	require.Empty(t, second.Changed)
	require.Len(t, second.Unchanged, 5)
}

func TestADryRunTellsAndChangesNothing(t *testing.T) {
	c := newCluster(t)
	report := c.apply(install.Options{DryRun: true}, "a")
	require.Len(t, report.Created, 4)
	_, err := c.client.CoreV1().Namespaces().Get(context.Background(), c.namespace, metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err))

	c.apply(install.Options{}, "a")
	report = c.apply(install.Options{DryRun: true, Prune: true}, "b")
	require.Equal(t, []string{"task/b"}, report.Created)
	require.Equal(t, []string{"task/a"}, report.Left)
	require.Equal(t, []string{"task/a"}, c.apply(install.Options{}, "b").Left, "it is still there")
}

func TestAnEarlierReleaseIsPrunedOnlyWhenAsked(t *testing.T) {
	c := newCluster(t)
	c.apply(install.Options{}, "a", "b")
	require.Equal(t, []string{"task/a"}, c.apply(install.Options{}, "b").Left)
	require.Equal(t, []string{"task/a"}, c.apply(install.Options{Prune: true}, "b").Left)
	require.Empty(t, c.apply(install.Options{Prune: true}, "b").Left)
}

func TestANamespaceOfSomebodyElseKeepsItsLabels(t *testing.T) {
	c := newCluster(t)
	ctx := context.Background()
	_, err := c.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace, Labels: map[string]string{"team": "a"}}}, metav1.CreateOptions{})
	require.NoError(t, err)
	c.apply(install.Options{}, "a")
	ns, err := c.client.CoreV1().Namespaces().Get(ctx, c.namespace, metav1.GetOptions{})
	require.NoError(t, err)
	require.NotContains(t, ns.Labels, "app.kubernetes.io/managed-by")

	removal, err := c.Remove(ctx, c.namespace, time.Minute, false)
	require.NoError(t, err)
	require.Equal(t, []string{"task/a", "rolebinding/catalog-reader", "role/catalog-reader"}, removal.Deleted)
	require.Equal(t, "stays: it was not made by the catalog", removal.Namespace)
}

func TestUninstallLeavesWhatOthersPutThere(t *testing.T) {
	c := newCluster(t)
	ctx := context.Background()
	c.apply(install.Options{}, "a")
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "precious"}}
	_, err := c.client.CoreV1().Secrets(c.namespace).Create(ctx, secret, metav1.CreateOptions{})
	require.NoError(t, err)

	removal, err := c.Remove(ctx, c.namespace, time.Minute, true)
	require.NoError(t, err)
	require.Len(t, removal.Deleted, 3)
	require.Empty(t, c.apply(install.Options{}, "a").Created, "the dry run deleted nothing")

	removal, err = c.Remove(ctx, c.namespace, time.Minute, false)
	require.NoError(t, err)
	require.Equal(t, "stays: it holds secret/precious", removal.Namespace)

	require.NoError(t, c.client.CoreV1().Secrets(c.namespace).Delete(ctx, "precious", metav1.DeleteOptions{}))
	removal, err = c.Remove(ctx, c.namespace, time.Minute, false)
	require.NoError(t, err)
	require.Equal(t, "deleted", removal.Namespace)
	_, err = c.client.CoreV1().Namespaces().Get(ctx, c.namespace, metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "it is gone when uninstall says so")
}

func TestWhoeverMayLogInCanReadTheCatalogAndNothingElse(t *testing.T) {
	c := newCluster(t)
	c.apply(install.Options{}, "a")
	for _, q := range []struct {
		verb, group, resource string
		allowed               bool
	}{
		{"list", "tekton.dev", "tasks", true},
		{"get", "tekton.dev", "pipelines", true},
		{"update", "tekton.dev", "tasks", false},
		{"create", "tekton.dev", "taskruns", false},
		{"get", "", "secrets", false},
	} {
		review, err := c.client.AuthorizationV1().SubjectAccessReviews().Create(context.Background(), &authorization.SubjectAccessReview{
			Spec: authorization.SubjectAccessReviewSpec{
				User: "somebody", Groups: []string{"system:authenticated"},
				ResourceAttributes: &authorization.ResourceAttributes{Namespace: c.namespace, Verb: q.verb, Group: q.group, Resource: q.resource},
			},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		require.Equal(t, q.allowed, review.Status.Allowed, "%s %s", q.verb, q.resource)
	}
}
