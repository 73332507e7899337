//go:build e2e

package install_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbac "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/sluice-ci/sluice/catalog/install"
)

// installerRules are the rights that the README says an account needs. They are given for the whole cluster here, since the namespace is not there yet.
var installerRules = []rbac.PolicyRule{
	{APIGroups: []string{"tekton.dev"}, Resources: []string{"tasks", "pipelines"}, Verbs: []string{"get", "list", "watch", "create", "patch", "delete"}},
	{APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{"roles", "rolebindings"}, Verbs: []string{"get", "list", "create", "patch", "delete"}},
	{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get", "create", "patch", "delete"}},
	{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"get", "create", "patch"}},
}

// as connects as somebody who has these rules and no others.
func (c cluster) as(rules []rbac.PolicyRule) cluster {
	c.t.Helper()
	ctx := context.Background()
	name := c.namespace + "-installer"
	_, err := c.client.RbacV1().ClusterRoles().Create(ctx, &rbac.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, metav1.CreateOptions{})
	require.NoError(c.t, err)
	_, err = c.client.RbacV1().ClusterRoleBindings().Create(ctx, &rbac.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbac.Subject{{APIGroup: rbac.GroupName, Kind: rbac.UserKind, Name: name}},
	}, metav1.CreateOptions{})
	require.NoError(c.t, err)
	c.t.Cleanup(func() {
		require.NoError(c.t, c.client.RbacV1().ClusterRoleBindings().Delete(ctx, name, metav1.DeleteOptions{}))
		require.NoError(c.t, c.client.RbacV1().ClusterRoles().Delete(ctx, name, metav1.DeleteOptions{}))
	})
	config, err := clientcmd.LoadFromFile(os.Getenv("KUBECONFIG"))
	require.NoError(c.t, err)
	for _, user := range config.AuthInfos {
		user.Impersonate, user.ImpersonateGroups = name, []string{"system:authenticated"}
	}
	file := filepath.Join(c.t.TempDir(), "kubeconfig")
	require.NoError(c.t, clientcmd.WriteToFile(*config, file))
	c.Cluster, err = install.Connect(file, "")
	require.NoError(c.t, err)
	return c
}

func TestTheRightsInTheREADMEAreEnough(t *testing.T) {
	c := newCluster(t).as(installerRules)
	require.Len(t, c.apply(install.Options{}, "a").Created, 4)
	require.Equal(t, []string{"task/a"}, c.apply(install.Options{Prune: true}, "b").Left)
	account, err := install.RunAccount(c.namespace)
	require.NoError(t, err)
	_, err = c.Apply(context.Background(), append(c.objects("b"), account), install.Options{Namespace: c.namespace, Timeout: time.Minute}, func(string) {})
	require.NoError(t, err)

	removal, err := c.Remove(context.Background(), c.namespace, time.Minute, false)
	require.NoError(t, err)
	require.Equal(t, []string{"task/b", "rolebinding/catalog-reader", "role/catalog-reader"}, removal.Deleted)
	require.Equal(t, "stays: it may hold a pipelinerun, which this account may not list", removal.Namespace)
}

func TestEachOfTheRightsIsNeeded(t *testing.T) {
	for i, rule := range installerRules[:3] {
		t.Run(rule.Resources[0], func(t *testing.T) {
			fewer := append(append([]rbac.PolicyRule{}, installerRules[:i]...), installerRules[i+1:]...)
			c := newCluster(t).as(fewer)
			_, err := c.Apply(context.Background(), c.objects("a"), install.Options{Namespace: c.namespace, Timeout: 5 * time.Second}, func(string) {})
			require.ErrorContains(t, err, "forbidden")
			require.ErrorContains(t, err, rule.Resources[0])
		})
	}
}
