package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/hmarr/codeowners"
	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/catalog/approvals"
	"github.com/sluice-ci/sluice/internal/task"
)

func newApprovals() *cobra.Command {
	var change, pull, api, owners string
	cmd := &cobra.Command{
		Use:   "approvals",
		Short: "Refuse a change until every owner on its CODEOWNERS lines approved",
		Long: `Refuse a change until every owner on its CODEOWNERS lines approved.

A forge is content with one owner of a line. Here each of them has to approve, each by another person, none of them the author.

With --github the change, its reviews and CODEOWNERS of its base branch are read from GitHub's REST API, with the token in GITHUB_TOKEN, which
has to be able to read pull requests and the organisation's teams. Only approvals of the newest commit count.

With --change they are read from a file (- is standard input):
  {"author": "…", "files": ["path", …], "approvals": [{"reviewer": "…", "teams": ["org/team", …]}]}`,
		Example: `  catalog approvals --github=sluice-ci/sluice#12
  catalog approvals --change=change.json --codeowners=CODEOWNERS`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&pull, "github", "", "The pull request, as owner/repository#number")
	f.StringVar(&api, "github-api", envOr("GITHUB_API_URL", "https://api.github.com"), "Address of GitHub's REST API")
	f.StringVar(&change, "change", "", "A file that describes the change, or - for standard input")
	f.StringVar(&owners, "codeowners", "CODEOWNERS", "With --change: the CODEOWNERS file of the branch that the change goes into")
	cmd.MarkFlagsMutuallyExclusive("github", "change")
	cmd.MarkFlagsOneRequired("github", "change")
	_ = cmd.MarkFlagFilename("change", "json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var rules codeowners.Ruleset
		var c approvals.Change
		var err error
		if pull != "" {
			rules, c, err = fromGitHub(cmd.Context(), api, pull)
		} else {
			rules, c, err = fromFiles(cmd.InOrStdin(), change, owners)
		}
		if err != nil {
			return err
		}
		return judge(cmd.OutOrStdout(), rules, c)
	}
	return cmd
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func fromGitHub(ctx context.Context, api, pull string) (codeowners.Ruleset, approvals.Change, error) {
	g := approvals.GitHub{API: api, Token: os.Getenv("GITHUB_TOKEN")}
	return g.Read(ctx, pull)
}

func fromFiles(stdin io.Reader, change, owners string) (codeowners.Ruleset, approvals.Change, error) {
	f, err := os.Open(filepath.Clean(owners))
	if err != nil {
		return nil, approvals.Change{}, task.Misconfigured("reading CODEOWNERS: %w", err).WithRemedy("name the file with --codeowners")
	}
	defer f.Close()
	rules, err := codeowners.ParseFile(f)
	if err != nil {
		return nil, approvals.Change{}, task.Misconfigured("reading %s: %w", owners, err).WithRemedy("write a pattern and its owners a line")
	}
	if change != "-" {
		in, err := os.Open(change)
		if err != nil {
			return nil, approvals.Change{}, task.Misconfigured("reading the change: %w", err).WithRemedy("name the file with --change")
		}
		defer in.Close()
		stdin = in
	}
	c, err := approvals.ReadChange(stdin)
	if err != nil {
		return nil, approvals.Change{}, task.Misconfigured("%w", err).WithRemedy("catalog approvals --help shows the format")
	}
	return rules, c, nil
}

// judge prints what is missing, file by file, and refuses if there is anything.
func judge(w io.Writer, rules codeowners.Ruleset, c approvals.Change) error {
	missing, err := approvals.Check(rules, c)
	if err != nil {
		return task.Misconfigured("%w", err)
	}
	needed := map[string]bool{}
	var order []string
	for _, m := range missing {
		if m.Line == 0 {
			fmt.Fprintf(w, "%s: no line of CODEOWNERS gives it an owner\n", m.File)
			continue
		}
		fmt.Fprintf(w, "%s: lacks %s (CODEOWNERS:%d asks for %s, each by another person)\n", m.File, strings.Join(m.Lacks, " and "), m.Line, strings.Join(m.Owners, " and "))
		for _, o := range m.Lacks {
			if !needed[o] {
				needed[o] = true
				order = append(order, o)
			}
		}
	}
	switch {
	case len(missing) == 0:
		fmt.Fprintf(w, "%d changed %s approved by every owner\n", len(c.Files), plural(len(c.Files), "file is", "files are"))
		return nil
	case len(order) == 0:
		return task.Refuse("%d of %d changed files have no owner", len(missing), len(c.Files)).WithRemedy("give each an owner in CODEOWNERS, by a change of its own")
	}
	return task.Refuse("%d of %d changed files lack an approval", len(missing), len(c.Files)).WithRemedy("ask %s to review the newest commit", strings.Join(order, " and "))
}
