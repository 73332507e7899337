// Package install puts a release into a cluster, and takes it out again.
//
// It promises to apply what the release's install.yaml holds and nothing else, by server-side apply, so that a second run changes nothing
// and another tool's fields stay. It tells what was created, changed and left behind by an earlier release. It refuses a cluster without
// Tekton, and a file whose images are not bound to digests.
//
//	c, err := install.Connect(kubeconfig, context)
//	report, err := c.Apply(ctx, objects, install.Options{Namespace: "sluice"})
package install

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/sluice-ci/sluice/internal/task"
)

// fieldManager owns the fields that this package applies.
const fieldManager = "sluice-catalog"

// ours selects what a catalog installed.
const ours = "app.kubernetes.io/part-of=sluice,app.kubernetes.io/managed-by=catalog"

// A Cluster is a connection to the API server.
type Cluster struct {
	Host    string
	objects dynamic.Interface
	mapper  meta.RESTMapper
}

// Connect reaches a cluster as kubectl would: by the file given, KUBECONFIG, ~/.kube/config or the pod's own account.
func Connect(kubeconfig, kubecontext string) (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: kubecontext}).ClientConfig()
	if err != nil {
		return nil, task.Misconfigured("finding the cluster: %w", err).WithRemedy("set KUBECONFIG, or give --kubeconfig and --context")
	}
	config.UserAgent, config.QPS, config.Burst = fieldManager, 50, 100
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, task.Misconfigured("connecting to %s: %w", config.Host, err).WithRemedy("check the kubeconfig")
	}
	found, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, task.Misconfigured("connecting to %s: %w", config.Host, err).WithRemedy("check the kubeconfig")
	}
	groups, err := restmapper.GetAPIGroupResources(found)
	if err != nil {
		return nil, explain(err, "asking %s what it serves", config.Host)
	}
	c := &Cluster{Host: config.Host, objects: objects, mapper: restmapper.NewDiscoveryRESTMapper(groups)}
	if !slices.ContainsFunc(groups, func(g *restmapper.APIGroupResources) bool { return g.Group.Name == "tekton.dev" }) {
		return nil, task.Misconfigured("%s has no Tekton Pipelines", config.Host).WithRemedy("install Tekton Pipelines first; see https://tekton.dev/docs/installation/pipelines/")
	}
	return c, nil
}

// explain gives an API server's error its exit code: what a person has to mend (2), or a server that stays away (3).
func explain(err error, format string, args ...any) error {
	doing := fmt.Sprintf(format, args...)
	switch {
	case err == nil:
		return nil
	case apierrors.IsUnauthorized(err):
		return task.Misconfigured("%s: %w", doing, err).WithRemedy("the kubeconfig's credentials are not accepted; renew them")
	case apierrors.IsForbidden(err):
		return task.Misconfigured("%s: %w", doing, err).WithRemedy("use an account that may do this; the catalog's README lists the rights that installing needs")
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return task.Misconfigured("%s: %w", doing, err).WithRemedy("the cluster refuses the object; is its Tekton older than tekton.dev/pipelines.minVersion?")
	case transient(err):
		return task.Undecided("%s: %w", doing, err).WithRemedy("is the cluster up, and Tekton's webhook running? kubectl -n tekton-pipelines get pods")
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// transient says whether an error may pass by itself: a server or webhook that is starting, a conflict, too many requests.
func transient(err error) bool {
	var network net.Error
	return errors.As(err, &network) || apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsTimeout(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsTooManyRequests(err) || apierrors.IsConflict(err) || errors.Is(err, context.DeadlineExceeded)
}

// resource is where an object is served.
func (c *Cluster) resource(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	gvk := o.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return nil, task.Misconfigured("%s serves no %s %s", c.Host, gvk.GroupVersion(), gvk.Kind).WithRemedy("is its Tekton new enough? the catalog needs tekton.dev/v1")
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return c.objects.Resource(mapping.Resource).Namespace(o.GetNamespace()), nil
	}
	return c.objects.Resource(mapping.Resource), nil
}

// retry calls do until it succeeds, fails for good, or the time is over; Tekton's webhook needs some seconds after it was started.
func retry(ctx context.Context, within time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	pause := 250 * time.Millisecond
	for {
		err := do(ctx)
		if err == nil || !transient(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause = min(2*pause, 5*time.Second)
		}
	}
}

// Name is how people write an object: task/coverage-gate.
func Name(o *unstructured.Unstructured) string {
	return strings.ToLower(o.GetKind()) + "/" + o.GetName()
}

var readOptions = metav1.GetOptions{}
