package lint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hmarr/codeowners"

	"github.com/sluice-ci/sluice/catalog/approvals"
)

var ownerRules = []Rule{
	{Name: "owners", Doc: "CODEOWNERS gives every folder an owner, and gives security and SRE together what decides: pipelines, gates, policy, and the rules themselves.", tree: owners},
}

// decides lists, beside every pipeline and every task whose name ends in -gate, the tasks that hold policy and the files that hold the rules.
var decides = []string{
	"tasks/attest", "tasks/verify", "tasks/promote", "tasks/rollback", "tasks/migrate-contract",
	"CODEOWNERS", ".github/workflows/approvals.yml", "catalog/approvals/approvals.go", "catalog/lint/rules.go",
}

func owners(r *report) {
	file, rules, err := readOwners(r.tree.Root)
	if err != nil {
		r.foundIn(file, 1, "write CODEOWNERS: a pattern and its owners a line, the last match wins", "%v", err)
		return
	}
	for _, u := range r.tree.Units() {
		r.owned(file, rules, u.Dir, u.Kind == "Pipeline" || strings.HasSuffix(u.Name, "-gate") || slices.Contains(decides, u.Dir))
	}
	for _, path := range decides {
		if _, err := os.Stat(filepath.Join(r.tree.Root, path)); err == nil && !strings.HasPrefix(path, "tasks/") {
			r.owned(file, rules, path, true)
		}
	}
}

func readOwners(root string) (string, codeowners.Ruleset, error) {
	for _, file := range approvals.Locations {
		f, err := os.Open(filepath.Join(root, file))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return file, nil, err
		}
		defer f.Close()
		rules, err := codeowners.ParseFile(f)
		return file, rules, err
	}
	return "CODEOWNERS", nil, os.ErrNotExist
}

func (r *report) owned(file string, rules codeowners.Ruleset, path string, both bool) {
	within := path
	if info, err := os.Stat(filepath.Join(r.tree.Root, path)); err == nil && info.IsDir() {
		within = path + "/task.yaml"
	}
	rule, err := rules.Match(within)
	switch {
	case err != nil:
		r.foundIn(file, 1, "mend the pattern", "%v", err)
	case rule == nil || len(rule.Owners) == 0:
		r.foundIn(file, 1, "add the line /"+path+"/ @org/team", "%s has no owner", path)
	case both && (!owns(rule, "/security") || !owns(rule, "/sre")):
		r.foundIn(file, rule.LineNumber, "add a later line for /"+path+" with both teams", "%s decides what reaches production, and its owners are not security and SRE both", path)
	}
}

func owns(rule *codeowners.Rule, team string) bool {
	return slices.ContainsFunc(rule.Owners, func(o codeowners.Owner) bool { return strings.HasSuffix(o.String(), team) })
}
