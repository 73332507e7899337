package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/task"
)

const layers = 3 // of an image of evidencetest

// TestRequestsAsTheReadmeSays counts the requests of whole promotions, all of them but
// the version check, which is made once a registry.
func TestRequestsAsTheReadmeSays(t *testing.T) {
	for _, evidence := range []int{0, 1, 2} {
		w, image := attested(t, evidence)
		to := "--target=" + w.Registry.Host + "/prod/app:v1"
		fresh, again := layers+6, 3
		if evidence > 0 {
			fresh, again = fresh+3*evidence+6, 6
		}
		require.Equal(t, fresh, requests(t, w, image, to), "%d pieces of evidence", evidence)
		require.Equal(t, again, requests(t, w, image, to), "%d pieces of evidence, again", evidence)
	}
}

func TestRequestsOfAnEnvironmentAsTheReadmeSays(t *testing.T) {
	for _, evidence := range []int{1, 2} {
		w, image := attested(t, evidence)
		to := []string{"--policy=" + w.PolicyDir, "--promoter-key=" + w.KeyDir, "--environment=dev"}
		require.Equal(t, layers+29+6*evidence, requests(t, w, image, to...), "%d pieces of evidence", evidence)
		require.Equal(t, 15+4*evidence, requests(t, w, image, to...), "%d pieces of evidence, again", evidence)
	}
}

func attested(t *testing.T, evidence int) (*evidencetest.World, string) {
	t.Helper()
	w := evidencetest.New(t)
	image := w.Image(t, "team/app")
	for range evidence {
		w.Attest(t, image, 85)
	}
	return w, image.String()
}

// requests promotes, and counts.
func requests(t *testing.T, w *evidencetest.World, image string, args ...string) int {
	t.Helper()
	w.Registry.Forget()
	var words strings.Builder
	code := newCommand().Execute(t.Context(), append(args, "--image="+image), strings.NewReader(""), &words, &words, func(string) string { return "" })
	require.Equal(t, task.CodeDone, code, words.String())
	return len(w.Registry.Requests())
}
