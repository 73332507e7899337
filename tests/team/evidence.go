package team

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/internal/keys"
)

// ProvideKeys puts an attestor's and a promoter's key into the namespace, as the
// Secrets attestor-key and promoter-key, and the ConfigMap promotion-policy with
// the environments dev, staging and prod: repositories below the namespace's name.
func (n *Namespace) ProvideKeys(ctx context.Context) error {
	public := map[string][]byte{}
	for _, identity := range []string{"attestor", "promoter"} {
		pair, err := keys.Generate("ecdsa")
		if err != nil {
			return err
		}
		public[identity] = pair.Public
		_, err = n.Kube.CoreV1().Secrets(n.Name).Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: identity + "-key"},
			Data:       map[string][]byte{"cosign.key": pair.Private, "cosign.password": pair.Password, "cosign.pub": pair.Public},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("making Secret %s-key in %q: %w", identity, n.Name, err)
		}
	}
	_, err := n.Kube.CoreV1().ConfigMaps(n.Name).Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "promotion-policy"},
		Data:       map[string]string{"policy.yaml": n.promotionPolicy(public)},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("making ConfigMap promotion-policy in %q: %w", n.Name, err)
	}
	return nil
}

func (n *Namespace) promotionPolicy(public map[string][]byte) string {
	return fmt.Sprintf(`apiVersion: sluice-ci.github.io/v1
kind: PromotionPolicy
metadata: {name: app}
keys:
  - {name: attestor, identity: attestor, publicKey: %q}
  - {name: promoter, identity: promoter, publicKey: %q}
evidence:
  - name: provenance
    predicateType: https://slsa.dev/provenance/v1
    signedBy: attestor
    maximumAge: 720h
    expression: predicate.runDetails.builder.id == "https://sluice-ci.github.io/builders/tekton"
environments:
  - {name: dev, target: %[3]s/%[4]s/dev/app, promotedBy: promoter}
  - {name: staging, target: %[3]s/%[4]s/staging/app, promotedBy: promoter, after: [dev]}
  - {name: prod, target: "%[3]s/%[4]s/prod/app:stable", promotedBy: promoter, after: [staging]}
`, public["attestor"], public["promoter"], n.Registry, n.Name)
}
