package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/sluice-ci/sluice/internal/coverage"
	"github.com/sluice-ci/sluice/internal/predicate"
)

// measurement is what was found, before any rule is applied to it.
type measurement struct {
	tree        *coverage.Tree
	report      *coverage.Report // nil until there is a number
	rules       *coverage.Rules
	exclusions  *exclusions
	change      *coverage.Change // nil without a patch
	concessions []coverage.Concession
	baseline    *baseline // nil without one
	inputs      []predicate.Input
	notes       []string
}

// measure fills in m as far as it gets.
func (m *measurement) measure(ctx context.Context, o *options) error {
	if o.rules != "" {
		if err := m.readRules(o.rules); err != nil {
			return err
		}
	}
	var err error
	if m.exclusions, err = newExclusions(o, m.rules, m.tree); err != nil {
		return err
	}
	report, err := m.readProfiles(ctx, o, o.profiles)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(report.Files, func(f *coverage.File) bool { return m.tree.Has(f.Path) }) {
		return fmt.Errorf("none of the %d files of the profile is in the source, neither %s nor another: is it the profile of this source?",
			len(report.Files), report.Files[0].Path)
	}
	kept, dropped := report.Split(m.exclusions.keeps)
	m.exclusions.record(dropped)
	if kept.Counts().Total == 0 {
		return fmt.Errorf("every measured file is excluded (%d), so nothing is left to judge", len(dropped.Files))
	}
	if err := m.compare(ctx, o, kept); err != nil {
		return err
	}
	m.report = kept
	m.notes = append(m.notes, report.Notes...)
	m.noteMissing()
	m.notePartly(o)
	return nil
}

func (m *measurement) readRules(name string) error {
	data, err := m.tree.Read(filepath.ToSlash(filepath.Clean(name)))
	if err == nil {
		m.rules, err = coverage.ParseRules(data)
	}
	if err != nil {
		return fmt.Errorf("reading rules %q: %w", name, err)
	}
	return nil
}

// readProfiles merges the named reports and notes what was read.
func (m *measurement) readProfiles(ctx context.Context, o *options, names []string) (*coverage.Report, error) {
	if len(names) == 0 {
		return nil, errors.New("no profile is named")
	}
	set := coverage.NewSet(m.tree.Locate)
	for _, name := range names {
		dir, base, err := o.within(name)
		if err != nil {
			return nil, err
		}
		digest, err := set.ReadFile(ctx, dir, base)
		dir.Close()
		if err != nil {
			return nil, err
		}
		m.input(name, digest)
	}
	report, err := set.Report()
	if err == nil && o.partly == "uncovered" {
		report.PartlyAs(coverage.Uncovered)
	}
	return report, err
}

func (m *measurement) input(name, sha256 string) {
	m.inputs = append(m.inputs, predicate.Input{Name: name, Digest: map[string]string{"sha256": sha256}})
}

// noteMissing says which measured files the source does not have.
func (m *measurement) noteMissing() {
	count, first := 0, ""
	for _, f := range m.report.Files {
		if !m.tree.Has(f.Path) {
			if count++; first == "" {
				first = f.Path
			}
		}
	}
	if count > 0 {
		m.notes = append(m.notes, fmt.Sprintf("%s not in the source, such as %s; counted all the same",
			plural(count, "measured file is", "measured files are"), first))
	}
}

func (m *measurement) notePartly(o *options) {
	if n := m.report.Counts().Partial; n > 0 {
		m.notes = append(m.notes, fmt.Sprintf("%d of the covered %s ran only partly: a branch or an instruction never did; --partial-lines=uncovered counts them as uncovered",
			n, m.report.Unit))
	}
}
