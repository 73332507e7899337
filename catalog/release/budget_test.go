package release_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnImageOverItsBudgetIsNotPushed(t *testing.T) {
	for budget, says := range map[string]string{
		"0MB":   "the image of count-lines has ",
		"large": `"large" is not a size such as 40MB`,
	} {
		t.Run(budget, func(t *testing.T) {
			f := newFixture(t)
			const file = "tasks/count-lines/task.yaml"
			f.write(file, strings.Replace(f.read(file), "  labels:\n", "  annotations: {sluice-ci.github.io/image-budget: "+budget+"}\n  labels:\n", 1))
			_, err := f.release("")
			require.ErrorContains(t, err, says)
			for _, r := range f.reg.Requests() {
				require.NotEqual(t, http.MethodPut, r.Method, "nothing was pushed")
			}
		})
	}
}
