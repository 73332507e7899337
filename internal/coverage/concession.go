package coverage

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Concession is something in a patch that makes coverage easier to reach without a test: a new exclusion, a lowered
// minimum, a comment that tells a tool to look away, a test that is skipped. It may be right; a reviewer should see it.
type Concession struct {
	Path string
	Line uint32 // 0 where it is about the whole file
	What string
}

// ignores are the marks by which tools are told to leave code out, or tests to be skipped.
var ignores = []struct {
	what string
	re   *regexp.Regexp
}{
	{"code is hidden from coverage", regexp.MustCompile(`(?i)\b(istanbul|c8|v8|node:coverage)\s+(ignore|disable)\b|pragma:\s*no\s*(cover|branch)|\b(LCOV|GCOV|GCOVR|GRCOV)_EXCL|coverage[-:](ignore|off|exclude)|@codeCoverageIgnore|@Generated\b|ExcludeFromCodeCoverage|\bnocov\b|tarpaulin::skip|coverage\(off\)`)},
	{"a test is skipped", regexp.MustCompile(`\bt\.Skip(f|Now)?\(|\b(it|test|describe)\.skip\(|\bx(it|describe)\(|@(Disabled|Ignore)\b|pytest\.mark\.skip|unittest\.skip|#\[ignore\]|markTestSkipped`)},
}

// minimums finds thresholds in YAML, make and command lines: "name: minimum, value: 80", "minimum-file: 80", "--minimum=80".
var minimums = regexp.MustCompile(`\b(minimum(?:-[a-z]+)*)\b["']?\s*(?:,?\s*value\s*:|[:=])\s*["']?([0-9]+(?:\.[0-9]+)?)`)

// Concessions lists what a patch concedes. Rules is the path of the rule file, "" for none.
func (p *Patch) Concessions(tree *Tree, rules string) (found []Concession, err error) {
	for _, f := range p.Files {
		if f.Opaque {
			continue
		}
		if f.New == "" {
			if looksLikeTest(f.Old) {
				found = append(found, Concession{f.Old, 0, "a test file is deleted"})
			}
			continue
		}
		after, err := tree.Read(f.New)
		if err != nil {
			return nil, err
		}
		before, err := f.Before(after)
		if err != nil {
			return nil, err
		}
		if f.New == path.Clean(rules) {
			found = append(found, ruleConcessions(f.New, before, after)...)
		} else {
			found = append(found, loweredMinimums(f.New, before, after)...)
		}
		if IsGenerated(after) && !IsGenerated(before) {
			found = append(found, Concession{f.New, 1, "the file now says that it is generated"})
		}
		if !tellsOfCode(f.New) {
			found = append(found, f.ignores()...)
		}
	}
	return found, nil
}

// tellsOfCode tells documents and test data, which may name a mark without using it.
func tellsOfCode(name string) bool {
	return slices.Contains([]string{".md", ".txt", ".rst", ".adoc", ".html", ".diff", ".patch"}, path.Ext(name)) ||
		slices.Contains(strings.Split(name, "/"), "testdata")
}

func (f *PatchFile) ignores() (found []Concession) {
	for _, h := range f.Hunks {
		line := h.NewStart
		for _, l := range h.Lines {
			if l.Kind == '-' {
				continue
			}
			for _, mark := range ignores {
				if l.Kind == '+' && mark.re.MatchString(l.Text) && !removedToo(h, l.Text) {
					found = append(found, Concession{f.New, uint32(line), mark.what + ": " + quote([]byte(strings.TrimSpace(l.Text)))})
				}
			}
			line++
		}
	}
	return found
}

// removedToo tells a line that only moved or changed its indentation.
func removedToo(h Hunk, text string) bool {
	return slices.ContainsFunc(h.Lines, func(l PatchLine) bool {
		return l.Kind == '-' && strings.TrimSpace(l.Text) == strings.TrimSpace(text)
	})
}

// loweredMinimums compares thresholds of one name in the order in which they stand in the file.
func loweredMinimums(name string, before, after []byte) (found []Concession) {
	was := map[string][]Percent{}
	for _, m := range minimums.FindAllSubmatch(before, -1) {
		if p, err := ParsePercent(string(m[2])); err == nil {
			was[string(m[1])] = append(was[string(m[1])], p)
		}
	}
	seen := map[string]int{}
	for _, m := range minimums.FindAllSubmatchIndex(after, -1) {
		key := string(after[m[2]:m[3]])
		p, err := ParsePercent(string(after[m[4]:m[5]]))
		if err != nil {
			continue
		}
		i := seen[key]
		seen[key]++
		if i < len(was[key]) && p.Less(was[key][i]) {
			line := bytes.Count(after[:m[0]], []byte("\n")) + 1
			found = append(found, Concession{name, uint32(line), fmt.Sprintf("%s is lowered from %s to %s %%", key, was[key][i], p)})
		}
	}
	return found
}

// ruleConcessions compares two versions of the rule file. One that could not be read before counts as empty.
func ruleConcessions(name string, before, after []byte) (found []Concession) {
	is, err := ParseRules(after)
	if err != nil {
		return nil // it is refused elsewhere
	}
	was, err := ParseRules(before)
	if err != nil {
		was = &Rules{}
	}
	for _, e := range is.Exclude {
		if !slices.ContainsFunc(was.Exclude, func(o ExcludeRule) bool { return o.Path.text == e.Path.text }) {
			found = append(found, Concession{name, 0, fmt.Sprintf("%s is excluded (%s)", e.Path, e.Reason)})
		}
	}
	for _, m := range is.Minimums {
		i := slices.IndexFunc(was.Minimums, func(o MinimumRule) bool { return o.Path.text == m.Path.text })
		old := MinimumRule{}
		if i >= 0 {
			old = was.Minimums[i]
		}
		for _, t := range []struct {
			name    string
			is, was *Percent
		}{{"minimum-package", m.MinimumPackage, old.MinimumPackage}, {"minimum-file", m.MinimumFile, old.MinimumFile}} {
			switch {
			case t.is == nil:
			case t.was == nil:
				found = append(found, Concession{name, 0, fmt.Sprintf("%s of %s is set to %s %% (%s)", t.name, m.Path, t.is, m.Reason)})
			case t.is.Less(*t.was):
				found = append(found, Concession{name, 0, fmt.Sprintf("%s of %s is lowered from %s to %s %% (%s)", t.name, m.Path, t.was, t.is, m.Reason)})
			}
		}
	}
	return append(found, droppedMinimums(name, is, was)...)
}

func droppedMinimums(name string, is, was *Rules) (found []Concession) {
	for _, o := range was.Minimums {
		if !slices.ContainsFunc(is.Minimums, func(m MinimumRule) bool { return m.Path.text == o.Path.text }) {
			found = append(found, Concession{name, 0, fmt.Sprintf("the minimum of %s is dropped", o.Path)})
		}
	}
	return found
}
