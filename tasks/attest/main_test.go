package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"attest": func() { task.Main(newCommand()) }})
}

func TestCommandLine(t *testing.T) {
	evidencetest.Scripts(t, evidencetest.Commands{
		// gate FILE COMMIT RUN writes a gate's verdict into reports; $DIGEST is its digest.
		"gate": func(ts *testscript.TestScript, _ bool, args []string) {
			o := &predicate.Options{Reports: ts.MkAbs("reports"), Commit: args[1], RunName: args[2]}
			ts.Check(os.MkdirAll(o.Reports, 0o755))
			digest, err := o.WriteGate(args[0], predicate.Gate{Gate: "coverage-gate", Verdict: predicate.Pass})
			ts.Check(err)
			ts.Setenv("DIGEST", digest)
		},
		// symlink, a pipe and a large file, as the code under test may leave them.
		"traps": func(ts *testscript.TestScript, _ bool, _ []string) {
			dir := ts.MkAbs("reports")
			ts.Check(os.Symlink("/etc/passwd", filepath.Join(dir, "link.json")))
			ts.Check(unix.Mkfifo(filepath.Join(dir, "pipe.json"), 0o600))
			f, err := os.Create(filepath.Join(dir, "large.json"))
			ts.Check(err)
			ts.Check(f.Truncate(1 << 40))
			ts.Check(f.Close())
		},
		// attached lists what is signed onto the image, with the digests of the manifests.
		"attached": func(ts *testscript.TestScript, _ bool, _ []string) {
			w, image := evidencetest.Of(ts)
			digest, err := v1.NewHash(image.DigestStr())
			ts.Check(err)
			pieces, err := evidence.Collect(t.Context(), w.Repository(t, "team/app").Attachments(), digest)
			ts.Check(err)
			var lines []string
			for _, p := range pieces {
				ts.Check(p.Problem)
				ts.Check(p.Envelope.Verify(w.Attestor.Public()))
				s, err := evidence.ParseStatement(p.Envelope.Payload)
				ts.Check(err)
				subject, err := s.About(digest)
				ts.Check(err)
				annotations, err := json.Marshal(subject.Annotations)
				ts.Check(err)
				lines = append(lines, fmt.Sprintf("%s %s %s %s\n", s.PredicateType, p.Manifest, annotations, s.Predicate))
			}
			slices.Sort(lines)
			ts.Check(os.WriteFile(ts.MkAbs("attached"), []byte(strings.Join(lines, "")), 0o600))
		},
	})
}
