package install

import (
	"context"
	"errors"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sluice-ci/sluice/internal/task"
)

// Options say how to apply.
type Options struct {
	Namespace string
	DryRun    bool          // ask the server and change nothing
	Prune     bool          // delete what an earlier release left behind
	Timeout   time.Duration // for the whole of it
}

// A Report says what became of each object, by Name, in the order of the file.
type Report struct {
	Created, Changed, Unchanged []string
	Left                        []string // of an earlier release, not in this one; deleted where Prune was asked for
}

// Apply applies the objects, waits until each can be read back as it was applied, and finds what an earlier release left.
func (c *Cluster) Apply(ctx context.Context, objects []*unstructured.Unstructured, o Options, now func(string)) (*Report, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	report := &Report{}
	absent, err := c.namespaceAbsent(ctx, o.Namespace)
	if err != nil {
		return nil, err
	}
	for _, object := range objects {
		now(Name(object))
		if o.DryRun && absent && object.GetNamespace() == o.Namespace {
			report.Created = append(report.Created, Name(object)) // the server cannot judge it before the namespace is there
			continue
		}
		if err := c.apply(ctx, object, o, report); err != nil {
			return report, err
		}
	}
	if absent && o.DryRun {
		return report, nil
	}
	return report, c.leftBehind(ctx, objects, o, report)
}

func (c *Cluster) namespaceAbsent(ctx context.Context, namespace string) (bool, error) {
	ns := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
	resource, err := c.resource(ns)
	if err != nil {
		return false, err
	}
	_, err = resource.Get(ctx, namespace, readOptions)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return false, explain(err, "looking for namespace %q", namespace)
}

func (c *Cluster) apply(ctx context.Context, object *unstructured.Unstructured, o Options, report *Report) error {
	resource, err := c.resource(object)
	if err != nil {
		return err
	}
	before := ""
	was, err := resource.Get(ctx, object.GetName(), readOptions)
	switch {
	case err == nil && object.GetKind() == "Namespace" && was.GetLabels()["app.kubernetes.io/managed-by"] != "catalog":
		report.Unchanged = append(report.Unchanged, Name(object)) // somebody else's: its labels are not ours to set
		return nil
	case err == nil:
		before = was.GetResourceVersion()
	case !apierrors.IsNotFound(err):
		return explain(err, "looking for %s", Name(object))
	}
	options := metav1.ApplyOptions{FieldManager: fieldManager, Force: true}
	if o.DryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	var is *unstructured.Unstructured
	err = retry(ctx, o.Timeout, func(ctx context.Context) (err error) {
		is, err = resource.Apply(ctx, object.GetName(), object, options)
		return err
	})
	if err != nil {
		return explain(err, "applying %s", Name(object))
	}
	switch {
	case before == "":
		report.Created = append(report.Created, Name(object))
	case before != is.GetResourceVersion() || o.DryRun && differs(was, is):
		report.Changed = append(report.Changed, Name(object))
	default:
		report.Unchanged = append(report.Unchanged, Name(object))
	}
	if o.DryRun {
		return nil
	}
	return c.readBack(ctx, object, is)
}

// differs compares what people write; a dry run does not move the resourceVersion.
func differs(a, b *unstructured.Unstructured) bool {
	a, b = a.DeepCopy(), b.DeepCopy()
	for _, o := range []*unstructured.Unstructured{a, b} {
		o.SetManagedFields(nil)
		o.SetResourceVersion("")
		o.SetGeneration(0)
	}
	return !equalJSON(a, b)
}

func equalJSON(a, b *unstructured.Unstructured) bool {
	x, errX := a.MarshalJSON()
	y, errY := b.MarshalJSON()
	return errX == nil && errY == nil && string(x) == string(y)
}

// readBack waits until the server gives the object in the version that was applied, or a later one.
func (c *Cluster) readBack(ctx context.Context, object, applied *unstructured.Unstructured) error {
	resource, err := c.resource(object)
	if err != nil {
		return err
	}
	for {
		is, err := resource.Get(ctx, object.GetName(), readOptions)
		if err == nil && is.GetUID() == applied.GetUID() && is.GetGeneration() >= applied.GetGeneration() {
			return nil
		}
		if err != nil && !transient(err) && !apierrors.IsNotFound(err) {
			return explain(err, "reading %s back", Name(object))
		}
		select {
		case <-ctx.Done():
			return task.Undecided("reading %s back: %w", Name(object), errors.Join(err, ctx.Err())).WithRemedy("was it deleted by someone else meanwhile?")
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// pruned are the kinds that a release is made of inside its namespace, dependants first.
var pruned = []struct{ apiVersion, kind string }{
	{"tekton.dev/v1", "Pipeline"}, {"tekton.dev/v1", "Task"},
	{"rbac.authorization.k8s.io/v1", "RoleBinding"}, {"rbac.authorization.k8s.io/v1", "Role"},
}

// leftBehind lists what carries the catalog's labels and is not in the file, and deletes it where that is asked for.
func (c *Cluster) leftBehind(ctx context.Context, objects []*unstructured.Unstructured, o Options, report *Report) error {
	var names []string
	for _, object := range objects {
		names = append(names, Name(object))
	}
	return c.eachOurs(ctx, o.Namespace, func(object *unstructured.Unstructured) error {
		if slices.Contains(names, Name(object)) {
			return nil
		}
		report.Left = append(report.Left, Name(object))
		if !o.Prune || o.DryRun {
			return nil
		}
		return c.delete(ctx, object)
	})
}

func (c *Cluster) eachOurs(ctx context.Context, namespace string, do func(*unstructured.Unstructured) error) error {
	for _, kind := range pruned {
		pattern := &unstructured.Unstructured{Object: map[string]any{"apiVersion": kind.apiVersion, "kind": kind.kind}}
		pattern.SetNamespace(namespace)
		resource, err := c.resource(pattern)
		if err != nil {
			return err
		}
		list, err := resource.List(ctx, metav1.ListOptions{LabelSelector: ours})
		if err != nil {
			return explain(err, "listing what is installed in %q", namespace)
		}
		for i := range list.Items {
			if err := do(&list.Items[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
