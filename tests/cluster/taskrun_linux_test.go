package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sluice-ci/sluice/tests/cluster/artifacts"
	"github.com/stretchr/testify/require"
)

const testNamespace = "cluster-test"

// testTaskRun pushes an image and a Tekton bundle from this host and runs the bundle's task in a namespace that enforces the restricted
// standard. So the host pushes, the resolver and the controller (the step has no command) read, and the kubelet pulls, all under one name.
// The same task comes from a Git repository on this host too.
func testTaskRun(t *testing.T, places layout, reach access) {
	k := reach.kubectl(places)
	image := push(t, reach, "test/shell", withScript(t, shellImage(t)))
	task := fmt.Sprintf(testTask, image)
	bundle := push(t, reach, "test/bundle", bundleOf(t, "write", task))
	repository := serveGit(t, places, "write.yaml", task)
	apply(t, k, fmt.Sprintf(testObjects, testNamespace, bundle, repository))
	for _, run := range []string{"from-bundle", "from-git"} {
		status := waitForRun(t, k, "taskrun/"+run)
		require.Equal(t, "True", status.Status, "%s: %s\n%s", status.Reason, status.Message, podLogs(t, k))
		result, err := k.run(t.Context(), nil, "get", "taskrun", run, "--namespace="+testNamespace, "--output=jsonpath={.status.results[0].value}")
		require.NoError(t, err)
		require.Equal(t, "65532", result)
	}
}

// testTask's step writes who it is into the volume, from which the entrypoint of its image copies it to the result.
const testTask = `apiVersion: tekton.dev/v1
kind: Task
metadata: {name: write}
spec:
  workspaces: [{name: source}]
  results: [{name: user}]
  steps:
    - name: write
      image: %s
      args: [$(workspaces.source.path)/user, $(results.user.path)]
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
        seccompProfile: {type: RuntimeDefault}
`

const testObjects = `apiVersion: v1
kind: Namespace
metadata:
  name: %[1]s
  labels: {pod-security.kubernetes.io/enforce: restricted}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: source, namespace: %[1]s}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 100Mi}}
---
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {name: from-bundle, namespace: %[1]s}
spec:
  taskRef:
    resolver: bundles
    params:
      - {name: bundle, value: %[2]q}
      - {name: name, value: write}
      - {name: kind, value: task}
  podTemplate: {securityContext: {fsGroup: 65532}}
  workspaces: [{name: source, persistentVolumeClaim: {claimName: source}, subPath: checkout}]
---
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {name: from-git, namespace: %[1]s}
spec:
  taskRef:
    resolver: git
    params:
      - {name: url, value: %[3]q}
      - {name: revision, value: main}
      - {name: pathInRepo, value: write.yaml}
  podTemplate: {securityContext: {fsGroup: 65532}}
  workspaces: [{name: source, emptyDir: {}}]
`

// shellImage is the shell image of the artifacts that are up.
func shellImage(t *testing.T) v1.Image {
	t.Helper()
	places, err := findLayout()
	require.NoError(t, err)
	var description struct{ Node string }
	data, err := os.ReadFile(filepath.Join(places.State, "machine.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &description))
	tag, err := name.NewTag(artifacts.Image("shell"))
	require.NoError(t, err)
	archive := filepath.Join(t.TempDir(), "images.tar")
	require.NoError(t, artifacts.Set{Programs: filepath.Dir(description.Node)}.WriteArchive(archive))
	image, err := tarball.ImageFromPath(archive, &tag)
	require.NoError(t, err)
	return image
}

func withScript(t *testing.T, image v1.Image) v1.Image {
	t.Helper()
	file, err := image.ConfigFile()
	require.NoError(t, err)
	config := file.Config.DeepCopy()
	config.Entrypoint = []string{"/bin/sh", "-e", "-c", `id -u > "$0"; touch /not-writable && exit 1; printf %s "$(cat "$0")" > "$1"`}
	image, err = mutate.Config(image, *config)
	require.NoError(t, err)
	return image
}

// bundleOf is a Tekton bundle of one task.
func bundleOf(t *testing.T, task, text string) v1.Image {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: task, Mode: 0o600, Size: int64(len(text)), Typeflag: tar.TypeReg}))
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	image, err := mutate.Append(empty.Image, mutate.Addendum{
		Layer:       static.NewLayer(layer.Bytes(), types.DockerUncompressedLayer),
		Annotations: map[string]string{"dev.tekton.image.name": task, "dev.tekton.image.kind": "task", "dev.tekton.image.apiVersion": "v1"},
	})
	require.NoError(t, err)
	return image
}

// push pushes an image over TLS that trusts the cluster's CA alone, and gives its reference by digest.
func push(t *testing.T, reach access, repository string, image v1.Image) string {
	t.Helper()
	ca, err := os.ReadFile(reach.RegistryCA)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca))
	ref, err := name.ParseReference(reach.Registry + "/" + repository + ":test")
	require.NoError(t, err)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	require.NoError(t, remote.Write(ref, image, remote.WithTransport(transport), remote.WithContext(t.Context())))
	digest, err := image.Digest()
	require.NoError(t, err)
	return ref.Context().Digest(digest.String()).String()
}

func apply(t *testing.T, k kubectl, objects string) {
	t.Helper()
	require.Eventually(t, func() bool { // the namespace's service account appears a moment after it
		_, err := k.run(t.Context(), strings.NewReader(objects), "apply", "--filename=-")
		if err != nil {
			t.Log(err)
		}
		return err == nil
	}, time.Minute, time.Second)
}

// condition is the Succeeded condition of a run.
type condition struct{ Status, Reason, Message string }

func waitForRun(t *testing.T, k kubectl, run string) condition {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for {
		text, err := k.run(ctx, nil, "get", run, "--namespace="+testNamespace, "--output=json")
		require.NoError(t, err)
		var object struct {
			Status struct{ Conditions []condition }
		}
		require.NoError(t, json.Unmarshal([]byte(text), &object))
		if c := object.Status.Conditions; len(c) > 0 && c[0].Status != "Unknown" {
			return c[0]
		}
		select {
		case <-ctx.Done():
			require.FailNow(t, "the run did not end", "%s\n%s", text, podLogs(t, k))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func podLogs(t *testing.T, k kubectl) string {
	t.Helper()
	logs, err := k.run(context.Background(), nil, "logs", "--namespace="+testNamespace, "--all-containers", "--selector=tekton.dev/taskRun")
	return fmt.Sprint(logs, err)
}

// testVolumeGoes removes the namespace and sees the node's folder of its volume go.
func testVolumeGoes(t *testing.T, places layout, reach access) {
	k := reach.kubectl(places)
	volume, err := k.run(t.Context(), nil, "get", "pvc", "source", "--namespace="+testNamespace, "--output=jsonpath={.spec.volumeName}")
	require.NoError(t, err)
	folder := filepath.Join(places.State, "volumes", volume)
	file, err := os.Open(filepath.Join(folder, "checkout", "user"))
	require.NoError(t, err)
	text, err := io.ReadAll(file)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.Equal(t, "65532\n", string(text))
	_, err = k.run(t.Context(), nil, "delete", "namespace", testNamespace, "--timeout=2m")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := os.Stat(folder)
		return os.IsNotExist(err)
	}, time.Minute, 200*time.Millisecond)
}
