package approvals_test

import (
	"strings"
	"testing"

	"github.com/hmarr/codeowners"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/catalog/approvals"
)

const owners = `
*               @org/maintainers
/tasks/*-gate/  @org/security @org/sre
/docs/          @writer
/generated/
`

func rules(t testing.TB) codeowners.Ruleset {
	t.Helper()
	r, err := codeowners.ParseFile(strings.NewReader(owners))
	require.NoError(t, err)
	return r
}

func by(reviewer string, teams ...string) approvals.Approval {
	return approvals.Approval{Reviewer: reviewer, Teams: teams}
}

func TestEveryOwnerOnTheLineHasToApprove(t *testing.T) {
	const gate, other, doc = "tasks/size-gate/task.yaml", "README.md", "docs/a.md"
	for name, c := range map[string]struct {
		files     []string
		approvals []approvals.Approval
		lacks     map[string][]string // by file
	}{
		"both teams":                  {[]string{gate}, []approvals.Approval{by("a", "org/security"), by("b", "org/sre")}, nil},
		"one team of two":             {[]string{gate}, []approvals.Approval{by("a", "org/security")}, map[string][]string{gate: {"@org/sre"}}},
		"the other team of two":       {[]string{gate}, []approvals.Approval{by("b", "org/sre")}, map[string][]string{gate: {"@org/security"}}},
		"two of one team":             {[]string{gate}, []approvals.Approval{by("a", "org/security"), by("c", "org/security")}, map[string][]string{gate: {"@org/sre"}}},
		"one person in both teams":    {[]string{gate}, []approvals.Approval{by("a", "org/security", "org/sre")}, map[string][]string{gate: {"@org/sre"}}},
		"a person in both and one":    {[]string{gate}, []approvals.Approval{by("a", "org/security", "org/sre"), by("b", "org/security")}, nil},
		"nobody":                      {[]string{gate}, nil, map[string][]string{gate: {"@org/security", "@org/sre"}}},
		"a maintainer only":           {[]string{gate}, []approvals.Approval{by("m", "org/maintainers")}, map[string][]string{gate: {"@org/security", "@org/sre"}}},
		"the author does not count":   {[]string{gate}, []approvals.Approval{by("Author", "org/security"), by("b", "org/sre")}, map[string][]string{gate: {"@org/security"}}},
		"names differ in case":        {[]string{gate}, []approvals.Approval{by("a", "Org/Security"), by("b", "org/SRE")}, nil},
		"each file by its own line":   {[]string{gate, other}, []approvals.Approval{by("a", "org/security"), by("b", "org/sre")}, map[string][]string{other: {"@org/maintainers"}}},
		"a person as owner":           {[]string{doc}, []approvals.Approval{by("writer")}, nil},
		"another person as owner":     {[]string{doc}, []approvals.Approval{by("reader", "org/maintainers")}, map[string][]string{doc: {"@writer"}}},
		"a team named as a person is": {[]string{gate}, []approvals.Approval{by("org/security"), by("b", "org/sre")}, map[string][]string{gate: {"@org/security"}}},
	} {
		t.Run(name, func(t *testing.T) {
			missing, err := approvals.Check(rules(t), approvals.Change{Author: "author", Files: c.files, Approvals: c.approvals})
			require.NoError(t, err)
			got := map[string][]string{}
			for _, m := range missing {
				got[m.File] = m.Lacks
			}
			if c.lacks == nil {
				c.lacks = map[string][]string{}
			}
			require.Equal(t, c.lacks, got)
		})
	}
}

func TestAFileWithoutOwnerIsRefused(t *testing.T) {
	missing, err := approvals.Check(rules(t), approvals.Change{Author: "author", Files: []string{"generated/x.go"}, Approvals: []approvals.Approval{by("m", "org/maintainers")}})
	require.NoError(t, err)
	require.Equal(t, []approvals.Missing{{File: "generated/x.go"}}, missing)
}

func TestAChangeThatSaysNothingIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                             "no files",
		`{"files": ["a"]}`:               "no author",
		`{"author": "a", "file": ["x"]}`: "unknown field",
		`[`:                              "reading the change",
		``:                               "reading the change",
	} {
		_, err := approvals.ReadChange(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}

// FuzzCheck holds that adding an approval never makes more missing, whatever the names.
func FuzzCheck(f *testing.F) {
	f.Add("tasks/size-gate/x", "a", "org/security", "b", "org/sre")
	f.Add("x", "", "", "A", "org/maintainers")
	f.Add("docs/\x00", "writer", "/", "writer", "@")
	f.Fuzz(func(t *testing.T, file, a, teamA, b, teamB string) {
		change := approvals.Change{Author: "author", Files: []string{file}, Approvals: []approvals.Approval{by(a, teamA)}}
		before, err := approvals.Check(rules(t), change)
		if err != nil {
			return
		}
		change.Approvals = append(change.Approvals, by(b, teamB))
		after, err := approvals.Check(rules(t), change)
		require.NoError(t, err)
		if count(after) > count(before) {
			t.Fatalf("%v before, %v after", before, after)
		}
	})
}

func count(missing []approvals.Missing) (n int) {
	for _, m := range missing {
		n += max(1, len(m.Lacks))
	}
	return n
}
