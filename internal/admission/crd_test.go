//go:build interop

package admission_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/admission"
)

// crd reads a custom resource definition out of the module that defines it.
func crd(t *testing.T, module, file, version string) *spec.Schema {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Dir = t.TempDir() // outside any module: nothing of the catalog requires it
	out, err := cmd.Output()
	require.NoErrorf(t, err, "fetching %s: %s", module, out)
	var at struct{ Dir string }
	require.NoError(t, json.Unmarshal(out, &at))
	text, err := os.ReadFile(filepath.Join(at.Dir, file))
	require.NoError(t, err)
	var doc struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema spec.Schema `json:"openAPIV3Schema"`
				}
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &doc))
	for _, v := range doc.Spec.Versions {
		if v.Name == version {
			body := v.Schema.OpenAPIV3Schema.Properties["spec"]
			closed(&body)
			v.Schema.OpenAPIV3Schema.Properties["spec"] = body
			return &v.Schema.OpenAPIV3Schema
		}
	}
	t.Fatalf("%s has no version %s", file, version)
	return nil
}

// closed makes fields that the schema does not know an error, as strict field
// validation of the API server does.
func closed(s *spec.Schema) {
	if len(s.Properties) > 0 && s.AdditionalProperties == nil {
		s.AdditionalProperties = &spec.SchemaOrBool{Allows: false}
	}
	for name, p := range s.Properties {
		closed(&p)
		s.Properties[name] = p
	}
	if s.Items != nil && s.Items.Schema != nil {
		closed(s.Items.Schema)
	}
}

func TestManifestsFitTheirDefinitions(t *testing.T) {
	for _, test := range []struct {
		engine                admission.Engine
		module, file, version string
	}{
		{admission.Kyverno, "github.com/kyverno/kyverno@v1.19.1",
			"config/crds/policies.kyverno.io/policies.kyverno.io_imagevalidatingpolicies.yaml", "v1"},
		{admission.PolicyController, "github.com/sigstore/policy-controller@v0.13.1", "config/300-clusterimagepolicy.yaml", "v1beta1"},
	} {
		t.Run(string(test.engine), func(t *testing.T) {
			schema := crd(t, test.module, test.file, test.version)
			text, err := admission.Render(load(t), "prod", test.engine)
			require.NoError(t, err)
			var doc map[string]any
			require.NoError(t, yaml.Unmarshal(text, &doc))
			validator := validate.NewSchemaValidator(schema, nil, "", strfmt.Default)
			require.NoError(t, validator.Validate(doc).AsError())

			doc["spec"].(map[string]any)["unheardOf"] = true
			require.Error(t, validator.Validate(doc).AsError(), "the check can fail")
		})
	}
}
