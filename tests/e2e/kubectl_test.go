//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"time"
)

// tryKubectl runs kubectl as a person would, and gives all that it prints.
func tryKubectl(stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Getenv("KUBECTL"), args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
