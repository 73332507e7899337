// Package approvals counts reviews as CODEOWNERS is written: every owner on a line has to approve.
//
// A forge asks less. On GitHub one review by any owner on the line satisfies it, so "security and SRE" on one line means "security or SRE".
// This package promises that a change is let through only when each owner of each changed file has approved, each by another person,
// none of them the author. It refuses a file that no line gives an owner.
//
//	rules, err := codeowners.ParseFile(file)
//	missing, err := approvals.Check(rules, change)
package approvals

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hmarr/codeowners"
)

// A Change is what a forge knows about a proposed change. Its JSON form is what `catalog approvals --change` reads.
type Change struct {
	Author    string     `json:"author"`
	Files     []string   `json:"files"` // every path that is added, changed, removed or renamed from, relative to the repository
	Approvals []Approval `json:"approvals"`
}

// An Approval is a person's standing approval of the newest commit.
type Approval struct {
	Reviewer string   `json:"reviewer"`
	Teams    []string `json:"teams"` // org/team, without @
}

// ReadChange reads a Change and refuses unknown fields and one without files, of which nothing could be judged.
func ReadChange(r io.Reader) (Change, error) {
	var c Change
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return Change{}, fmt.Errorf("reading the change: %w", err)
	}
	if len(c.Files) == 0 {
		return Change{}, fmt.Errorf("reading the change: it has no files")
	}
	if c.Author == "" {
		return Change{}, fmt.Errorf("reading the change: it has no author, whose own approval does not count")
	}
	return c, nil
}

// Missing is a set of owners that a file still needs.
type Missing struct {
	File   string
	Line   int      // of CODEOWNERS; 0 where no line matches
	Owners []string // as written there, all that the line names
	Lacks  []string // those that nobody stands for yet
}

// Check lists what is missing, in the order of the files. None missing means that the change may go in.
func Check(rules codeowners.Ruleset, c Change) ([]Missing, error) {
	var missing []Missing
	for _, file := range c.Files {
		rule, err := rules.Match(file)
		if err != nil {
			return nil, fmt.Errorf("matching %q: %w", file, err)
		}
		if rule == nil || len(rule.Owners) == 0 {
			missing = append(missing, Missing{File: file})
			continue
		}
		var owners []string
		for _, o := range rule.Owners {
			owners = append(owners, o.String())
		}
		if lacks := c.lacks(owners); len(lacks) > 0 {
			missing = append(missing, Missing{File: file, Line: rule.LineNumber, Owners: owners, Lacks: lacks})
		}
	}
	return missing, nil
}

// lacks is the smallest set of owners that cannot each be given a reviewer of its own.
func (c Change) lacks(owners []string) []string {
	return c.assign(owners, nil)
}

// assign tries every reviewer for the first owner, and nobody as the last resort: owners on a line are few.
func (c Change) assign(owners []string, taken []string) []string {
	if len(owners) == 0 {
		return nil
	}
	best := append([]string{owners[0]}, c.assign(owners[1:], taken)...)
	for _, a := range c.Approvals {
		if strings.EqualFold(a.Reviewer, c.Author) || slices.Contains(taken, a.Reviewer) || !a.standsFor(owners[0]) {
			continue
		}
		if rest := c.assign(owners[1:], append(taken[:len(taken):len(taken)], a.Reviewer)); len(rest) <= len(best) {
			best = rest
		}
	}
	return best
}

// standsFor says whether an approval counts for an owner: @org/team or @person.
func (a Approval) standsFor(owner string) bool {
	owner = strings.TrimPrefix(owner, "@")
	if strings.Contains(owner, "/") {
		return slices.ContainsFunc(a.Teams, func(t string) bool { return strings.EqualFold(t, owner) })
	}
	return strings.EqualFold(a.Reviewer, owner)
}

// Owners are the owners of all the files, each once, as CODEOWNERS writes them.
func Owners(rules codeowners.Ruleset, files []string) ([]string, error) {
	var owners []string
	for _, file := range files {
		rule, err := rules.Match(file)
		if err != nil {
			return nil, fmt.Errorf("matching %q: %w", file, err)
		}
		if rule == nil {
			continue
		}
		for _, o := range rule.Owners {
			owners = append(owners, o.String())
		}
	}
	slices.Sort(owners)
	return slices.Compact(owners), nil
}

// Locations are where a forge looks for CODEOWNERS, in order.
var Locations = []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"}
