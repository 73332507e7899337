package coverage

import (
	"errors"
	"fmt"
)

// Regression is a statement or line that ran in the baseline and does not any more, though it is unchanged.
type Regression struct {
	Path  string
	Line  uint32
	Count uint64
	Flaky bool // it ran in the second run of the same source
}

// Regressions compares a report with that of the commit before the patch: every unchanged statement that was covered
// there and is not any more. Rerun, if not nil, is a second run of the same source: what ran there is flaky, not lost.
func (p *Patch) Regressions(report, baseline, rerun *Report, tree *Tree) ([]Regression, error) {
	if report.Unit != baseline.Unit || rerun != nil && rerun.Unit != report.Unit {
		return nil, fmt.Errorf("the report counts %s and the baseline %s", report.Unit, baseline.Unit)
	}
	var found []Regression
	known := 0
	for _, f := range report.Files {
		old := f.Path
		change := p.ByNew(f.Path)
		if change != nil {
			old = change.Old
		}
		was := baseline.File(old)
		if was == nil {
			continue
		}
		known++
		var source []byte
		if tree.Has(f.Path) {
			var err error
			if source, err = tree.Read(f.Path); err != nil {
				return nil, err
			}
		}
		for _, u := range units(report.Unit, f, source) {
			if u.state == Uncovered && ranBefore(u, change, was) {
				found = append(found, Regression{f.Path, u.line, u.count, ranIn(rerun, f.Path, u)})
			}
		}
	}
	if known == 0 {
		return nil, errors.New("no file of the report is in the baseline: is it of another project?")
	}
	return found, nil
}

func ranBefore(u unit, change *PatchFile, was *File) bool {
	line := u.line
	if change != nil {
		for _, l := range u.lines {
			if _, unchanged := change.OldLine(l); !unchanged {
				return false
			}
		}
		line, _ = change.OldLine(line)
	}
	s := was.spanAt(line, u.col)
	return s != nil && s.State() != Uncovered
}

func ranIn(rerun *Report, path string, u unit) bool {
	if rerun == nil {
		return false
	}
	f := rerun.File(path)
	if f == nil {
		return false
	}
	s := f.spanAt(u.line, u.col)
	return s != nil && s.State() != Uncovered
}
