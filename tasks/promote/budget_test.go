package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/task"
)

// TestRequestsAsTheReadmeSays counts the requests of whole promotions, all of them but
// the version check, which is made once a registry.
func TestRequestsAsTheReadmeSays(t *testing.T) {
	const layers = 3 // of an image of evidencetest
	for _, evidence := range []int{0, 1, 2} {
		w := evidencetest.New(t)
		image := w.Image(t, "team/app")
		for range evidence {
			w.Attest(t, image, 85)
		}
		promote := func() int {
			w.Registry.Forget()
			args := []string{"--image=" + image.String(), "--target=" + w.Registry.Host + "/prod/app:v1"}
			var words strings.Builder
			code := newCommand().Execute(t.Context(), args, strings.NewReader(""), &words, &words, func(string) string { return "" })
			require.Equal(t, task.CodeDone, code, words.String())
			return len(w.Registry.Requests())
		}
		fresh, again := layers+6, 3
		if evidence > 0 {
			fresh, again = fresh+3*evidence+6, 6
		}
		require.Equal(t, fresh, promote(), "%d pieces of evidence", evidence)
		require.Equal(t, again, promote(), "%d pieces of evidence, again", evidence)
	}
}
