package install

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sluice-ci/sluice/internal/task"
)

// A Removal says what was taken out.
type Removal struct {
	Deleted   []string
	Namespace string // "deleted", or why it stays
}

// Remove deletes what the catalog installed into the namespace, found by its labels, and then the namespace itself if the catalog made it and
// nothing of anybody else is in it.
func (c *Cluster) Remove(ctx context.Context, namespace string, timeout time.Duration, dryRun bool) (*Removal, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r := &Removal{}
	absent, err := c.namespaceAbsent(ctx, namespace)
	if err != nil {
		return nil, err
	}
	if absent {
		r.Namespace = "was not there"
		return r, nil
	}
	err = c.eachOurs(ctx, namespace, func(o *unstructured.Unstructured) error {
		r.Deleted = append(r.Deleted, Name(o))
		if dryRun {
			return nil
		}
		return c.delete(ctx, o)
	})
	if err != nil {
		return r, err
	}
	r.Namespace, err = c.removeNamespace(ctx, namespace, dryRun)
	return r, err
}

func (c *Cluster) delete(ctx context.Context, o *unstructured.Unstructured) error {
	resource, err := c.resource(o)
	if err != nil {
		return err
	}
	err = resource.Delete(ctx, o.GetName(), metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return explain(err, "deleting %s", Name(o))
}

// foreign are the kinds whose presence means that people use the namespace for something of their own.
var foreign = []struct{ apiVersion, kind string }{
	{"tekton.dev/v1", "PipelineRun"}, {"tekton.dev/v1", "TaskRun"}, {"tekton.dev/v1", "Pipeline"}, {"tekton.dev/v1", "Task"},
	{"v1", "PersistentVolumeClaim"}, {"v1", "Secret"}, {"v1", "Pod"}, {"v1", "Service"},
}

func (c *Cluster) removeNamespace(ctx context.Context, namespace string, dryRun bool) (string, error) {
	pattern := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
	resource, err := c.resource(pattern)
	if err != nil {
		return "", err
	}
	ns, err := resource.Get(ctx, namespace, readOptions)
	if apierrors.IsNotFound(err) {
		return "deleted", nil
	}
	if err != nil {
		return "", explain(err, "looking for namespace %q", namespace)
	}
	if ns.GetLabels()["app.kubernetes.io/managed-by"] != "catalog" {
		return "stays: it was not made by the catalog", nil
	}
	if other, err := c.foreign(ctx, namespace); err != nil || other != "" {
		return "stays: it " + other, err
	}
	if dryRun {
		return "would be deleted", nil
	}
	if err := resource.Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return "", explain(err, "deleting namespace %q", namespace)
	}
	return "deleted", c.gone(ctx, namespace)
}

// foreign says what in the namespace is not the catalog's; "" where all is.
func (c *Cluster) foreign(ctx context.Context, namespace string) (string, error) {
	for _, kind := range foreign {
		pattern := &unstructured.Unstructured{Object: map[string]any{"apiVersion": kind.apiVersion, "kind": kind.kind}}
		pattern.SetNamespace(namespace)
		resource, err := c.resource(pattern)
		if err != nil {
			return "", err
		}
		list, err := resource.List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by!=catalog"})
		if apierrors.IsForbidden(err) {
			return "may hold a " + strings.ToLower(kind.kind) + ", which this account may not list", nil
		}
		if err != nil {
			return "", explain(err, "looking into namespace %q", namespace)
		}
		if len(list.Items) > 0 {
			return "holds " + Name(&list.Items[0]), nil
		}
	}
	return "", nil
}

func (c *Cluster) gone(ctx context.Context, namespace string) error {
	for {
		absent, err := c.namespaceAbsent(ctx, namespace)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if absent {
			return nil
		}
		select {
		case <-ctx.Done():
			return task.Undecided("waiting for namespace %q to go: %w", namespace, ctx.Err()).WithRemedy("%s", fmt.Sprintf("kubectl get namespace %s -o jsonpath='{.status.conditions}' says what holds it", namespace))
		case <-time.After(500 * time.Millisecond):
		}
	}
}
