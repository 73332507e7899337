package pgtest

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/sluice-ci/sluice/internal/postgres"
)

// npmVersions pins the packages of the npm registry.
var npmVersions = map[string]string{Oldest: postgres.Oldest, Newest: postgres.Newest}

// install gives the folder of a version's programs, bringing them first where they are missing.
func install(version string) (string, error) {
	if version == Debian {
		return "/usr/lib/postgresql/15/bin", Apt("/usr/lib/postgresql/15/bin/postgres", "postgresql-15")
	}
	pinned, ok := npmVersions[version]
	if !ok {
		return "", fmt.Errorf("no package is pinned for it")
	}
	return postgres.Install(pinned)
}

// Apt makes sure that a program of a Debian package is there; as root it installs the package.
func Apt(program, pkg string) error {
	if _, err := os.Stat(program); err == nil {
		return nil
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%s is missing: install the Debian package %s", program, pkg)
	}
	cmd := exec.Command("apt-get", "install", "-y", "--no-install-recommends", pkg)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("installing the Debian package %s: %w\n%s", pkg, err, out)
	}
	return nil
}
