package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v11/controller"
)

const provisionerName = "sluice-ci.github.io/folder"

// folders provisions a claim as a folder of the node, handed out as a local volume: unlike hostPath, the kubelet applies a pod's fsGroup
// to a local volume, so that a step which is not root can write to it.
type folders struct {
	root string
	node string
}

var _ controller.Provisioner = folders{}

func provision(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("provisioner", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "Kubeconfig file of the cluster.")
	root := flags.String("root", "", "Folder that holds a folder for every volume.")
	node := flags.String("node", "sluice", "Name of the node that the folders are on.")
	if err := flags.Parse(args); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return fmt.Errorf("reading kubeconfig %q: %w", *kubeconfig, err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("building a client from %q: %w", *kubeconfig, err)
	}
	c := controller.NewProvisionController(ctx, client, provisionerName, folders{root: *root, node: *node},
		controller.LeaderElection(false), controller.MetricsPort(0))
	c.Run(ctx)
	return nil
}

// Provision makes the folder and describes it as a local volume of this node.
func (f folders) Provision(_ context.Context, o controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	path := filepath.Join(f.root, o.PVName)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, fmt.Errorf("making the folder of volume %q: %w", o.PVName, err)
	}
	onThisNode := corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{
		Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{f.node},
	}}}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: o.PVName},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *o.StorageClass.ReclaimPolicy,
			AccessModes:                   o.PVC.Spec.AccessModes,
			MountOptions:                  o.StorageClass.MountOptions,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: o.PVC.Spec.Resources.Requests[corev1.ResourceStorage]},
			PersistentVolumeSource:        corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: path}},
			NodeAffinity: &corev1.VolumeNodeAffinity{
				Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{onThisNode}},
			},
		},
	}, controller.ProvisioningFinished, nil
}

// Delete removes the folder of a volume that its claim has let go.
func (f folders) Delete(_ context.Context, volume *corev1.PersistentVolume) error {
	if err := os.RemoveAll(filepath.Join(f.root, volume.Name)); err != nil {
		return fmt.Errorf("removing the folder of volume %q: %w", volume.Name, err)
	}
	return nil
}
