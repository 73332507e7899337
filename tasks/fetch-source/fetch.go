// Command fetch-source fetches one revision of a Git repository into a workspace.
//
// It promises that what lies in the workspace is what was asked for: the commit is the one that the revision names, and
// every file that was checked out is read back and hashed against it. A second run with the same inputs finds that and
// fetches nothing. Credentials go to the host of the URL alone.
//
// It refuses a revision that the repository does not have or that names two things, a destination that holds something
// else, a host whose SSH key is not in known_hosts, plain HTTP where it was not allowed, redirects to another host, and
// submodules that point at local paths or escape from HTTPS.
//
//	fetch-source --source=. --url=https://git.example.com/app.git --revision=v1.2.0
package main

import (
	"context"
	"strconv"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/internal/trust"
)

// options are what a run was asked for; fields have the names of their params.
type options struct {
	source       string
	credentials  string
	trust        *trust.Options
	url          string
	revision     string
	depth        int
	submodules   bool
	subdirectory string
	plainHTTP    []string
	budget       time.Duration
}

// fetcher is one run: where from, with what, and for how long faults may be retried.
type fetcher struct {
	*task.Run
	options     *options
	address     address
	credentials *credentials
	deadline    time.Time
	pause       func(context.Context, time.Duration) error
}

func fetch(ctx context.Context, r *task.Run, o *options) error {
	if o.depth < 0 {
		return task.Misconfigured("--depth is %d", o.depth).WithRemedy("0 is the whole history, 1 the newest commit alone")
	}
	from, err := parseAddress(o.url, o.plainHTTP)
	if err != nil {
		return err
	}
	secrets, err := readCredentials(o.credentials, from.host, r.Redact)
	if err != nil {
		return err
	}
	if err := installTransports(o.trust, o.plainHTTP); err != nil {
		return err
	}
	f := &fetcher{Run: r, options: o, address: from, credentials: secrets, deadline: time.Now().Add(o.budget), pause: sleep}
	r.Attr("vcs.repository.url.full", from.clean)
	return f.run(ctx)
}

func (f *fetcher) run(ctx context.Context) error {
	refs, err := f.list(ctx, f.address)
	if err != nil {
		return err
	}
	wanted, err := resolve(f.options.revision, refs)
	if err != nil {
		return f.unresolved(err, refs)
	}
	place, err := openDestination(f.options.source, f.options.subdirectory)
	if err != nil {
		return err
	}
	if commit, ok := place.holds(f.address.clean, wanted, f.options); ok {
		f.Printf("%s holds %s of %s already", place.path, short(commit.Hash), f.address.clean)
		return f.results(commit)
	}
	if err := place.claim(); err != nil {
		return err
	}
	commit, err := f.fetchInto(ctx, place, wanted)
	if err != nil {
		place.clear()
		return err
	}
	if err := place.done(); err != nil {
		return err
	}
	return f.results(commit)
}

// fetchInto fetches and checks out into a destination that is empty.
func (f *fetcher) fetchInto(ctx context.Context, place *destination, wanted revision) (*object.Commit, error) {
	repository, err := git.PlainInit(place.path, false)
	if err != nil {
		return nil, task.Misconfigured("making a repository in %q: %w", place.path, err).
			WithRemedy("can uid 65532 write there? fsGroup: 65532 in the pod template gives a volume to it")
	}
	if _, err := repository.CreateRemote(&config.RemoteConfig{Name: "origin", URLs: []string{f.address.clean}}); err != nil {
		return nil, task.Misconfigured("naming the remote %q: %w", f.address.clean, err)
	}
	began := time.Now()
	hash, err := f.download(ctx, f.address, repository, wanted)
	if err != nil {
		return nil, err
	}
	commit, err := repository.CommitObject(hash)
	if err != nil {
		return nil, task.Refuse("revision %q of %s is no commit: %w", wanted.asked, f.address.clean, err)
	}
	tree, err := repository.Worktree()
	if err != nil {
		return nil, err
	}
	if err := tree.Checkout(&git.CheckoutOptions{Hash: hash, Force: true}); err != nil {
		return nil, task.Misconfigured("checking out %s: %w", short(hash), err)
	}
	files, err := verify(repository, place.path, hash)
	if err != nil {
		return nil, err
	}
	f.Printf("fetched %s of %s: %s, %d files, %s", short(hash), f.address.clean, firstLine(commit.Message), files,
		time.Since(began).Round(time.Millisecond))
	if f.options.submodules {
		if err := f.fetchSubmodules(ctx, repository, place.path, f.address, 1); err != nil {
			return nil, err
		}
	}
	return commit, nil
}

func (f *fetcher) results(commit *object.Commit) error {
	f.Attr("vcs.ref.head.name", f.options.revision)
	f.Attr("vcs.ref.head.revision", commit.Hash.String())
	for _, result := range []struct{ name, value string }{
		{"commit", commit.Hash.String()},
		{"committer-date", strconv.FormatInt(commit.Committer.When.Unix(), 10)},
		{"CHAINS-GIT_URL", f.address.clean},
		{"CHAINS-GIT_COMMIT", commit.Hash.String()},
	} {
		if err := f.Result(result.name, result.value); err != nil {
			return err
		}
	}
	return nil
}

func short(hash plumbing.Hash) string { return hash.String()[:12] }
