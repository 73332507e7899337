// Package prerequisites finds what the one-machine cluster needs of a Linux host: root, and a few programs that no Go module gives. On
// Debian and Ubuntu it installs the missing ones; elsewhere it says which package to install.
package prerequisites

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/tests/cluster/progress"
)

// Tools are what was found.
type Tools struct{ CNI string } // folder of the CNI plugins

// A tool is a program and the Debian package that holds it.
type tool struct{ program, pkg string }

var tools = []tool{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"containerd-shim-runc-v2", "containerd"},
	{"runc", "runc"},
	{"ip", "iproute2"},
	{"nft", "nftables"},
	{"mount", "mount"},
	{"busybox", "busybox-static"},
	{"git", "git"},
}

const cniPackage = "containernetworking-plugins"

var cniFolders = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}

// Ensure finds every prerequisite, or installs it, or says what to do.
func Ensure(ctx context.Context, p *progress.Progress) (Tools, error) {
	if os.Geteuid() != 0 {
		return Tools{}, errors.New("a node needs root: it makes namespaces, mounts and network links\n  run it as root (sudo -E make cluster-up), or use CLUSTER=kind or CLUSTER=existing")
	}
	missing := missingPackages()
	if len(missing) == 0 {
		return Tools{CNI: cniFolder()}, nil
	}
	if err := install(ctx, missing, p); err != nil {
		return Tools{}, err
	}
	if still := missingPackages(); len(still) > 0 {
		return Tools{}, fmt.Errorf("the packages %s are installed, but their programs are not on PATH", strings.Join(still, ", "))
	}
	return Tools{CNI: cniFolder()}, nil
}

func missingPackages() []string {
	var missing []string
	for _, t := range tools {
		if _, err := exec.LookPath(t.program); err != nil {
			missing = append(missing, t.pkg)
		}
	}
	if cniFolder() == "" {
		missing = append(missing, cniPackage)
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

func cniFolder() string {
	for _, dir := range cniFolders {
		if _, err := os.Stat(filepath.Join(dir, "ptp")); err == nil {
			return dir
		}
	}
	return ""
}
