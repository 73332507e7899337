package contract

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/task"
)

// steps checks that a task is one step of our image, or, for a toolchain task,
// a step that places the binary and one that runs it in the toolchain.
func steps(t *testing.T, c *task.Command, spec *v1.Task) {
	image := "ko://" + Module + "/tasks/" + c.Name
	command := "/ko-app/" + c.Name
	all := spec.Spec.Steps
	if c.UsesToolchain() {
		require.Len(t, all, 2, "a toolchain task has a step that places the binary and one that runs it")
		checkImage(t, all[0], image)
		require.Equal(t, []string{command}, all[0].Command)
		require.Len(t, all[0].Args, 2)
		require.Equal(t, "place", all[0].Args[0])
		placed, ok := strings.CutPrefix(all[0].Args[1], "--to=")
		require.True(t, ok, "the first step says place --to=PATH")
		require.Equal(t, c.Name, path.Base(placed))
		image, command = "$(params.toolchain)", placed
		all = all[1:]
	}
	require.Len(t, all, 1, "a task runs its binary in one step")
	checkImage(t, all[0], image)
	require.Equal(t, []string{command}, all[0].Command)
	require.ElementsMatch(t, arguments(c), all[0].Args, "arguments of the step (B) against flags of the binary (A)")
	for _, f := range c.Flags {
		if f.Context == task.PipelineRunName {
			require.Contains(t, all[0].Env, pipelineRunEnv, "--%s needs this in the step's env:\n"+
				"- name: PIPELINE_RUN\n  valueFrom: {fieldRef: {fieldPath: \"metadata.labels['tekton.dev/pipelineRun']\"}}", f.Name)
		}
	}
	if n := len(all[0].Args); slices.Contains(all[0].Args, "--") {
		require.Equal(t, "--", all[0].Args[n-2], "the list stands last")
	}
}

// pipelineRunEnv gives a step the name of its PipelineRun, wherever the task is
// referenced from; in a bare TaskRun it is empty.
var pipelineRunEnv = corev1.EnvVar{Name: "PIPELINE_RUN", ValueFrom: &corev1.EnvVarSource{
	FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels['tekton.dev/pipelineRun']"}}}

// checkImage accepts the tree's image, or in a released file one by digest.
func checkImage(t *testing.T, step v1.Step, image string) {
	if strings.Contains(step.Image, "@sha256:") {
		return
	}
	require.Equal(t, image, step.Image)
}

// arguments lists what the step has to pass: every flag literally, so that no
// value is ever read by a shell.
func arguments(c *task.Command) (args []string) {
	for _, f := range c.Flags {
		switch f.Kind {
		case task.KindParam:
			args = append(args, "--"+f.Name+"=$(params."+f.Name+")")
		case task.KindWorkspace:
			args = append(args, "--"+f.Name+"=$(workspaces."+f.Name+".path)")
		case task.KindContext:
			args = append(args, "--"+f.Name+"="+f.Context)
		case task.KindList:
			args = append(args, "--", "$(params."+f.Name+"[*])")
		}
	}
	for _, r := range c.Results {
		args = append(args, "--result-"+r.Name+"=$(results."+r.Name+".path)")
	}
	return args
}

// restricted holds every container to the Pod Security Standard "restricted"
// and to a root file system that nobody writes.
func restricted(t *testing.T, spec *v1.Task) {
	require.Nil(t, spec.Spec.StepTemplate, "each step says itself what it may do")
	for _, s := range spec.Spec.Steps {
		require.Emptyf(t, s.Script, "step %s has no script", s.Name)
		sc := s.SecurityContext
		require.NotNilf(t, sc, "step %s has a securityContext", s.Name)
		require.Equalf(t, &corev1.SecurityContext{
			RunAsNonRoot:             ptr(true),
			RunAsUser:                ptr(int64(65532)),
			RunAsGroup:               ptr(int64(65532)),
			AllowPrivilegeEscalation: ptr(false),
			ReadOnlyRootFilesystem:   ptr(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		}, sc, "securityContext of step %s", s.Name)
		require.Containsf(t, s.ComputeResources.Requests, corev1.ResourceCPU, "step %s requests cpu", s.Name)
		require.Containsf(t, s.ComputeResources.Requests, corev1.ResourceMemory, "step %s requests memory", s.Name)
		require.Containsf(t, s.ComputeResources.Limits, corev1.ResourceMemory, "step %s limits memory", s.Name)
	}
	require.Empty(t, spec.Spec.Sidecars, "a task has no sidecar")
}

func ptr[T any](v T) *T { return &v }
