package coverage

import (
	"bytes"
	"fmt"
	"go/build"
	"io"
	"path"
	"slices"
	"strings"
)

// Change is the coverage of what a patch added or rewrote.
type Change struct {
	Files      []ChangedFile
	Unmeasured []string // changed source files that no report knows and of which nothing can be said
	Notes      []string
}

// ChangedFile is a file of which the patch changed statements or lines that count.
type ChangedFile struct {
	Path string
	Counts
	Uncovered []uint32 // the changed lines that did not run, ascending
	Unknown   bool     // it is in no profile, so that all its changed statements count as uncovered
}

// Counts adds up all changed files.
func (c *Change) Counts() Counts {
	var sum Counts
	for _, f := range c.Files {
		sum.Add(f.Counts)
	}
	return sum
}

// Measure finds how much of a patch ran. A deleted file is not uncovered, a renamed one counts with its changed lines
// only, and the files that skip says yes to do not count. A changed Go file that no profile knows counts as uncovered,
// statement by statement, unless it is a test or is not built for linux/amd64.
func (p *Patch) Measure(report *Report, tree *Tree, skip func(path string) bool) (*Change, error) {
	if err := p.Fits(tree); err != nil {
		return nil, err
	}
	extensions := map[string]bool{}
	for _, f := range report.Files {
		extensions[path.Ext(f.Path)] = true
	}
	c := &Change{}
	for _, f := range p.Files {
		added := f.Added()
		if f.New == "" || f.Opaque || len(added) == 0 || skip(f.New) {
			continue
		}
		source, err := tree.Read(f.New)
		if err != nil {
			return nil, err
		}
		measured := report.File(f.New)
		switch {
		case measured != nil:
			c.add(f.New, units(report.Unit, measured, source), added, false)
		case report.Unit == Statements && isGo(f.New):
			c.unknownGo(f.New, source, added)
		case extensions[path.Ext(f.New)] && !looksLikeTest(f.New):
			c.Unmeasured = append(c.Unmeasured, f.New)
		}
	}
	return c, nil
}

func (c *Change) add(name string, all []unit, added []uint32, unknown bool) {
	changed := ChangedFile{Path: name, Unknown: unknown}
	for _, u := range all {
		if !u.touches(added) {
			continue
		}
		changed.Add(u.counts())
		if u.state == Uncovered {
			for _, line := range u.lines {
				if _, ok := slices.BinarySearch(added, line); ok {
					changed.Uncovered = append(changed.Uncovered, line)
				}
			}
		}
	}
	if changed.Total > 0 {
		slices.Sort(changed.Uncovered)
		changed.Uncovered = slices.Compact(changed.Uncovered)
		c.Files = append(c.Files, changed)
	}
}

// unknownGo counts the changed statements of a Go file that is in no profile.
func (c *Change) unknownGo(name string, source []byte, added []uint32) {
	if strings.HasSuffix(name, "_test.go") || ignoredByGo(name) {
		return
	}
	if !builtForLinux(name, source) {
		c.Notes = append(c.Notes, fmt.Sprintf("%s is changed and not built for linux/amd64, so it is not measured", name))
		return
	}
	statements, err := goStatements(source)
	if err != nil {
		c.Unmeasured = append(c.Unmeasured, name)
		return
	}
	all := make([]unit, len(statements))
	for i, s := range statements {
		all[i] = unit{s.line, s.col, s.lines, 1, Uncovered}
	}
	c.add(name, all, added, true)
}

// ignoredByGo tells the paths that ./... never matches.
func ignoredByGo(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(element string) bool {
		return element == "testdata" || element == "vendor" || strings.HasPrefix(element, "_") || strings.HasPrefix(element, ".")
	})
}

func builtForLinux(name string, source []byte) bool {
	ctx := build.Default
	ctx.GOOS, ctx.GOARCH, ctx.CgoEnabled = "linux", "amd64", true
	ctx.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(source)), nil }
	match, err := ctx.MatchFile(path.Dir(name), path.Base(name))
	return match || err != nil
}

// looksLikeTest tells test files of other languages by the names they usually have.
func looksLikeTest(name string) bool {
	base := path.Base(name)
	stem := strings.TrimSuffix(base, path.Ext(base))
	for _, mark := range []string{".test", ".spec", "_test", "_spec", "Test", "Tests", "IT"} {
		if strings.HasSuffix(stem, mark) {
			return true
		}
	}
	return strings.HasPrefix(base, "test_") || slices.ContainsFunc(strings.Split(path.Dir(name), "/"), func(dir string) bool {
		return slices.Contains([]string{"test", "tests", "__tests__", "spec", "testdata"}, dir)
	})
}
