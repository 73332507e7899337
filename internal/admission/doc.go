// Package admission renders, from a promotion policy, what a cluster enforces with:
// only images of an environment's repository, by digest, run in the namespaces of
// that environment.
//
// A ValidatingAdmissionPolicy needs nothing but Kubernetes (1.30 or later): it compares
// names. Kyverno's ImageValidatingPolicy and sigstore's ClusterImagePolicy look at the
// signatures and at the predicates that are required besides; expressions, ages and
// commits are judged by promote, not again in the cluster.
//
// It promises that the output is the same for the same policy, and refuses an
// environment that the policy does not have.
//
//	text, err := admission.Render(policy, "prod", admission.ValidatingAdmissionPolicy)
package admission
