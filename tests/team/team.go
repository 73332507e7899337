// Package team stands in for a product team that uses the catalog: it has a
// namespace that enforces the restricted Pod Security Standard, one claim for
// its workspaces and the cluster's CA, and it applies runs and reads how they
// ended. The end-to-end tests and the demo both work through it, on whichever
// cluster the env file describes.
package team

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	tekton "github.com/tektoncd/pipeline/pkg/client/clientset/versioned"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/sluice-ci/sluice/internal/registry"
)

// Cluster is a Kubernetes with Tekton and a registry.
type Cluster struct {
	Kube     kubernetes.Interface
	Tekton   tekton.Interface
	Registry string // host:port under which pods, the kubelet and this machine reach it
	CA       []byte // PEM of the CA that signed the registry's certificate
	Kubectl  string // a kubectl of the cluster's version

	client  *registry.Client
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
}

// Connect reaches the cluster that KUBECONFIG, REGISTRY, REGISTRY_CA and KUBECTL
// describe, as .sluice/cluster/env does.
func Connect() (*Cluster, error) {
	values := map[string]string{}
	for _, key := range []string{"KUBECONFIG", "REGISTRY", "REGISTRY_CA", "KUBECTL"} {
		if values[key] = os.Getenv(key); values[key] == "" {
			return nil, fmt.Errorf("connecting to the cluster: %s is not set (`make cluster-up`, then source .sluice/cluster/env)", key)
		}
	}
	ca, err := os.ReadFile(values["REGISTRY_CA"])
	if err != nil {
		return nil, fmt.Errorf("reading the registry's CA: %w", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", values["KUBECONFIG"])
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 100, 200
	c := &Cluster{Registry: values["REGISTRY"], CA: ca, Kubectl: values["KUBECTL"]}
	if c.client, err = newClient(values["REGISTRY_CA"]); err != nil {
		return nil, err
	}
	if c.Kube, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if c.Tekton, err = tekton.NewForConfig(config); err != nil {
		return nil, err
	}
	if c.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memoryDiscovery(c.Kube))
	if _, err := c.Kube.Discovery().ServerVersion(); err != nil {
		return nil, fmt.Errorf("asking the cluster for its version: %w (is it up? `make cluster-status`)", err)
	}
	return c, nil
}

// Namespace is where the team's runs live.
type Namespace struct {
	*Cluster
	Name string
}

// NewNamespace makes a namespace that enforces the restricted Pod Security
// Standard, with the claim "sluice" and the CA in the ConfigMap "sluice-ca". One
// that is there already is used as it is.
func (c *Cluster) NewNamespace(ctx context.Context, name string) (*Namespace, error) {
	_, err := c.Kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name,
		Labels: map[string]string{
			"pod-security.kubernetes.io/enforce": "restricted",
			"pod-security.kubernetes.io/warn":    "restricted",
		},
	}}, metav1.CreateOptions{})
	if err = ignoreExisting(err); err != nil {
		return nil, fmt.Errorf("making namespace %q: %w", name, err)
	}
	_, err = c.Kube.CoreV1().PersistentVolumeClaims(name).Create(ctx, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "sluice"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}, metav1.CreateOptions{})
	if err = ignoreExisting(err); err != nil {
		return nil, fmt.Errorf("making claim sluice in %q: %w", name, err)
	}
	if err := c.trust(ctx, name); err != nil {
		return nil, fmt.Errorf("making ConfigMap sluice-ca in %q: %w", name, err)
	}
	n := &Namespace{Cluster: c, Name: name}
	return n, n.waitForServiceAccount(ctx)
}

// trust writes the CAs into the ConfigMap "sluice-ca", in place of older ones.
func (c *Cluster) trust(ctx context.Context, namespace string) error {
	maps := c.Kube.CoreV1().ConfigMaps(namespace)
	ca := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "sluice-ca"}, Data: map[string]string{"ca.crt": string(c.CA)}}
	_, err := maps.Create(ctx, ca, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = maps.Update(ctx, ca, metav1.UpdateOptions{})
	}
	return err
}

// waitForServiceAccount waits for the account that pods run as: it appears a
// moment after the namespace.
func (n *Namespace) waitForServiceAccount(ctx context.Context) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		_, err := n.Kube.CoreV1().ServiceAccounts(n.Name).Get(ctx, "default", metav1.GetOptions{})
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return errors.Join(fmt.Errorf("waiting for the service account of %q: %w", n.Name, err), ctx.Err())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Delete removes the namespace and all that is in it, and waits until it is gone.
func (n *Namespace) Delete(ctx context.Context) error {
	if err := n.BeginDelete(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if _, err := n.Kube.CoreV1().Namespaces().Get(ctx, n.Name, metav1.GetOptions{}); apierrors.IsNotFound(err) {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return fmt.Errorf("waiting for namespace %q to go: %w", n.Name, ctx.Err())
}

// BeginDelete lets the cluster remove the namespace, which takes some ten seconds.
func (n *Namespace) BeginDelete(ctx context.Context) error {
	err := n.Kube.CoreV1().Namespaces().Delete(ctx, n.Name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) { // a conflict says that it is on its way
		return fmt.Errorf("removing namespace %q: %w", n.Name, err)
	}
	return nil
}

func ignoreExisting(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
