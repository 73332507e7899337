package prerequisites

import (
	"io"
	"testing"

	"github.com/sluice-ci/sluice/tests/cluster/progress"
	"github.com/stretchr/testify/require"
)

func TestMissingProgramsAreNamedByTheirPackages(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	defer func(folders []string) { cniFolders = folders }(cniFolders)
	cniFolders = nil
	require.Equal(t, []string{"busybox-static", "containerd", cniPackage, "git", "iproute2", "mount", "nftables", "runc"}, missingPackages())
}

func TestWithoutAptAPersonIsToldWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p := progress.New(io.Discard)
	defer p.Close()
	err := install(t.Context(), []string{"containerd", "runc"}, p)
	require.ErrorContains(t, err, "install what your distribution calls containerd, runc")
}
