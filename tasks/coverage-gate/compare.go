package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sluice-ci/sluice/internal/coverage"
	"github.com/sluice-ci/sluice/internal/coverage/gitpatch"
	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/task"
)

// baseline is what the coverage was before the change.
type baseline struct {
	name string
	// Of a report, statement by statement:
	lost, flaky []coverage.Regression
	// Of evidence, which holds the sums only:
	before *coverage.Counts
}

// compare measures the patch, and what got lost since the baseline.
func (m *measurement) compare(ctx context.Context, o *options, report *coverage.Report) error {
	patch, err := m.readPatch(ctx, o)
	if err != nil {
		return err
	}
	if patch != nil {
		if m.change, err = patch.Measure(report, m.tree, m.exclusions.skips); err != nil {
			return fmt.Errorf("measuring the patch: %w", err)
		}
		if m.concessions, err = patch.Concessions(m.tree, o.rules); err != nil {
			return fmt.Errorf("reading the patch: %w", err)
		}
		m.notes = append(m.notes, m.change.Notes...)
	} else if !o.minimumPatch.IsZero() {
		return task.Misconfigured("--minimum-patch=%s without a patch", o.minimumPatch).
			WithRemedy("name a diff with --patch, or the commit to compare with in --base")
	}
	switch {
	case o.baseline != "" && o.baselineImage != "":
		return errors.New("both --baseline and --baseline-image are given: one of them says what was")
	case o.baselineImage != "":
		return m.readImage(ctx, o, report.Unit)
	case o.baseline != "":
		return m.readBaseline(ctx, o, report, patch)
	}
	if len(o.rerun) > 0 {
		return errors.New("--rerun-profile without --baseline: there is nothing to tell flaky from lost")
	}
	return nil
}

func (m *measurement) readPatch(ctx context.Context, o *options) (*coverage.Patch, error) {
	switch {
	case o.patch != "" && o.base != "":
		return nil, errors.New("both --patch and --base are given: one of them says what changed")
	case o.base != "":
		patch, err := gitpatch.Since(ctx, o.source, o.base)
		if errors.Is(err, gitpatch.ErrNoBase) {
			return nil, task.Misconfigured("%w", err).WithRemedy("fetch the history too: fetch-source with depth 0")
		}
		return patch, err
	case o.patch != "":
		data, err := m.read(o, o.patch)
		if err != nil {
			return nil, fmt.Errorf("reading patch %q: %w", o.patch, err)
		}
		patch, err := coverage.ParsePatch(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("reading patch %q: %w", o.patch, err)
		}
		return patch, nil
	}
	return nil, nil
}

// maxWhole bounds the files in reports that are read whole, in bytes.
const maxWhole = 128 << 20

func (m *measurement) read(o *options, name string) ([]byte, error) {
	dir, base, err := o.within(name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := coverage.OpenRegular(dir, base)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxWhole+1))
	if err == nil && len(data) > maxWhole {
		err = fmt.Errorf("larger than %d bytes", maxWhole)
	}
	if err == nil {
		sum := sha256.Sum256(data)
		m.input(name, hex.EncodeToString(sum[:]))
	}
	return data, err
}

// readBaseline tells evidence, which is JSON, from a report.
func (m *measurement) readBaseline(ctx context.Context, o *options, report *coverage.Report, patch *coverage.Patch) error {
	m.baseline = &baseline{name: o.baseline}
	isEvidence, err := beginsWithBrace(o, o.baseline)
	if err == nil && isEvidence {
		err = m.readEvidence(o, report)
	} else if err == nil {
		err = m.readRegressions(ctx, o, report, patch)
	}
	if err != nil {
		return fmt.Errorf("reading baseline %q: %w", o.baseline, err)
	}
	return nil
}

func beginsWithBrace(o *options, name string) (bool, error) {
	dir, base, err := o.within(name)
	if err != nil {
		return false, err
	}
	defer dir.Close()
	if info, err := dir.Stat(base); err == nil && info.IsDir() {
		return false, nil
	}
	f, err := coverage.OpenRegular(dir, base)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
		return false, err
	}
	return bytes.HasPrefix(bytes.TrimSpace(head[:n]), []byte("{")), nil
}

// readEvidence takes the sums from the predicate of an earlier run, alone or in an in-toto Statement.
func (m *measurement) readEvidence(o *options, report *coverage.Report) error {
	data, err := m.read(o, o.baseline)
	if err != nil {
		return err
	}
	var doc struct {
		PredicateType string
		Predicate     gateEvidence
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	if doc.PredicateType != predicate.GateType || doc.Predicate.Gate != "coverage-gate" {
		return fmt.Errorf("it is %q of %q, not evidence of coverage-gate", doc.PredicateType, doc.Predicate.Gate)
	}
	m.baseline.before, err = doc.Predicate.counts(report.Unit)
	return err
}

func (m *measurement) readRegressions(ctx context.Context, o *options, report *coverage.Report, patch *coverage.Patch) error {
	if patch == nil {
		return task.Misconfigured("a report as baseline needs the patch that lies between, since lines move").
			WithRemedy("name a diff with --patch, or the commit to compare with in --base; evidence of this gate needs neither")
	}
	before, err := m.readProfiles(ctx, o, []string{o.baseline})
	if err != nil {
		return err
	}
	var rerun *coverage.Report
	if len(o.rerun) > 0 {
		if rerun, err = m.readProfiles(ctx, o, o.rerun); err != nil {
			return err
		}
	}
	regressions, err := patch.Regressions(report, before, rerun, m.tree)
	for _, r := range regressions {
		if r.Flaky {
			m.baseline.flaky = append(m.baseline.flaky, r)
		} else {
			m.baseline.lost = append(m.baseline.lost, r)
		}
	}
	return err
}
