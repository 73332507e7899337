package policy_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/policy"
)

// TestSchemaAndParserAgree holds the schema, which editors use, to the parser, which
// decides: what one of them finds wrong in the shape of a policy the other does too.
func TestSchemaAndParserAgree(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(policy.Schema))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("policy.json", document))
	schema, err := compiler.Compile("policy.json")
	require.NoError(t, err)

	text, err := os.ReadFile("../admission/testdata/policy.yaml")
	require.NoError(t, err)
	good := string(text)
	for _, test := range []struct{ old, new string }{
		{"", ""},
		{"kind: PromotionPolicy", "kind: Policy"},
		{"metadata: {name: app}", "metadata: {}"},
		{"identity: attestor", "identitty: attestor"},
		{"signedBy: attestor", "maximumAge: 720h"},
		{"signedBy: attestor", "signedBy: attestor\n    maximumAge: 30 days"},
		{"signedBy: attestor", "signedBy: attestor\n    maximumAge: 1h30m"},
		{"signedBy: attestor", "signedBy: attestor\n    anyCommit: often"},
		{"target: registry.example.com/staging/app", "target: registry.example.com/staging/app@sha256:00"},
		{"name: staging", "name: Staging"},
		{"promotedBy: promoter", "because: promoter"},
		{"BEGIN PUBLIC KEY", "BEGIN PRIVATE KEY"},
	} {
		changed := good
		if test.old != "" {
			changed = strings.Replace(good, test.old, test.new, 1)
			require.NotEqual(t, good, changed)
		}
		_, parsed := policy.Parse([]byte(changed))
		js, err := yaml.YAMLToJSON([]byte(changed))
		require.NoError(t, err)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(js))
		require.NoError(t, err)
		require.Equal(t, parsed == nil, schema.Validate(value) == nil, "%s → %s\nparser: %v\nschema: %v", test.old, test.new, parsed, schema.Validate(value))
	}
}
