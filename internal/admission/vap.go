package admission

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/sluice-ci/sluice/internal/policy"
)

// validatingAdmissionPolicy refuses pods, and what makes pods, whose images are not of
// the environment's repository by digest. Every way into a pod counts: containers,
// init containers, ephemeral containers and image volumes.
func validatingAdmissionPolicy(e *policy.Environment) []object {
	allowed := "^" + regexp.QuoteMeta(repository(e)) + "@sha256:[a-f0-9]{64}$"
	bad := fmt.Sprintf("variables.images.filter(i, !i.matches(%s))", strconv.Quote(allowed))
	rule := func(group string, resources ...string) object {
		return object{
			"apiGroups": []string{group}, "apiVersions": []string{"*"},
			"operations": []string{"CREATE", "UPDATE"}, "resources": resources,
		}
	}
	spec := object{
		"failurePolicy": "Fail",
		"matchConstraints": object{"resourceRules": []object{
			rule("", "pods", "pods/ephemeralcontainers", "replicationcontrollers"),
			rule("apps", "deployments", "replicasets", "statefulsets", "daemonsets"),
			rule("batch", "jobs", "cronjobs"),
		}},
		"variables": []object{
			{"name": "pod", "expression": "object.kind == 'Pod' ? object.spec : " +
				"object.kind == 'CronJob' ? object.spec.jobTemplate.spec.template.spec : object.spec.template.spec"},
			{"name": "images", "expression": "variables.pod.containers.map(c, c.image)" +
				" + variables.pod.?initContainers.orValue([]).map(c, c.image)" +
				" + variables.pod.?ephemeralContainers.orValue([]).map(c, c.image)" +
				" + variables.pod.?volumes.orValue([]).filter(v, has(v.image)).map(v, v.image.reference)"},
			{"name": "bad", "expression": bad},
		},
		"validations": []object{{
			"expression": "variables.bad.size() == 0",
			"messageExpression": fmt.Sprintf("'environment %s runs only what was promoted to it, by digest: %s@sha256:…; not ' + variables.bad.join(', ')",
				e.Name, repository(e)),
			"reason": "Forbidden",
		}},
	}
	binding := object{
		"policyName":        "sluice-" + e.Name,
		"validationActions": []string{"Deny"},
		"matchResources":    object{"namespaceSelector": namespaces(e)},
	}
	const version = "admissionregistration.k8s.io/v1"
	return []object{
		{"apiVersion": version, "kind": "ValidatingAdmissionPolicy", "metadata": metadata(e), "spec": spec},
		{"apiVersion": version, "kind": "ValidatingAdmissionPolicyBinding", "metadata": metadata(e), "spec": binding},
	}
}
