package approvals_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/catalog/approvals"
	"github.com/sluice-ci/sluice/internal/task"
)

// forge serves the part of GitHub's REST API that is asked, with its pages, in the shapes of its documentation.
type forge struct {
	t       *testing.T
	server  *httptest.Server
	files   []map[string]any
	changed int // what the pull request says of the number of files; the length of files unless set
	reviews []map[string]any
	members map[string][]string // by team
	fail    map[string][]int    // statuses to answer before the right one, by path
	asked   []string
}

func newForge(t *testing.T) *forge {
	f := &forge{t: t, members: map[string][]string{"security": {"a"}, "sre": {"b"}, "maintainers": {"m"}}, fail: map[string][]int{}}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

func (f *forge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked = append(f.asked, r.URL.Path)
	if status := f.fail[r.URL.Path]; len(status) > 0 {
		f.fail[r.URL.Path] = status[1:]
		w.WriteHeader(status[0])
		return
	}
	if r.Header.Get("Authorization") != "Bearer the-token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	changed := f.changed
	if changed == 0 {
		changed = len(f.files)
	}
	switch path := r.URL.Path; {
	case path == "/repos/org/repo/pulls/7":
		answer(w, map[string]any{"user": map[string]any{"login": "author"}, "head": map[string]any{"sha": "new"}, "base": map[string]any{"ref": "main"}, "changed_files": changed})
	case path == "/repos/org/repo/pulls/7/files":
		f.page(w, r, f.files)
	case path == "/repos/org/repo/pulls/7/reviews":
		f.page(w, r, f.reviews)
	case path == "/repos/org/repo/contents/CODEOWNERS" && r.URL.Query().Get("ref") == "main":
		fmt.Fprint(w, owners)
	case strings.HasPrefix(path, "/orgs/org/teams/"):
		f.team(w, strings.Split(strings.TrimPrefix(path, "/orgs/org/teams/"), "/"))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// page answers two elements a page, as a server with a small limit would.
func (f *forge) page(w http.ResponseWriter, r *http.Request, all []map[string]any) {
	n, _ := strconv.Atoi(r.URL.Query().Get("page"))
	n = max(n, 1)
	begin, end := min(2*(n-1), len(all)), min(2*n, len(all))
	if end < len(all) {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?page=%d>; rel="next", <%s>; rel="last"`, f.server.URL, r.URL.Path, n+1, f.server.URL))
	}
	answer(w, all[begin:end])
}

func (f *forge) team(w http.ResponseWriter, parts []string) {
	members, ok := f.members[parts[0]]
	switch {
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case len(parts) == 1:
		answer(w, map[string]any{"slug": parts[0]})
	default:
		for _, m := range members {
			if login, state, _ := strings.Cut(m, ":"); login == parts[2] {
				if state == "" {
					state = "active"
				}
				answer(w, map[string]any{"state": state})
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	}
}

func answer(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func file(name string) map[string]any { return map[string]any{"filename": name} }

func review(login, state, commit string) map[string]any {
	return map[string]any{"user": map[string]any{"login": login}, "state": state, "commit_id": commit}
}

// lacks runs the whole check and joins what is missing.
func (f *forge) lacks() (string, error) {
	rules, change, err := approvals.GitHub{API: f.server.URL, Token: "the-token"}.Read(context.Background(), "org/repo#7")
	if err != nil {
		return "", err
	}
	missing, err := approvals.Check(rules, change)
	require.NoError(f.t, err)
	var all []string
	for _, m := range missing {
		all = append(all, m.File+": "+strings.Join(m.Lacks, " "))
	}
	return strings.Join(all, "; "), nil
}

func TestReviewsCountAsGitHubShowsThem(t *testing.T) {
	const gate = "tasks/size-gate/gate.go"
	both := "tasks/size-gate/gate.go: @org/security @org/sre"
	for name, c := range map[string]struct {
		reviews []map[string]any
		want    string
	}{
		"both approve":                    {[]map[string]any{review("a", "APPROVED", "new"), review("b", "APPROVED", "new")}, ""},
		"one approves":                    {[]map[string]any{review("a", "APPROVED", "new")}, gate + ": @org/sre"},
		"nobody reviews":                  {nil, both},
		"an older commit was approved":    {[]map[string]any{review("a", "APPROVED", "old"), review("b", "APPROVED", "new")}, gate + ": @org/security"},
		"approved, then changes wanted":   {[]map[string]any{review("a", "APPROVED", "new"), review("a", "CHANGES_REQUESTED", "new"), review("b", "APPROVED", "new")}, gate + ": @org/security"},
		"changes wanted, then approved":   {[]map[string]any{review("a", "CHANGES_REQUESTED", "new"), review("b", "APPROVED", "new"), review("a", "APPROVED", "new")}, ""},
		"approved, then a comment":        {[]map[string]any{review("a", "APPROVED", "new"), review("b", "APPROVED", "new"), review("a", "COMMENTED", "new")}, ""},
		"an approval that was dismissed":  {[]map[string]any{review("a", "DISMISSED", "new"), review("b", "APPROVED", "new")}, gate + ": @org/security"},
		"a member who did not accept yet": {[]map[string]any{review("invited", "APPROVED", "new"), review("b", "APPROVED", "new")}, gate + ": @org/security"},
		"somebody of no team":             {[]map[string]any{review("x", "APPROVED", "new"), review("y", "APPROVED", "new"), review("b", "APPROVED", "new")}, gate + ": @org/security"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForge(t)
			f.members["security"] = []string{"a", "invited:pending"}
			f.files, f.reviews = []map[string]any{file(gate)}, c.reviews
			got, err := f.lacks()
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestFilesOfEveryPageCount(t *testing.T) {
	f := newForge(t)
	f.files = []map[string]any{file("README.md"), file("a"), file("b"), file("c"), file("tasks/size-gate/gate.go")}
	f.reviews = []map[string]any{review("m", "APPROVED", "new")}
	got, err := f.lacks()
	require.NoError(t, err)
	require.Equal(t, "tasks/size-gate/gate.go: @org/security @org/sre", got)
}

func TestAFileThatWasMovedAwayNeedsItsOwners(t *testing.T) {
	f := newForge(t)
	f.files = []map[string]any{{"filename": "attic/gate.go", "previous_filename": "tasks/size-gate/gate.go"}}
	f.reviews = []map[string]any{review("m", "APPROVED", "new")}
	got, err := f.lacks()
	require.NoError(t, err)
	require.Equal(t, "tasks/size-gate/gate.go: @org/security @org/sre", got)
}

func TestWhatCannotBeReadIsNeverAnApproval(t *testing.T) {
	one := []map[string]any{file("README.md")}
	for name, c := range map[string]struct {
		change func(*forge)
		code   int
		want   string
	}{
		"a list that is cut short":    {func(f *forge) { f.changed = 2 }, task.CodeUndecided, "lists 1 of 2 files"},
		"more files than are listed":  {func(f *forge) { f.changed = 3001 }, task.CodeUndecided, "3001 files"},
		"a token that sees no team":   {func(f *forge) { f.members = map[string][]string{} }, task.CodeMisconfigured, "/orgs/org/teams/maintainers"},
		"a token that is refused":     {func(f *forge) { f.fail["/repos/org/repo/pulls/7"] = []int{403} }, task.CodeMisconfigured, "403"},
		"a forge that stays down":     {func(f *forge) { f.fail["/repos/org/repo/pulls/7"] = []int{500, 502, 503} }, task.CodeUndecided, "503"},
		"reviews that cannot be read": {func(f *forge) { f.fail["/repos/org/repo/pulls/7/reviews"] = []int{404} }, task.CodeMisconfigured, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForge(t)
			f.files, f.reviews = one, []map[string]any{review("m", "APPROVED", "new")}
			c.change(f)
			_, err := f.lacks()
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.code, task.Code(err))
			require.NotContains(t, err.Error(), "the-token")
		})
	}
}

func TestAStumbleIsTriedAgain(t *testing.T) {
	f := newForge(t)
	f.files, f.reviews = []map[string]any{file("README.md")}, []map[string]any{review("m", "APPROVED", "new")}
	f.fail["/repos/org/repo/pulls/7"] = []int{502}
	got, err := f.lacks()
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestAPullRequestHasAName(t *testing.T) {
	for _, name := range []string{"", "org/repo", "org/repo#0", "org/repo#x", "repo#7", "org/repo/../x#7"} {
		_, _, err := approvals.GitHub{API: "http://127.0.0.1:1"}.Read(context.Background(), name)
		require.ErrorContains(t, err, "does not name a pull request", name)
	}
}
