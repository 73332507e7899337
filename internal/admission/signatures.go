package admission

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/internal/policy"
)

// keysOf gives the keys of an identity.
func keysOf(p *policy.Policy, identity string) (all []policy.Key) {
	for _, k := range p.Keys {
		if k.Identity == identity {
			all = append(all, k)
		}
	}
	return all
}

// kyverno asks, for every required predicate type, for an attestation by one of its
// identity's keys. Gates share a type; which of them is meant is judged by promote.
func kyverno(p *policy.Policy, e *policy.Environment) object {
	var attestors, attestations, validations []object
	for _, k := range p.Keys {
		attestors = append(attestors, object{
			"name": identifier(k.Name),
			"cosign": object{
				"key":   object{"data": k.PublicKey},
				"ctlog": object{"insecureIgnoreTlog": true, "insecureIgnoreSCT": true},
			},
		})
	}
	for _, r := range types(p.Requirements(e)) {
		var by []string
		for _, k := range keysOf(p, r.SignedBy) {
			by = append(by, "attestors."+identifier(k.Name))
		}
		attestations = append(attestations, object{"name": identifier(r.Name), "intoto": object{"type": r.PredicateType}})
		validations = append(validations, object{
			"expression": fmt.Sprintf("images.containers.map(image, verifyAttestationSignatures(image, attestations.%s, [%s])).all(n, n > 0)",
				identifier(r.Name), strings.Join(by, ", ")),
			"message": fmt.Sprintf("no %s attestation signed by %s", r.PredicateType, r.SignedBy),
		})
	}
	return object{
		"apiVersion": "policies.kyverno.io/v1", "kind": "ImageValidatingPolicy", "metadata": metadata(e),
		"spec": object{
			"failurePolicy":            "Fail",
			"validationActions":        []string{"Deny"},
			"validationConfigurations": object{"mutateDigest": false, "verifyDigest": true, "required": true},
			"matchConstraints": object{
				"namespaceSelector": namespaces(e),
				"resourceRules": []object{{
					"apiGroups": []string{""}, "apiVersions": []string{"v1"},
					"operations": []string{"CREATE", "UPDATE"}, "resources": []string{"pods"},
				}},
			},
			"matchImageReferences": []object{{"glob": repository(e) + "*"}},
			"attestors":            attestors,
			"attestations":         attestations,
			"validations":          validations,
		},
	}
}

// types keeps one requirement for every predicate type and identity.
func types(all []policy.Requirement) (some []policy.Requirement) {
	seen := map[[2]string]bool{}
	for _, r := range all {
		if at := [2]string{r.PredicateType, r.SignedBy}; !seen[at] {
			seen[at] = true
			some = append(some, r)
		}
	}
	return some
}

// policyController makes an authority of every key, with what its identity has to
// attest. One authority is enough for sigstore's controller, so the keys of identities
// that attest nothing are left out. It acts in namespaces that opt in by
// policy.sigstore.dev/include=true.
func policyController(p *policy.Policy, e *policy.Environment) object {
	var authorities []object
	for _, k := range p.Keys {
		var attestations []object
		for _, r := range types(p.Requirements(e)) {
			if r.SignedBy == k.Identity {
				attestations = append(attestations, object{"name": r.Name, "predicateType": r.PredicateType})
			}
		}
		if attestations == nil {
			continue
		}
		authorities = append(authorities, object{
			"name":            k.Name,
			"key":             object{"data": k.PublicKey, "hashAlgorithm": "sha256"},
			"signatureFormat": "bundle",
			"attestations":    attestations,
		})
	}
	return object{
		"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy", "metadata": metadata(e),
		"spec": object{
			"mode":        "enforce",
			"images":      []object{{"glob": repository(e) + "*"}},
			"authorities": authorities,
		},
	}
}
