package team

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/images"
)

// ServePrometheus runs a real Prometheus that scrapes the canaries every two seconds, under http://<name>.monitoring:9090. It keeps its
// data when it is restarted. root is the repository's root.
func (c *Cluster) ServePrometheus(ctx context.Context, root, name string) error {
	image, err := c.program(ctx, "team/prometheus", images.Go{
		Dir: filepath.Join(root, "tests/prometheus"), Tags: []string{"remove_all_sd"},
	}, "github.com/prometheus/prometheus/cmd/prometheus")
	if err != nil {
		return err
	}
	var config strings.Builder
	config.WriteString("global: {scrape_interval: 2s, scrape_timeout: 1s}\nscrape_configs:\n- job_name: canaries\n  static_configs:\n")
	for _, canary := range canaries {
		fmt.Fprintf(&config, "  - {targets: ['%s.%s:8080'], labels: {track: %s}}\n", canary.name, canaryNamespace, canary.name)
	}
	_, err = c.Kube.CoreV1().ConfigMaps(monitoringNamespace).Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "prometheus"}, Data: map[string]string{"prometheus.yml": config.String()},
	}, metav1.CreateOptions{})
	if err = ignoreExisting(err); err != nil {
		return fmt.Errorf("configuring Prometheus: %w", err)
	}
	pod := restrictedPod(name, corev1.Container{
		Image:        image,
		Args:         []string{"--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/data/tsdb", "--web.enable-lifecycle"},
		VolumeMounts: []corev1.VolumeMount{{Name: "config", MountPath: "/etc/prometheus"}, {Name: "data", MountPath: "/data"}},
	})
	pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "prometheus"}}}},
		{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	}
	if err := c.serve(ctx, monitoringNamespace, pod, 9090); err != nil {
		return err
	}
	return c.waitUntilReady(ctx, monitoringNamespace, name)
}

// RestartPrometheus ends the process of a Prometheus, and waits until the next one of its pod has begun.
func (c *Cluster) RestartPrometheus(ctx context.Context, name string) error {
	err := c.Kube.CoreV1().RESTClient().Post().Namespace(monitoringNamespace).Resource("pods").Name(name + ":9090").
		SubResource("proxy").Suffix("-/quit").Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("asking Prometheus to end: %w", err)
	}
	for ctx.Err() == nil {
		pod, err := c.Kube.CoreV1().Pods(monitoringNamespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("watching the restart of Prometheus: %w", err)
		}
		if s := pod.Status.ContainerStatuses; len(s) == 1 && s[0].RestartCount > 0 && s[0].State.Running != nil {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return fmt.Errorf("waiting for the restart of Prometheus: %w", ctx.Err())
}
