package team

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/tests/gitserver"
)

const (
	gitNamespace = "team-git"
	gitHost      = "git." + gitNamespace + ".svc.cluster.local"
)

// ServeGit makes the repository of the sample service in the folder app and
// serves it in the cluster over HTTPS, under the URL that it returns. The
// repository lies in the server's image, so this works on every cluster that can
// pull from the registry. Namespaces that are made afterwards trust its
// certificate, besides the registry's.
func (c *Cluster) ServeGit(ctx context.Context, app string) (url string, err error) {
	image, err := c.gitImage(ctx, app)
	if err != nil {
		return "", err
	}
	_, err = c.Kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: gitNamespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}, metav1.CreateOptions{})
	if err = ignoreExisting(err); err != nil {
		return "", fmt.Errorf("making namespace %q: %w", gitNamespace, err)
	}
	if err := c.gitCertificate(ctx); err != nil {
		return "", err
	}
	_, err = c.Kube.CoreV1().Services(gitNamespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "git"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "git"},
			Ports:    []corev1.ServicePort{{Port: 443, TargetPort: intstr.FromInt32(8443)}},
		},
	}, metav1.CreateOptions{})
	if err = ignoreExisting(err); err != nil {
		return "", fmt.Errorf("making the Git service: %w", err)
	}
	if err := c.gitPod(ctx, image); err != nil {
		return "", err
	}
	return "https://" + gitHost + "/app.git", nil
}

// StopGit removes the Git server.
func (c *Cluster) StopGit(ctx context.Context) error {
	return (&Namespace{Cluster: c, Name: gitNamespace}).Delete(ctx)
}

// gitImage builds the server, and lays the repository upon it.
func (c *Cluster) gitImage(ctx context.Context, app string) (string, error) {
	repository, err := c.Repository("team/git")
	if err != nil {
		return "", err
	}
	scratch, err := os.MkdirTemp("", "team-git-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	sample, err := gitserver.BuildSample(filepath.Join(scratch, "app.git"), app)
	if err != nil {
		return "", fmt.Errorf("making the sample repository: %w", err)
	}
	platform := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	program := images.Go{Dir: filepath.Dir(app), Platforms: []v1.Platform{platform}, Scratch: scratch}
	server, err := program.Publish(ctx, "github.com/sluice-ci/sluice/tests/gitserver/serve", repository, nil, c.Remote(ctx)...)
	if err != nil {
		return "", fmt.Errorf("building the Git server: %w", err)
	}
	inputs := images.Inputs(sha256.Sum256(fmt.Appendf(nil, "repository %s %s %s", server.Digest, sample.Main, sample.Untested)))
	published, err := images.Publish(ctx, repository, inputs, nil, func(ctx context.Context) (images.Artifact, error) {
		base := images.Remote(server.Digest.String(), server.Digest, c.Remote(ctx)...)
		entries, err := folder(scratch+"/app.git", "repositories/app.git")
		if err != nil {
			return nil, err
		}
		return images.Build(ctx, images.Spec{Base: base, Platforms: []images.Platform{{
			Platform: platform, Layers: []images.Layer{{Entries: entries, History: "the sample repository"}},
		}}})
	}, c.Remote(ctx)...)
	if err != nil {
		return "", fmt.Errorf("publishing the sample repository: %w", err)
	}
	return published.Digest.String(), nil
}

// gitPod runs the server from the image, replacing one of another image.
func (c *Cluster) gitPod(ctx context.Context, image string) error {
	pods := c.Kube.CoreV1().Pods(gitNamespace)
	have, err := pods.Get(ctx, "git", metav1.GetOptions{})
	if err == nil && have.Spec.Containers[0].Image != image {
		now := int64(0)
		if err := pods.Delete(ctx, "git", metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
			return fmt.Errorf("replacing the Git server: %w", err)
		}
		err = apierrors.NewNotFound(corev1.Resource("pods"), "git")
	}
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		if apierrors.IsNotFound(err) {
			_, err = pods.Create(ctx, gitPodSpec(image), metav1.CreateOptions{})
			if err != nil && !apierrors.IsAlreadyExists(err) && !apierrors.IsForbidden(err) {
				return fmt.Errorf("starting the Git server: %w", err)
			}
		}
		time.Sleep(200 * time.Millisecond)
		if have, err = pods.Get(ctx, "git", metav1.GetOptions{}); err == nil && ready(have) {
			return nil
		}
	}
	return fmt.Errorf("waiting for the Git server: it is not ready after two minutes (%s -n %s describe pod git)", c.Kubectl, gitNamespace)
}

func gitPodSpec(image string) *corev1.Pod {
	yes, no, user := true, false, int64(65532)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "git", Labels: map[string]string{"app": "git"}},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: &no,
			SecurityContext:              &corev1.PodSecurityContext{FSGroup: &user},
			Containers: []corev1.Container{{
				Name: "git", Image: image,
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
					TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8443)},
				}},
				VolumeMounts: []corev1.VolumeMount{{Name: "tls", MountPath: "/tls", ReadOnly: true}},
				SecurityContext: &corev1.SecurityContext{
					RunAsNonRoot: &yes, RunAsUser: &user, AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
					Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
					SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
				},
			}},
			Volumes: []corev1.Volume{{Name: "tls", VolumeSource: corev1.VolumeSource{
				Secret: &corev1.SecretVolumeSource{SecretName: "git-tls"},
			}}},
		},
	}
}

func ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
