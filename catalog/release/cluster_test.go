//go:build e2e

package release_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"github.com/tektoncd/pipeline/pkg/client/clientset/versioned"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"knative.dev/pkg/apis"

	"github.com/sluice-ci/sluice/catalog/install"
	"github.com/sluice-ci/sluice/catalog/release"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/trust"
)

// setting is a variable of the environment that make test-e2e gives.
func setting(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	require.NotEmpty(t, value, "%s is not set: make cluster-up starts a cluster, and make test-e2e sets it", name)
	return value
}

// TestAReleasedPipelineRunsInANamespaceOfItsOwn releases and installs the small catalog for real, runs its pipeline from a namespace that enforces `restricted`, by the cluster
// resolver, and looks at what the steps were given.
func TestAReleasedPipelineRunsInANamespaceOfItsOwn(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", setting(t, "KUBECONFIG"))
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	runs, err := versioned.NewForConfig(config)
	require.NoError(t, err)
	stamp := time.Now().UnixNano()
	catalog, team := fmt.Sprintf("release-test-%d", stamp), fmt.Sprintf("release-team-%d", stamp)
	installRelease(ctx, t, catalog)
	removeAfter(t, client, catalog)
	_, err = client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: team, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}, metav1.CreateOptions{})
	require.NoError(t, err)
	removeAfter(t, client, team)

	run, err := runs.TektonV1().PipelineRuns(team).Create(ctx, pipelineRun(catalog), metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		run, err = runs.TektonV1().PipelineRuns(team).Get(ctx, run.Name, metav1.GetOptions{})
		return err == nil && !run.Status.GetCondition(apis.ConditionSucceeded).IsUnknown() && run.Status.CompletionTime != nil
	}, 3*time.Minute, time.Second, "the run ends")
	require.True(t, run.Status.GetCondition(apis.ConditionSucceeded).IsTrue(), "%+v", run.Status.Conditions)

	args := argsByTask(ctx, t, runs, team)
	require.Contains(t, args["count"], "--platforms=the task's own", "the pipeline's param of the same name does not reach in")
	require.Contains(t, args["count"], "--dockerconfig=", "the run's workspace of the same name is not bound")
	require.Contains(t, args["count"], "--ca=/workspace/ca")
	require.Contains(t, args["again"], "--dockerconfig=/workspace/dockerconfig")
	require.Equal(t, []string{"--left=of the pipeline", "--right=3"}, args["compare"])
}

func installRelease(ctx context.Context, t *testing.T, namespace string) {
	t.Helper()
	f := newFixture(t)
	o := f.options("", "linux/amd64")
	client, err := (&registry.Options{Trust: &trust.Options{Dir: caFolder(t)}}).Client()
	require.NoError(t, err)
	o.Client, o.Registry, o.Namespace = client, setting(t, "REGISTRY")+"/"+namespace, namespace
	_, err = release.Run(ctx, o)
	require.NoError(t, err, f.told.String())
	objects, err := install.Objects("install.yaml", []byte(f.read("dist/install.yaml")))
	require.NoError(t, err)
	cluster, err := install.Connect(setting(t, "KUBECONFIG"), "")
	require.NoError(t, err)
	_, err = cluster.Apply(ctx, objects, install.Options{Namespace: namespace, Timeout: time.Minute}, func(string) {})
	require.NoError(t, err)
}

// caFolder holds the registry's certificate authority alone.
func caFolder(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(setting(t, "REGISTRY_CA"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/ca.crt", data, 0o644))
	return dir
}

func removeAfter(t *testing.T, client kubernetes.Interface, namespace string) {
	t.Cleanup(func() {
		require.NoError(t, client.CoreV1().Namespaces().Delete(context.Background(), namespace, metav1.DeleteOptions{}))
	})
}

// pipelineRun gives a param and workspaces with names that the embedded tasks have as well.
func pipelineRun(catalog string) *tekton.PipelineRun {
	text := func(name, value string) tekton.Param {
		return tekton.Param{Name: name, Value: *tekton.NewStructuredValues(value)}
	}
	empty := func(name string) tekton.WorkspaceBinding {
		return tekton.WorkspaceBinding{Name: name, EmptyDir: &corev1.EmptyDirVolumeSource{}}
	}
	return &tekton.PipelineRun{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "both-"},
		Spec: tekton.PipelineRunSpec{
			PipelineRef: &tekton.PipelineRef{ResolverRef: tekton.ResolverRef{Resolver: "cluster", Params: tekton.Params{
				text("kind", "pipeline"), text("name", "both"), text("namespace", catalog),
			}}},
			Params:     tekton.Params{text("platforms", "of the pipeline")},
			Workspaces: []tekton.WorkspaceBinding{empty("code"), empty("ca"), empty("dockerconfig")},
		},
	}
}

// argsByTask are the arguments that each task's step was started with, after Tekton replaced every variable.
func argsByTask(ctx context.Context, t *testing.T, runs versioned.Interface, namespace string) map[string][]string {
	t.Helper()
	list, err := runs.TektonV1().TaskRuns(namespace).List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	args := map[string][]string{}
	for _, tr := range list.Items {
		require.NotNil(t, tr.Status.TaskSpec)
		args[tr.Labels["tekton.dev/pipelineTask"]] = tr.Status.TaskSpec.Steps[0].Args
		require.NotEmpty(t, tr.Labels["app.kubernetes.io/version"], "a TaskRun says which version of which task it ran")
	}
	return args
}
