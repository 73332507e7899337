package team

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/sluice-ci/sluice/images"
)

const (
	canaryNamespace     = "canaries"
	monitoringNamespace = "monitoring"
)

// canaries are copies of the sample service, by name: the share of requests that each fails, and whether it has traffic of its own.
var canaries = []struct {
	name    string
	fails   string
	traffic bool
}{
	{"good", "0", false},
	{"bad", "0.2", false},
	{"silent", "0", false},
	{"steady-good", "0", true},
	{"steady-bad", "0.2", true},
	{"dying", "0", true},
}

// ServeCanaries runs copies of the sample service, each under http://<name>.canaries:8080, some of them under load, and a real Prometheus that
// scrapes them every two seconds, under http://prometheus.monitoring:9090. root is the repository's root.
func (c *Cluster) ServeCanaries(ctx context.Context, root, app string) error {
	load, err := c.program(ctx, "team/load", images.Go{Dir: root}, "./tasks/load-test")
	if err != nil {
		return err
	}
	if err := c.StopCanaries(ctx); err != nil { // what an interrupted run left
		return err
	}
	for _, name := range []string{canaryNamespace, monitoringNamespace} {
		if err := c.restrictedNamespace(ctx, name); err != nil {
			return err
		}
	}
	for _, canary := range canaries {
		pod := restrictedPod(canary.name, corev1.Container{Image: app, Args: []string{"--chaos-error-rate=" + canary.fails}})
		if err := c.serve(ctx, canaryNamespace, pod, 8080); err != nil {
			return err
		}
	}
	for _, canary := range canaries {
		if err := c.waitUntilReady(ctx, canaryNamespace, canary.name); err != nil {
			return err
		}
	}
	if err := c.serve(ctx, canaryNamespace, trafficPod(load), 0); err != nil {
		return err
	}
	if err := c.waitUntilReady(ctx, canaryNamespace, "traffic"); err != nil {
		return err
	}
	return c.ServePrometheus(ctx, root, "prometheus")
}

// StopCanaries removes them and their Prometheus.
func (c *Cluster) StopCanaries(ctx context.Context) error {
	for _, name := range []string{canaryNamespace, monitoringNamespace} {
		if err := (&Namespace{Cluster: c, Name: name}).Delete(ctx); err != nil {
			return err
		}
	}
	return nil
}

// KillCanary removes one of them at once, as a crash does.
func (c *Cluster) KillCanary(ctx context.Context, name string) error {
	now := int64(0)
	if err := c.Kube.CoreV1().Pods(canaryNamespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		return fmt.Errorf("killing the canary %q: %w", name, err)
	}
	return nil
}

func (c *Cluster) program(ctx context.Context, path string, program images.Go, pkg string) (string, error) {
	repository, err := c.Repository(path)
	if err != nil {
		return "", err
	}
	scratch, err := os.MkdirTemp("", "team-program-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	program.Platforms, program.Scratch = []v1.Platform{{OS: "linux", Architecture: runtime.GOARCH}}, scratch
	published, err := program.Publish(ctx, pkg, repository, nil, c.Remote(ctx)...)
	if err != nil {
		return "", fmt.Errorf("building %s: %w", pkg, err)
	}
	return published.Digest.String(), nil
}

func (c *Cluster) restrictedNamespace(ctx context.Context, name string) error {
	_, err := c.Kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}, metav1.CreateOptions{})
	if err = ignoreExisting(err); err != nil {
		return fmt.Errorf("making namespace %q: %w", name, err)
	}
	return (&Namespace{Cluster: c, Name: name}).waitForServiceAccount(ctx)
}

// serve runs a pod under a service of its name, unless port is 0.
func (c *Cluster) serve(ctx context.Context, namespace string, pod *corev1.Pod, port int32) error {
	if port != 0 {
		_, err := c.Kube.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": pod.Name}, Ports: []corev1.ServicePort{{Port: port}}},
		}, metav1.CreateOptions{})
		if err = ignoreExisting(err); err != nil {
			return fmt.Errorf("making the service %q: %w", pod.Name, err)
		}
		pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
			TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(port)},
		}}
	}
	_, err := c.Kube.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
	if err = ignoreExisting(err); err != nil {
		return fmt.Errorf("starting %q: %w", pod.Name, err)
	}
	return nil
}

func (c *Cluster) waitUntilReady(ctx context.Context, namespace, name string) error {
	deadline := time.Now().Add(3 * time.Minute)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		have, err := c.Kube.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil && ready(have) {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return fmt.Errorf("waiting for %q: it is not ready after three minutes (%s -n %s describe pod %s)", name, c.Kubectl, namespace, name)
}

// trafficPod keeps the canaries with traffic of their own under load for an hour, a container each.
func trafficPod(image string) *corev1.Pod {
	var containers []corev1.Container
	for _, canary := range canaries {
		if !canary.traffic {
			continue
		}
		containers = append(containers, corev1.Container{
			Name: canary.name, Image: image,
			Args: []string{"--url=http://" + canary.name + "." + canaryNamespace + ":8080", "--paths=/api/links/doc,/doc", "--rate=25",
				"--duration=1h", "--timeout=1s", "--workers=50", "--reports=/data", "--clock=" + canary.name + ".json"},
			VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
		})
	}
	pod := restrictedPod("traffic", containers...)
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	return pod
}

// restrictedPod runs containers once, as the restricted Pod Security Standard wants them.
func restrictedPod(name string, containers ...corev1.Container) *corev1.Pod {
	yes, no, user := true, false, int64(65532)
	containers = slices.Clone(containers)
	for i := range containers {
		if containers[i].Name == "" {
			containers[i].Name = name
		}
		containers[i].SecurityContext = &corev1.SecurityContext{
			RunAsNonRoot: &yes, RunAsUser: &user, AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
			Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: &no,
			RestartPolicy:                corev1.RestartPolicyNever,
			SecurityContext:              &corev1.PodSecurityContext{FSGroup: &user},
			Containers:                   containers,
		},
	}
}
