package prerequisites

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/tests/cluster/progress"
)

// install installs Debian packages. The service that the package containerd brings is never started and not left enabled: the node runs a
// containerd of its own.
func install(ctx context.Context, packages []string, p *progress.Progress) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("missing programs\n  install what your distribution calls %s", strings.Join(packages, ", "))
	}
	task := p.Start("packages")
	task.Note("apt-get install %s", strings.Join(packages, " "))
	const service = "containerd.service"
	quiet := slices.Contains(packages, "containerd") && hasSystemctl()
	if quiet {
		_ = exec.CommandContext(ctx, "systemctl", "mask", service).Run()
	}
	err := apt(ctx, "update", "-q")
	if err == nil {
		err = apt(ctx, append([]string{"install", "-q", "-y", "--no-install-recommends"}, packages...)...)
	}
	if quiet {
		_ = exec.Command("systemctl", "unmask", service).Run()
		_ = exec.Command("systemctl", "disable", service).Run()
	}
	if err != nil {
		task.Fail("not installed")
		return fmt.Errorf("installing %s: %w", strings.Join(packages, ", "), err)
	}
	task.Done("installed %s", strings.Join(packages, ", "))
	return nil
}

func hasSystemctl() bool {
	_, err := exec.LookPath("systemctl")
	return err == nil
}

func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if output, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(output)), "\n")
		return fmt.Errorf("apt-get %s: %w\n    %s", strings.Join(args, " "), err, strings.Join(lines[max(0, len(lines)-10):], "\n    "))
	}
	return nil
}
