package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/catalog/tree"
	"github.com/sluice-ci/sluice/internal/task"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "catalog",
		Short: "Keep and install a catalog of Tekton tasks",
		Long: `Keep and install a catalog of Tekton tasks.

Exit codes: 0 done; 1 a rule says no; 2 something is misconfigured; 3 it could not be decided, because a cluster, a registry or a forge
stayed unavailable.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddGroup(&cobra.Group{ID: "tree", Title: "For those who write tasks:"}, &cobra.Group{ID: "cluster", Title: "For those who run a cluster:"})
	for _, c := range []*cobra.Command{newLint(), newNew(), newApprovals()} {
		c.GroupID = "tree"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{newRelease(), newInstall(), newUninstall(), newKeys(), newAdmission()} {
		c.GroupID = "cluster"
		root.AddCommand(c)
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return task.Misconfigured("%w", err).WithRemedy("%s --help lists the flags", cmd.CommandPath())
	})
	return root
}

// report ends standard error with what was found and the remedy.
func report(w io.Writer, command string, err error) {
	if err == nil {
		return
	}
	fmt.Fprintf(w, "%s: %s\n", command, err)
	var e *task.Error
	if errors.As(err, &e) {
		for _, line := range e.Remedy {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
}

// rootFlag adds --root and returns where its value will be.
func rootFlag(cmd *cobra.Command) *string {
	root := cmd.Flags().String("root", "", "The catalog's folder; by default the nearest one above that holds tasks/ and a go.mod")
	_ = cmd.MarkFlagDirname("root")
	return root
}

// findRoot is the folder given, or the catalog's above the working directory.
func findRoot(root string) (string, error) {
	if root != "" {
		return root, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the catalog: %w", err)
	}
	return above(dir)
}

func loadTree(root string) (*tree.Tree, error) {
	root, err := findRoot(root)
	if err != nil {
		return nil, err
	}
	t, err := tree.Load(root)
	if err != nil {
		return nil, task.Misconfigured("%w", err).WithRemedy("give the catalog's folder with --root")
	}
	return t, nil
}

func above(dir string) (string, error) {
	for d := dir; ; d = filepath.Dir(d) {
		if isDir(filepath.Join(d, "tasks")) && isFile(filepath.Join(d, "go.mod")) {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", task.Misconfigured("no catalog in %q or above it", dir).WithRemedy("go to the catalog's folder, or give it with --root")
		}
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
