package main

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/promotion"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rollback": func() { task.Main(newCommand()) }})
}

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			w := evidencetest.New(t)
			env.Setenv("REGISTRY", w.Registry.Host)
			env.Setenv("POLICY", w.PolicyDir)
			env.Setenv("KEY", w.KeyDir)
			env.Setenv("DOCKER_CONFIG", env.WorkDir)
			env.Values["world"] = w
			return os.WriteFile(env.WorkDir+"/config.json", []byte("{}"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// promoted NAME AGE COVERAGE makes an image with evidence, and a record of AGE ago
			// that it was promoted to dev; $NAME is its digest.
			"promoted": func(ts *testscript.TestScript, _ bool, args []string) {
				age, err := time.ParseDuration(args[1])
				ts.Check(err)
				coverage, err := strconv.ParseFloat(args[2], 64)
				ts.Check(err)
				w := ts.Value("world").(*evidencetest.World)
				image := w.Image(t, "dev/app")
				at := time.Now().UTC().Add(-age).Truncate(time.Second)
				w.Say(t, image, w.Attestor, at.Add(-time.Hour), coverage)
				ts.Setenv(args[0], image.DigestStr())
				ts.Check(record(t, w, image, at))
			},
			// at NAME checks which image the environment is at.
			"at": func(ts *testscript.TestScript, _ bool, args []string) {
				w := ts.Value("world").(*evidencetest.World)
				if got, want := w.At(t, "dev/app", "dev"), ts.Getenv(args[0]); got != want {
					ts.Fatalf("dev is at %s, not at %s", got, want)
				}
			},
		},
	})
}

// record does what a promotion does once the image is there.
func record(t *testing.T, w *evidencetest.World, image name.Digest, at time.Time) error {
	repo := w.Repository(t, "dev/app")
	text, err := os.ReadFile(w.PolicyDir + "/policy.yaml")
	if err != nil {
		return err
	}
	p, err := policy.Parse(text)
	if err != nil {
		return err
	}
	e, err := p.Environment("dev")
	if err != nil {
		return err
	}
	chain, err := promotion.Open(t.Context(), p, e, repo)
	if err != nil {
		return err
	}
	digest, err := v1.NewHash(image.DigestStr())
	if err != nil {
		return err
	}
	m, err := repo.Manifest(t.Context(), digest.String())
	if err != nil {
		return err
	}
	r := &promotion.Record{
		Action: promotion.Promote, Source: "team/app", Target: image.Context().Name() + ":dev",
		Policy: promotion.PolicyRef{Name: "app", Digest: p.Digest()}, Commit: evidencetest.Commit, PromotedOn: at,
	}
	if err := chain.Append(t.Context(), w.Promoter, r, m.Descriptor()); err != nil {
		return err
	}
	if err := chain.Advance(t.Context()); err != nil {
		return err
	}
	_, err = repo.Put(t.Context(), "dev", m)
	return err
}
