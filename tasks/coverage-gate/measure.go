package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/sluice-ci/sluice/internal/coverage"
	"github.com/sluice-ci/sluice/internal/evidence"
)

// measurement is what was found, before any rule is applied to it.
type measurement struct {
	report   *coverage.Report
	excluded []exclusion
	rules    *coverage.Rules
	inputs   []evidence.Input
	notes    []string
}

// exclusion is a file left out of every number, and why.
type exclusion struct {
	path, reason string
	coverage.Counts
}

func measure(ctx context.Context, o *options) (*measurement, error) {
	tree, err := coverage.OpenTree(o.source)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	m := &measurement{rules: &coverage.Rules{}}
	if o.rules != "" {
		if err := m.readRules(tree, o.rules); err != nil {
			return nil, err
		}
	}
	report, err := m.readProfiles(ctx, o, tree, o.profiles)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(report.Files, func(f *coverage.File) bool { return tree.Has(f.Path) }) {
		return nil, fmt.Errorf("none of the %d files of the profile is in the source, neither %s nor another: is it the profile of this source?",
			len(report.Files), report.Files[0].Path)
	}
	if err := m.leaveOut(o, tree, report); err != nil {
		return nil, err
	}
	m.notes = append(m.notes, report.Notes...)
	m.noteMissing(tree)
	return m, nil
}

func (m *measurement) readRules(tree *coverage.Tree, name string) error {
	data, err := tree.Read(filepath.ToSlash(filepath.Clean(name)))
	if err == nil {
		m.rules, err = coverage.ParseRules(data)
	}
	if err != nil {
		return fmt.Errorf("reading rules %q: %w", name, err)
	}
	return nil
}

func (m *measurement) readProfiles(ctx context.Context, o *options, tree *coverage.Tree, names []string) (*coverage.Report, error) {
	if len(names) == 0 {
		return nil, errors.New("no profile is named")
	}
	set := coverage.NewSet(tree.Locate)
	for _, name := range names {
		digest, err := set.ReadFile(ctx, o.inReports(name))
		if err != nil {
			return nil, err
		}
		m.inputs = append(m.inputs, evidence.Input{Name: name, Digest: map[string]string{"sha256": digest}})
	}
	return set.Report()
}

// leaveOut takes the excluded files out of the report, each for the first reason that holds.
func (m *measurement) leaveOut(o *options, tree *coverage.Tree, report *coverage.Report) error {
	rules := slices.Clone(m.rules.Exclude)
	for _, text := range o.exclude {
		p, err := coverage.ParsePattern(text)
		if err != nil {
			return fmt.Errorf("reading --exclude: %w", err)
		}
		rules = append(rules, coverage.ExcludeRule{Path: p, Reason: "--exclude=" + text})
	}
	used := make([]bool, len(rules))
	kept, _ := report.Split(func(f *coverage.File) bool {
		reason := ""
		if i := slices.IndexFunc(rules, func(e coverage.ExcludeRule) bool { return e.Path.Match(f.Path) }); i >= 0 {
			used[i], reason = true, rules[i].Reason
		} else if o.excludeGenerated && tree.Has(f.Path) {
			if source, err := tree.Read(f.Path); err == nil && coverage.IsGenerated(source) {
				reason = "generated code"
			}
		}
		if reason != "" {
			m.excluded = append(m.excluded, exclusion{f.Path, reason, f.Counts()})
		}
		return reason == ""
	})
	for i, e := range rules {
		if !used[i] {
			m.notes = append(m.notes, fmt.Sprintf("exclusion %s matches no measured file", e.Path))
		}
	}
	if kept.Counts().Total == 0 {
		return fmt.Errorf("every measured file is excluded (%d), so nothing is left to judge", len(m.excluded))
	}
	m.report = kept
	return nil
}

// noteMissing says which measured files the source does not have.
func (m *measurement) noteMissing(tree *coverage.Tree) {
	count, first := 0, ""
	for _, f := range m.report.Files {
		if !tree.Has(f.Path) {
			if count++; first == "" {
				first = f.Path
			}
		}
	}
	if count > 0 {
		m.notes = append(m.notes, fmt.Sprintf("%d measured files are not in the source, such as %s; they are counted", count, first))
	}
}
