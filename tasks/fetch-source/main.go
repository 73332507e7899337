package main

import (
	"context"
	"time"

	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/internal/trust"
)

func newCommand() *task.Command {
	c := task.New("fetch-source", "Fetch one revision of a Git repository into a workspace.")
	o := &options{}
	c.OutputWorkspace(&o.source, "source", "Where the revision is checked out; it has to be empty.")
	c.OptionalWorkspace(&o.credentials, "credentials",
		"Secret with username and password, .git-credentials, or ssh-privatekey; and known_hosts for ssh.")
	o.trust = trust.Declare(c)
	c.Required(&o.url, "url", "Repository to fetch from: an https, ssh or file URL, or user@host:path.")
	c.String(&o.revision, "revision", "HEAD", "Branch, tag, full commit hash or refs/… to fetch; HEAD is the default branch.")
	c.Int(&o.depth, "depth", 1, "How many commits of history to fetch; 0 is all of it.")
	c.Bool(&o.submodules, "submodules", false, "Fetch submodules too, and theirs.")
	c.String(&o.subdirectory, "subdirectory", "", "Directory below the workspace to check out into; empty is the workspace itself.")
	c.Strings(&o.plainHTTP, "plain-http-hosts", "", "Hosts, with port, that may be fetched from by http:// URLs, comma-separated.")
	c.Duration(&o.budget, "retry-budget", 2*time.Minute, "How long faults of the network and of the server may be retried, in all.")
	c.Reports()
	c.Result("commit", "Commit that was checked out, 40 hex digits.")
	c.Result("committer-date", "When the commit was made, in seconds since 1970: a SOURCE_DATE_EPOCH.")
	c.Result("CHAINS-GIT_URL", "Repository, without credentials; Tekton Chains reads it as an input.")
	c.Result("CHAINS-GIT_COMMIT", "Commit that was checked out; Tekton Chains reads it as an input.")
	c.Example("fetch-source --source=. --url=https://git.example.com/app.git --revision=v1.2.0")
	c.Run = func(ctx context.Context, r *task.Run) error { return fetch(ctx, r, o) }
	return c
}

func main() { task.Main(newCommand()) }
