package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/catalog/lint"
	"github.com/sluice-ci/sluice/internal/task"
)

func newLint() *cobra.Command {
	var format string
	var rules bool
	cmd := &cobra.Command{
		Use:   "lint [path...]",
		Short: "Check tasks, pipelines and samples against the catalog's rules",
		Long: `Check tasks, pipelines and samples against the catalog's rules.

Each finding names file and line, what was found, the rule, and how to mend it. With paths, only findings at or below them are shown;
the whole catalog is still read, since references cross folders.`,
		Example: `  catalog lint
  catalog lint tasks/coverage-gate
  catalog lint --format=github     # annotations on a pull request
  catalog lint --rules             # what the rules are`,
	}
	root := rootFlag(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "How to print findings: text, github or json")
	cmd.Flags().BoolVar(&rules, "rules", false, "List the rules and check nothing")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(lint.Formats, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		if rules {
			return lint.PrintRules(cmd.OutOrStdout())
		}
		if !slices.Contains(lint.Formats, format) {
			return task.Misconfigured("unknown format %q", format).WithRemedy("use one of: %s", strings.Join(lint.Formats, ", "))
		}
		return lintTree(cmd, *root, format, paths)
	}
	return cmd
}

func lintTree(cmd *cobra.Command, root, format string, paths []string) error {
	t, err := loadTree(root)
	if err != nil {
		return err
	}
	findings := lint.Check(t)
	if len(paths) > 0 {
		var within []string
		for _, p := range paths {
			rel, err := relative(t.Root, p)
			if err != nil {
				return err
			}
			within = append(within, rel)
		}
		findings = slices.DeleteFunc(findings, func(f lint.Finding) bool {
			return !slices.ContainsFunc(within, func(p string) bool { return p == "." || f.File == p || strings.HasPrefix(f.File, p+"/") })
		})
	}
	if err := lint.Print(cmd.OutOrStdout(), format, findings); err != nil {
		return err
	}
	if n := len(findings); n > 0 {
		return task.Refuse("%d %s", n, plural(n, "finding", "findings")).WithRemedy("mend what is listed above; catalog lint --rules says why each rule is there")
	}
	if len(paths) > 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "no finding in", strings.Join(paths, ", "))
		return nil
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d %s and %d %s keep all %d rules\n",
		len(t.Tasks), plural(len(t.Tasks), "task", "tasks"), len(t.Pipelines), plural(len(t.Pipelines), "pipeline", "pipelines"), len(lint.Rules))
	return nil
}

// relative turns a path that a person gave into one relative to the catalog's root, with slashes.
func relative(root, path string) (string, error) {
	absRoot, err := filepath.Abs(root)
	if err != nil {
		return "", fmt.Errorf("finding %q: %w", root, err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("finding %q: %w", path, err)
	}
	if !isDir(abs) && !isFile(abs) {
		return "", task.Misconfigured("there is no %s", path).WithRemedy("name a file or folder of the catalog")
	}
	rel, err := filepath.Rel(absRoot, abs)
	if err != nil || strings.HasPrefix(rel, "..") {
		return "", task.Misconfigured("%s is not in the catalog %s", path, root).WithRemedy("name a file or folder of the catalog")
	}
	return filepath.ToSlash(rel), nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
