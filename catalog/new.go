package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/catalog/progress"
	"github.com/sluice-ci/sluice/catalog/scaffold"
	"github.com/sluice-ci/sluice/catalog/tree"
	"github.com/sluice-ci/sluice/internal/task"
)

func newNew() *cobra.Command {
	var t scaffold.Task
	cmd := &cobra.Command{
		Use:   "new NAME --summary=SENTENCE",
		Short: "Begin a task that passes every rule and its own tests",
		Long: `Begin a task that passes every rule and its own tests.

It writes tasks/NAME with a small working program, its YAML, README, sample and tests, then runs the tests once, which fills in the README's
table and the list of dependencies. Change it from there; CONTRIBUTING.md tells the way to merged.`,
		Example: `  catalog new licence-gate --summary="Refuse a change that adds a forbidden licence."`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return task.Misconfigured("one name is needed, %d are given", len(args)).WithRemedy("catalog new licence-gate --summary=…")
			}
			return nil
		},
	}
	root := rootFlag(cmd)
	cmd.Flags().StringVar(&t.Summary, "summary", "", "What the task does, in one sentence with its full stop")
	cmd.Flags().StringVar(&t.Category, "category", "Code Quality", "A category of Tekton's hub")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir, err := findRoot(*root)
		if err != nil {
			return err
		}
		t.Name, t.Module = args[0], tree.Module(dir)
		files, err := scaffold.Write(dir, t)
		if err != nil {
			return err
		}
		for _, f := range files {
			fmt.Fprintln(cmd.OutOrStdout(), f)
		}
		return firstTest(cmd.Context(), cmd.ErrOrStderr(), dir, t.Name)
	}
	return cmd
}

// firstTest runs the new task's tests with -update, and once more without, as a reviewer will.
func firstTest(ctx context.Context, w io.Writer, root, name string) error {
	pkg := "./tasks/" + name
	return progress.New(w).Do("testing "+pkg, func(s *progress.Step) error {
		for _, args := range [][]string{{"test", pkg, "-update"}, {"test", pkg}} {
			cmd := exec.CommandContext(ctx, "go", args...)
			cmd.Dir = root
			if out, err := cmd.CombinedOutput(); err != nil {
				return task.Refuse("go %s: %w\n%s", strings.Join(args, " "), err, out).WithRemedy("mend tasks/%s, or delete it", name)
			}
		}
		s.Done("it passes; next: catalog lint tasks/%s", name)
		return nil
	})
}
