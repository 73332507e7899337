package main

import (
	"fmt"
	"slices"

	"github.com/sluice-ci/sluice/internal/coverage"
)

// exclusions are the files left out of every number: by rule, by param, or because they are generated.
type exclusions struct {
	tree      *coverage.Tree
	rules     []coverage.ExcludeRule
	used      []bool
	generated bool
	files     []exclusion
}

// exclusion is a measured file that is left out, and why.
type exclusion struct {
	path, reason string
	coverage.Counts
}

func newExclusions(o *options, rules *coverage.Rules, tree *coverage.Tree) (*exclusions, error) {
	e := &exclusions{tree: tree, rules: slices.Clone(rules.Exclude), generated: o.excludeGenerated}
	for _, text := range o.exclude {
		p, err := coverage.ParsePattern(text)
		if err != nil {
			return nil, fmt.Errorf("reading --exclude: %w", err)
		}
		e.rules = append(e.rules, coverage.ExcludeRule{Path: p, Reason: "--exclude=" + text})
	}
	e.used = make([]bool, len(e.rules))
	return e, nil
}

// reason is the first that holds for a path, or "".
func (e *exclusions) reason(path string) string {
	if i := slices.IndexFunc(e.rules, func(r coverage.ExcludeRule) bool { return r.Path.Match(path) }); i >= 0 {
		e.used[i] = true
		return e.rules[i].Reason
	}
	if e.generated && e.tree.Has(path) {
		if source, err := e.tree.Read(path); err == nil && coverage.IsGenerated(source) {
			return "generated code"
		}
	}
	return ""
}

func (e *exclusions) keeps(f *coverage.File) bool { return e.reason(f.Path) == "" }

func (e *exclusions) skips(path string) bool { return e.reason(path) != "" }

// record lists the measured files that are left out.
func (e *exclusions) record(dropped *coverage.Report) {
	for _, f := range dropped.Files {
		e.files = append(e.files, exclusion{f.Path, e.reason(f.Path), f.Counts()})
	}
}

// idle notes the rules that match nothing: leftovers, or mistyped.
func (e *exclusions) idle() (notes []string) {
	for i, r := range e.rules {
		if !e.used[i] {
			notes = append(notes, fmt.Sprintf("exclusion %s matches no measured file", r.Path))
		}
	}
	return notes
}
