package contract

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// dependencies holds the modules that the binary links to the list in deps.txt,
// so that a new one is seen in review.
func dependencies(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	require.NoErrorf(t, err, "listing dependencies: %s", out)
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	modules = slices.Compact(modules)
	modules = slices.DeleteFunc(modules, func(m string) bool { return m == Module })
	fresh := strings.Join(modules, "\n") + "\n"
	if Update() {
		require.NoError(t, os.WriteFile("deps.txt", []byte(fresh), 0o644))
		return
	}
	listed, err := os.ReadFile("deps.txt")
	require.NoError(t, err, "deps.txt lists the modules that the binary may link: go test -update writes it")
	require.Equal(t, fresh, string(listed), "modules linked (expected) against deps.txt (actual); review the difference, then go test -update")
}
