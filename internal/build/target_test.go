package build_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/build"
	"github.com/sluice-ci/sluice/internal/registrytest"
	"github.com/sluice-ci/sluice/internal/task"
)

// outcome is what a person or Tekton sees of a run.
type outcome struct {
	code           int
	stdout, stderr string
}

// run publishes an image of one small file through a command of its own. inputs is called
// for the n-th time with n, from 1.
func run(t *testing.T, inputs func(n int) images.Inputs, args ...string) outcome {
	t.Helper()
	c := task.New("publish", "Publish an image.")
	o := build.Declare(c)
	c.Run = func(ctx context.Context, r *task.Run) error {
		target, err := o.Open(ctx)
		if err != nil {
			return err
		}
		n := 0
		return target.Publish(ctx, r,
			func(context.Context) (images.Inputs, error) { n++; return inputs(n), nil },
			func(ctx context.Context, _ func()) (images.Artifact, error) {
				return images.Build(ctx, images.Spec{Base: target.Base, Annotations: o.Annotations(), Created: o.Created(), Platforms: []images.Platform{{
					Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
					Layers:   []images.Layer{{Entries: []images.Entry{{Path: "app", Mode: 0o755, Body: []byte("app")}}}},
				}}})
			})
	}
	var stdout, stderr bytes.Buffer
	code := c.Execute(t.Context(), args, strings.NewReader(""), &stdout, &stderr, func(string) string { return "" })
	return outcome{code, stdout.String(), stderr.String()}
}

func same(int) images.Inputs { return images.Inputs{1} }

func TestAnImageIsFoundByItsInputs(t *testing.T) {
	reg := registrytest.Start(t)
	first := run(t, same, "--image="+reg.Host+"/team/app")
	require.Zero(t, first.code, first.stderr)
	second := run(t, same, "--image="+reg.Host+"/team/app")
	require.Contains(t, second.stderr, "nothing built, nothing pushed")
	require.Equal(t, first.stdout, second.stdout)
	forced := run(t, same, "--image="+reg.Host+"/team/app", "--reuse=false")
	require.Contains(t, forced.stderr, "built in")
	require.Equal(t, first.stdout, forced.stdout)
}

func TestAnImageOfMovingSourceIsNotFoundAgain(t *testing.T) {
	reg := registrytest.Start(t)
	moving := func(n int) images.Inputs { return images.Inputs{byte(n)} }
	got := run(t, moving, "--image="+reg.Host+"/team/app")
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stderr, "the source changed while it was built")
	require.Contains(t, got.stdout, "IMAGE_DIGEST=sha256:")
	require.Contains(t, run(t, same, "--image="+reg.Host+"/team/app").stderr, "built in")
}

func TestCredentialsAndAuthoritiesAreUsed(t *testing.T) {
	reg := registrytest.Start(t, registrytest.TLS(), registrytest.BasicAuth("ci", "secret"))
	ca, good, bad := t.TempDir(), t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(ca, "ca.crt"), reg.CA, 0o600))
	for dir, password := range map[string]string{good: "secret", bad: "guess"} {
		auth := base64.StdEncoding.EncodeToString([]byte("ci:" + password))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, reg.Host, auth), 0o600))
	}
	image := "--image=" + reg.Host + "/team/app"
	require.Zero(t, run(t, same, image, "--ca="+ca, "--dockerconfig="+good).code)

	refused := run(t, same, image+"2", "--ca="+ca, "--dockerconfig="+bad)
	require.Equal(t, task.CodeMisconfigured, refused.code)
	require.Contains(t, refused.stderr, "the registry refused the credentials")
	require.NotContains(t, refused.stderr, "guess")

	untrusted := run(t, same, image, "--dockerconfig="+good)
	require.Equal(t, task.CodeMisconfigured, untrusted.code)
	require.Contains(t, untrusted.stderr, "bind the workspace ca")
}

func TestARegistryThatStaysAwayIsUndecided(t *testing.T) {
	reg := registrytest.Start(t, registrytest.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
				w.WriteHeader(http.StatusNotImplemented)
				return
			}
			next.ServeHTTP(w, r)
		})
	}))
	got := run(t, same, "--image="+reg.Host+"/team/app")
	require.Equal(t, task.CodeUndecided, got.code, got.stderr)
	require.Empty(t, got.stdout, "no result names an image that is not there")
}

func TestABaseIsNamedByDigest(t *testing.T) {
	reg := registrytest.Start(t)
	require.Zero(t, run(t, same, "--image="+reg.Host+"/base").code)
	tag := reg.Host + "/base:" + images.Inputs{1}.Tag()
	other := func(int) images.Inputs { return images.Inputs{2} }

	refused := run(t, other, "--image="+reg.Host+"/app", "--base="+tag)
	require.Equal(t, task.CodeMisconfigured, refused.code)
	require.Contains(t, refused.stderr, "is named by a tag, which can mean another image tomorrow\n  write it as name@sha256:…")

	allowed := run(t, other, "--image="+reg.Host+"/app", "--base="+tag, "--allow-base-tag=true")
	require.Zero(t, allowed.code, allowed.stderr)
	require.Contains(t, allowed.stdout, "BASE_DIGEST=sha256:")

	gone := run(t, other, "--image="+reg.Host+"/app", "--base="+reg.Host+"/base:gone", "--allow-base-tag=true")
	require.Equal(t, task.CodeMisconfigured, gone.code)
	require.Contains(t, gone.stderr, "resolving base")
}
