package install

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/sluice-ci/sluice/internal/task"
)

// Objects reads the documents of an install file.
func Objects(file string, data []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	dec := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		o := &unstructured.Unstructured{}
		err := dec.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, task.Misconfigured("reading %s: %w", file, err).WithRemedy("give the install.yaml that catalog release wrote")
		}
		if len(o.Object) == 0 {
			continue
		}
		if o.GetKind() == "" || o.GetName() == "" {
			return nil, task.Misconfigured("reading %s: a document without kind or name", file).WithRemedy("give the install.yaml that catalog release wrote")
		}
		if image := floating(o.Object); image != "" {
			return nil, task.Refuse("%s runs %q, which is not bound to a digest (%s)", Name(o), image, file).WithRemedy("install what catalog release wrote, not the source tree")
		}
		objects = append(objects, o)
	}
	if len(objects) == 0 {
		return nil, task.Misconfigured("reading %s: it holds no object", file).WithRemedy("give the install.yaml that catalog release wrote")
	}
	return objects, nil
}

var settled = regexp.MustCompile(`^(\$\(params\.[A-Za-z0-9_-]+\)|[^\s@]+@sha256:[0-9a-f]{64})$`)

// floating finds a step's image that is neither a digest nor a param.
func floating(value any) string {
	switch v := value.(type) {
	case map[string]any:
		if image, ok := v["image"].(string); ok && !settled.MatchString(image) {
			return image
		}
		for _, child := range v {
			if image := floating(child); image != "" {
				return image
			}
		}
	case []any:
		for _, child := range v {
			if image := floating(child); image != "" {
				return image
			}
		}
	}
	return ""
}

// Into moves the objects into another namespace, with all that names it.
func Into(namespace string, objects []*unstructured.Unstructured) error {
	if errs := validNamespace(namespace); errs != "" {
		return task.Misconfigured("%q is not a namespace: %s", namespace, errs).WithRemedy("use lower-case letters, digits and dashes, at most 63")
	}
	for _, o := range objects {
		switch {
		case o.GetKind() == "Namespace":
			o.SetName(namespace)
		case o.GetNamespace() != "":
			o.SetNamespace(namespace)
		default:
			return task.Refuse("%s is for the whole cluster, and the catalog installs into one namespace", Name(o)).WithRemedy("install what catalog release wrote")
		}
	}
	return nil
}

var namespaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func validNamespace(name string) string {
	switch {
	case !namespaceName.MatchString(name):
		return "not an RFC 1123 label"
	case strings.HasPrefix(name, "kube-"):
		return "kube- is Kubernetes' own"
	}
	return ""
}

// RunAccount is the service account for runs in a team's namespace. The tasks know nothing of Kubernetes, so it has no role and its pods no token.
func RunAccount(namespace string) (*unstructured.Unstructured, error) {
	if errs := validNamespace(namespace); errs != "" {
		return nil, fmt.Errorf("%q is not a namespace: %s", namespace, errs)
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1",
		"kind":       "ServiceAccount",
		"metadata": map[string]any{
			"name": "sluice-run", "namespace": namespace,
			"labels": map[string]any{"app.kubernetes.io/part-of": "sluice", "app.kubernetes.io/managed-by": "catalog"},
		},
		"automountServiceAccountToken": false,
	}}, nil
}
