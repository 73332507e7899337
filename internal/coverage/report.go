package coverage

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"unicode"
)

// Report is the merged coverage of some files, sorted by path.
type Report struct {
	Unit  Unit
	Files []*File
	Notes []string // what a person should know about how the numbers came to be
}

// File is the coverage of one file, its spans sorted by place.
type File struct {
	Path  string // slash-separated, relative to the source where the file was found there
	Spans []Span
}

// Package is the coverage of the files of one directory.
type Package struct {
	Path string
	Counts
}

// Counts adds up the spans of a file.
func (f *File) Counts() Counts {
	var c Counts
	for _, s := range f.Spans {
		c.Add(s.counts())
	}
	return c
}

// measured reports whether the file has anything to count.
func (f *File) measured() bool {
	return slices.ContainsFunc(f.Spans, func(s Span) bool { return s.Count > 0 })
}

func (s Span) counts() Counts {
	n := uint64(s.Count)
	switch s.State() {
	case Covered:
		return Counts{Covered: n, Total: n}
	case Partly:
		return Counts{Covered: n, Total: n, Partial: n}
	}
	return Counts{Total: n}
}

// Counts adds up all files.
func (r *Report) Counts() Counts {
	var c Counts
	for _, f := range r.Files {
		c.Add(f.Counts())
	}
	return c
}

// Packages adds up the files of each directory, sorted by path. The root of the source is ".".
func (r *Report) Packages() []Package {
	var packages []Package
	at := map[string]int{}
	for _, f := range r.Files {
		dir := path.Dir(f.Path)
		i, ok := at[dir]
		if !ok {
			i = len(packages)
			at[dir] = i
			packages = append(packages, Package{Path: dir})
		}
		packages[i].Add(f.Counts())
	}
	slices.SortFunc(packages, func(a, b Package) int { return cmp.Compare(a.Path, b.Path) })
	return packages
}

// File returns the file at path, or nil.
func (r *Report) File(path string) *File {
	i, ok := slices.BinarySearchFunc(r.Files, path, func(f *File, p string) int { return cmp.Compare(f.Path, p) })
	if !ok {
		return nil
	}
	return r.Files[i]
}

// Split parts the report in two: the files that keep says yes to, and the others.
func (r *Report) Split(keep func(*File) bool) (kept, dropped *Report) {
	kept = &Report{Unit: r.Unit, Notes: r.Notes}
	dropped = &Report{Unit: r.Unit}
	for _, f := range r.Files {
		if keep(f) {
			kept.Files = append(kept.Files, f)
		} else {
			dropped.Files = append(dropped.Files, f)
		}
	}
	return kept, dropped
}

// PartlyAs counts every partly covered span as state instead.
func (r *Report) PartlyAs(state State) {
	for _, f := range r.Files {
		for i := range f.Spans {
			if f.Spans[i].State() == Partly {
				f.Spans[i].seen = f.Spans[i].seen&^3 | uint32(state)
			}
		}
	}
}

// cleanName turns a Windows path into slashes, and what would upset a terminal or a table into question marks. A backslash
// is a legal byte of a Unix name, so a name that has slashes too keeps it unless it starts with a drive.
func cleanName(name string) string {
	drive := len(name) > 2 && name[1] == ':' && (name[2] == '\\' || name[2] == '/')
	if drive || strings.Contains(name, `\`) && !strings.Contains(name, "/") {
		name = strings.ReplaceAll(name, `\`, "/")
	}
	return path.Clean(strings.Map(printable, strings.ToValidUTF8(name, "?")))
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '?'
}
