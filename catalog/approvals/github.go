package approvals

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hmarr/codeowners"

	"github.com/sluice-ci/sluice/internal/task"
)

// GitHub reads a pull request through the REST API, version 2022-11-28 (https://docs.github.com/rest).
type GitHub struct {
	API   string // https://api.github.com, or a server's own
	Token string // has to read pull requests, contents and the organisation's teams
}

var pullName = regexp.MustCompile(`^([\w.-]+/[\w.-]+)#([1-9]\d*)$`)

// maxFiles is how many files GitHub lists of a pull request; of a larger one it leaves the rest out.
const maxFiles = 3000

// Read reads the pull request owner/repository#number, and CODEOWNERS from its base branch: the one on its own branch is under review itself.
func (g GitHub) Read(ctx context.Context, pull string) (codeowners.Ruleset, Change, error) {
	m := pullName.FindStringSubmatch(pull)
	if m == nil {
		return nil, Change{}, task.Misconfigured("%q does not name a pull request", pull).WithRemedy("write owner/repository#number")
	}
	repo := "/repos/" + m[1]
	at := repo + "/pulls/" + m[2]
	var pr struct {
		User         struct{ Login string }
		Head         struct{ SHA string }
		Base         struct{ Ref string }
		ChangedFiles int `json:"changed_files"`
	}
	if err := g.get(ctx, at, &pr); err != nil {
		return nil, Change{}, err
	}
	rules, err := g.owners(ctx, repo, pr.Base.Ref)
	if err != nil {
		return nil, Change{}, err
	}
	c := Change{Author: pr.User.Login}
	if c.Files, err = g.files(ctx, at, pr.ChangedFiles); err != nil {
		return nil, Change{}, err
	}
	owners, err := Owners(rules, c.Files)
	if err != nil {
		return nil, Change{}, task.Misconfigured("%w", err)
	}
	reviewers, err := g.approvers(ctx, at, pr.Head.SHA)
	if err != nil {
		return nil, Change{}, err
	}
	for _, r := range reviewers {
		teams, err := g.teamsOf(ctx, r, owners)
		if err != nil {
			return nil, Change{}, err
		}
		c.Approvals = append(c.Approvals, Approval{Reviewer: r, Teams: teams})
	}
	return rules, c, nil
}

func (g GitHub) owners(ctx context.Context, repo, ref string) (codeowners.Ruleset, error) {
	for _, file := range Locations {
		body, status, _, err := g.do(ctx, g.API+repo+"/contents/"+file+"?ref="+url.QueryEscape(ref), "application/vnd.github.raw+json")
		if err != nil {
			return nil, err
		}
		if status == http.StatusNotFound {
			continue
		}
		if status != http.StatusOK {
			return nil, g.unexpected(file, status)
		}
		rules, err := codeowners.ParseFile(strings.NewReader(string(body)))
		if err != nil {
			return nil, task.Misconfigured("reading %s of %s: %w", file, ref, err).WithRemedy("write a pattern and its owners a line")
		}
		return rules, nil
	}
	return nil, task.Misconfigured("%s has no CODEOWNERS on %s", repo, ref).WithRemedy("add one; without owners nothing can be approved")
}

// files lists every path that the pull request touches, and both ends of a rename.
func (g GitHub) files(ctx context.Context, at string, changed int) ([]string, error) {
	if changed > maxFiles {
		return nil, task.Undecided("%s changes %d files, of which GitHub lists %d", at, changed, maxFiles).WithRemedy("split the change")
	}
	var files []string
	seen := 0
	err := pages(ctx, g, at+"/files", func(page []struct {
		Filename string
		Previous string `json:"previous_filename"`
	}) {
		for _, f := range page {
			seen++
			files = append(files, f.Filename)
			if f.Previous != "" {
				files = append(files, f.Previous)
			}
		}
	})
	if err == nil && seen != changed {
		return nil, task.Undecided("GitHub lists %d of %d files of %s", seen, changed, at).WithRemedy("run the check again; was something pushed meanwhile?")
	}
	return files, err
}

// approvers are the people whose last word on the newest commit is an approval. A comment is no word; a dismissed approval is none.
func (g GitHub) approvers(ctx context.Context, at, head string) ([]string, error) {
	last := map[string]string{}
	var order []string
	err := pages(ctx, g, at+"/reviews", func(page []struct {
		User     struct{ Login string }
		State    string
		CommitID string `json:"commit_id"`
	}) {
		for _, r := range page {
			if r.State == "COMMENTED" || r.State == "PENDING" {
				continue
			}
			if _, ok := last[r.User.Login]; !ok {
				order = append(order, r.User.Login)
			}
			last[r.User.Login] = r.State
			if r.CommitID != head {
				last[r.User.Login] = "STALE"
			}
		}
	})
	return slices.DeleteFunc(order, func(login string) bool { return last[login] != "APPROVED" }), err
}

// teamsOf are those of the owners' teams that a person is an active member of.
func (g GitHub) teamsOf(ctx context.Context, login string, owners []string) ([]string, error) {
	var teams []string
	for _, owner := range owners {
		org, team, ok := strings.Cut(strings.TrimPrefix(owner, "@"), "/")
		if !ok {
			continue
		}
		at := "/orgs/" + org + "/teams/" + team
		var exists struct{ Slug string }
		if err := g.get(ctx, at, &exists); err != nil {
			return nil, err
		}
		body, status, _, err := g.do(ctx, g.API+at+"/memberships/"+login, "application/vnd.github+json")
		if err != nil {
			return nil, err
		}
		var membership struct{ State string }
		switch {
		case status == http.StatusNotFound:
		case status != http.StatusOK:
			return nil, g.unexpected(at, status)
		case json.Unmarshal(body, &membership) == nil && membership.State == "active":
			teams = append(teams, org+"/"+team)
		}
	}
	return teams, nil
}

func (g GitHub) get(ctx context.Context, path string, into any) error {
	body, status, _, err := g.do(ctx, g.API+path, "application/vnd.github+json")
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return g.unexpected(path, status)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return task.Undecided("reading %s: %w", path, err).WithRemedy("is --github-api the address of GitHub's REST API?")
	}
	return nil
}

func (g GitHub) unexpected(path string, status int) error {
	e := task.Misconfigured
	if status == http.StatusTooManyRequests || status >= 500 {
		e = task.Undecided
	}
	return e("reading %s: GitHub answers %d %s", path, status, http.StatusText(status)).
		WithRemedy("give a token in GITHUB_TOKEN that may read pull requests, contents and the organisation's teams; a workflow's own token cannot read teams")
}

var nextPage = regexp.MustCompile(`<([^>]+)>;\s*rel="next"`)

// pages calls do for each page of a list.
func pages[T any](ctx context.Context, g GitHub, path string, do func([]T)) error {
	for next := g.API + path + "?per_page=100"; next != ""; {
		body, status, header, err := g.do(ctx, next, "application/vnd.github+json")
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return g.unexpected(path, status)
		}
		var page []T
		if err := json.Unmarshal(body, &page); err != nil {
			return task.Undecided("reading %s: %w", path, err).WithRemedy("is --github-api the address of GitHub's REST API?")
		}
		do(page)
		next = ""
		if m := nextPage.FindStringSubmatch(header.Get("Link")); m != nil && strings.HasPrefix(m[1], g.API+"/") { // the token goes nowhere else
			next = m[1]
		}
	}
	return nil
}

// do sends one request, and again, three times in all, where the server stumbled.
func (g GitHub) do(ctx context.Context, address, accept string) ([]byte, int, http.Header, error) {
	var last error
	for try := range 3 {
		if try > 0 {
			select {
			case <-ctx.Done():
				return nil, 0, nil, ctx.Err()
			case <-time.After(time.Duration(try) * time.Second):
			}
		}
		body, response, err := g.once(ctx, address, accept)
		if err == nil && response.StatusCode < 500 {
			return body, response.StatusCode, response.Header, nil
		}
		if last = err; err == nil {
			last = fmt.Errorf("it answers %s", response.Status)
		}
	}
	return nil, 0, nil, task.Undecided("asking %s: %w", g.API, last).WithRemedy("is it reachable from here? --github-api names another")
}

func (g GitHub) once(ctx context.Context, address, accept string) ([]byte, *http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept", accept)
	request.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	if g.Token != "" {
		request.Header.Set("Authorization", "Bearer "+g.Token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	return body, response, err
}
