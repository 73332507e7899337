package team

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/kubernetes"
)

func memoryDiscovery(k kubernetes.Interface) discovery.CachedDiscoveryInterface {
	return memory.NewMemCacheClient(k.Discovery())
}

// Apply creates every object of a YAML stream in the namespace, as `kubectl
// create -f` does, or replaces a ConfigMap of the same name, and returns them as
// the API server stored them.
func (n *Namespace) Apply(ctx context.Context, manifest []byte) ([]*unstructured.Unstructured, error) {
	var created []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return created, nil
		}
		if err != nil {
			return created, fmt.Errorf("reading the manifest: %w", err)
		}
		if len(object.Object) == 0 {
			continue
		}
		kind := object.GroupVersionKind()
		mapping, err := n.mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			return created, fmt.Errorf("finding the resource of %s: %w", kind, err)
		}
		resource := n.dynamic.Resource(mapping.Resource).Namespace(n.Name)
		if mapping.Scope.Name() == meta.RESTScopeNameRoot {
			return created, fmt.Errorf("creating %s %q: it is of the cluster, not of a namespace", kind.Kind, object.GetName())
		}
		stored, err := resource.Create(ctx, object, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) && kind.Kind == "ConfigMap" {
			stored, err = resource.Update(ctx, object, metav1.UpdateOptions{})
		}
		if err != nil {
			return created, fmt.Errorf("creating %s %q: %w", kind.Kind, object.GetName(), err)
		}
		created = append(created, stored)
	}
}
