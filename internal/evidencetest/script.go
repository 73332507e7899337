package evidencetest

import (
	"maps"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/rogpeppe/go-internal/testscript"
)

// Commands are what scripts can do besides what testscript knows.
type Commands = map[string]func(*testscript.TestScript, bool, []string)

// Scripts runs the scripts of testdata, each in a world of its own with an image in
// team/app. They find $REGISTRY, $IMAGE, $REPOSITORY and $DIGEST of the image, $COMMIT,
// $POLICY, $ATTESTOR_KEY and $PROMOTER_KEY, no registry credentials, and the command
//
//	attest COVERAGE [AGE]
//
// which signs a passed coverage gate onto the image.
func Scripts(t *testing.T, more Commands) {
	commands := Commands{
		"attest": func(ts *testscript.TestScript, _ bool, args []string) {
			w, image := Of(ts)
			coverage, err := strconv.ParseFloat(args[0], 64)
			ts.Check(err)
			if len(args) == 1 {
				w.Attest(t, image, coverage)
				return
			}
			age, err := time.ParseDuration(args[1])
			ts.Check(err)
			w.Say(t, image, w.Attestor, time.Now().Add(-age), coverage)
		},
	}
	maps.Copy(commands, more)
	testscript.Run(t, testscript.Params{
		Dir:  "testdata",
		Cmds: commands,
		Setup: func(env *testscript.Env) error {
			w := New(t)
			image := w.Image(t, "team/app")
			env.Values[worldKey{}], env.Values[imageKey{}] = w, image
			for name, value := range map[string]string{
				"REGISTRY": w.Registry.Host, "IMAGE": image.String(), "REPOSITORY": image.Context().Name(), "DIGEST": image.DigestStr(),
				"COMMIT": Commit, "POLICY": w.PolicyDir, "ATTESTOR_KEY": w.AttestDir, "PROMOTER_KEY": w.KeyDir,
				"DOCKER_CONFIG": env.WorkDir,
			} {
				env.Setenv(name, value)
			}
			return os.WriteFile(env.WorkDir+"/config.json", []byte("{}"), 0o600)
		},
	})
}

type (
	worldKey struct{}
	imageKey struct{}
)

// Of gives the world of a script, and the image in it.
func Of(ts *testscript.TestScript) (*World, name.Digest) {
	return ts.Value(worldKey{}).(*World), ts.Value(imageKey{}).(name.Digest)
}
