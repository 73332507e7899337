package admission

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/policy"
)

// Engine is what enforces.
type Engine string

// The engines.
const (
	ValidatingAdmissionPolicy Engine = "vap"
	Kyverno                   Engine = "kyverno"
	PolicyController          Engine = "policy-controller"
)

// Engines lists them for a command line.
var Engines = []string{string(ValidatingAdmissionPolicy), string(Kyverno), string(PolicyController)}

// NamespaceLabel selects the namespaces of an environment: its value is the
// environment's name.
const NamespaceLabel = "sluice-ci.github.io/environment"

type object = map[string]any

// Render writes the manifests of one engine for one environment, as YAML.
func Render(p *policy.Policy, environment string, engine Engine) ([]byte, error) {
	e, err := p.Environment(environment)
	if err != nil {
		return nil, err
	}
	var all []object
	switch engine {
	case ValidatingAdmissionPolicy:
		all = validatingAdmissionPolicy(e)
	case Kyverno:
		all = []object{kyverno(p, e)}
	case PolicyController:
		all = []object{policyController(p, e)}
	default:
		return nil, fmt.Errorf("no engine %q, only %s", engine, strings.Join(Engines, ", "))
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Rendered from promotion policy %s (%s) for environment %s: change the policy, then render again.\n",
		p.Metadata.Name, p.Digest(), e.Name)
	for i, o := range all {
		if i > 0 {
			out.WriteString("---\n")
		}
		b, err := yaml.Marshal(o)
		if err != nil {
			return nil, fmt.Errorf("rendering %s: %w", engine, err)
		}
		out.Write(b)
	}
	return out.Bytes(), nil
}

// repository is an environment's target without its tag.
func repository(e *policy.Environment) string {
	tag := e.TargetTag()
	return tag[:strings.LastIndexByte(tag, ':')]
}

func metadata(e *policy.Environment) object {
	return object{
		"name":   "sluice-" + e.Name,
		"labels": object{"app.kubernetes.io/managed-by": "sluice"},
	}
}

func namespaces(e *policy.Environment) object {
	return object{"matchLabels": object{NamespaceLabel: e.Name}}
}

var notIdentifier = regexp.MustCompile(`[^A-Za-z0-9_]+`)

// identifier makes a name that CEL can select.
func identifier(name string) string {
	name = notIdentifier.ReplaceAllString(name, "_")
	if name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}
