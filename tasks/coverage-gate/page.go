package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/coverage"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// The page shows code around what did not run, of so many files and lines; the tables hold the rest.
const (
	filesShown   = 50
	linesShown   = 4000
	contextLines = 3
)

type pageData struct {
	Verdict, Headline, Reason string
	Rulings                   []pageRuling
	Concessions, Lost, Notes  []string
	Patch, Files              []pageFile
	Packages                  []coverage.Package
	HasPatch                  bool
	Excluded                  []pageExclusion
}

type pageRuling struct{ Rule, Subject, Covered, Wants, Verdict string }

type pageExclusion struct{ Path, Reason string }

type pageFile struct {
	Path, Share string
	Lines       []pageLine
}

type pageLine struct {
	Number uint32 // 0 stands for lines left out
	Class  string
	Text   string
}

// page is the HTML report: the uncovered lines of the patch first, since that is what its author can act on.
func (d *decision) page() ([]byte, error) {
	p := pageData{Verdict: string(d.verdict), Reason: d.reason}
	if d.report != nil {
		p.Headline = d.sentence()
		p.Packages = byShare(d.report.Packages())
		p.Notes = d.notes
		d.pageRulings(&p)
		d.pagePatch(&p)
		d.pageFiles(&p)
		for _, e := range d.exclusions.files {
			p.Excluded = append(p.Excluded, pageExclusion{e.path, e.reason})
		}
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, p)
	return b.Bytes(), err
}

func (d *decision) pageRulings(p *pageData) {
	for _, r := range d.rulings {
		if r.holds() && (r.rule == "minimum-package" || r.rule == "minimum-file") {
			continue
		}
		p.Rulings = append(p.Rulings, pageRuling{r.rule, cmp.Or(r.subject, "everything"), r.Percent(), r.wants, string(r.verdict)})
	}
	for _, c := range d.concessions {
		p.Concessions = append(p.Concessions, place(c.Path, c.Line)+": "+c.What)
	}
	if d.baseline != nil {
		for _, l := range d.baseline.lost {
			p.Lost = append(p.Lost, place(l.Path, l.Line))
		}
	}
}

func (d *decision) pagePatch(p *pageData) {
	if d.change == nil {
		return
	}
	p.HasPatch = true
	left := linesShown
	for _, f := range d.change.Files {
		if len(f.Uncovered) == 0 || left <= 0 || len(p.Patch) == filesShown {
			continue
		}
		share := fmt.Sprintf("%s %% of the change (%s)", f.Percent(), f.Counts)
		if f.Unknown {
			share += ", in no profile"
		}
		p.Patch = append(p.Patch, pageFile{f.Path, share, d.excerpt(f.Path, f.Uncovered, &left)})
	}
}

// pageFiles shows the files with the most that did not run.
func (d *decision) pageFiles(p *pageData) {
	files := slices.Clone(d.report.Files)
	slices.SortStableFunc(files, func(a, b *coverage.File) int {
		return cmp.Compare(b.Counts().Uncovered(), a.Counts().Uncovered())
	})
	left := linesShown
	for _, f := range files {
		counts := f.Counts()
		if counts.Uncovered() == 0 || left <= 0 || len(p.Files) == filesShown {
			break
		}
		source, err := d.tree.Read(f.Path)
		if err != nil {
			continue // not in the source, as the notes say
		}
		var lines []uint32
		for line, state := range d.report.LineStates(f, source) {
			if state != coverage.Covered {
				lines = append(lines, line)
			}
		}
		slices.Sort(lines)
		p.Files = append(p.Files, pageFile{f.Path, fmt.Sprintf("%s %% (%s)", counts.Percent(), counts), d.excerpt(f.Path, lines, &left)})
	}
}

// excerpt shows the given lines of a file, ascending, with some around them.
func (d *decision) excerpt(path string, shown []uint32, left *int) (lines []pageLine) {
	source, err := d.tree.Read(path)
	if err != nil {
		return nil
	}
	states := map[uint32]coverage.State{}
	if f := d.report.File(path); f != nil {
		states = d.report.LineStates(f, source)
	}
	text := strings.Split(strings.TrimSuffix(string(source), "\n"), "\n")
	last := uint32(0)
	for _, line := range shown {
		from := max(last+1, line-min(line-1, contextLines))
		if from > last+1 {
			lines = append(lines, pageLine{Class: "gap"})
		}
		for n := from; n <= line+contextLines && int(n) <= len(text) && *left > 0; n++ {
			if _, next := slices.BinarySearch(shown, n); next && n > line {
				break
			}
			lines = append(lines, pageLine{n, class(n, shown, states), strings.TrimSuffix(text[n-1], "\r")})
			last = n
			*left--
		}
	}
	return lines
}

func class(line uint32, shown []uint32, states map[uint32]coverage.State) string {
	state, known := states[line]
	_, marked := slices.BinarySearch(shown, line)
	switch {
	case known && state == coverage.Covered:
		return "covered"
	case known && state == coverage.Partly:
		return "partly"
	case known || marked:
		return "uncovered"
	}
	return ""
}
