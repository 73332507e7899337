package coverage

import (
	"cmp"
	"fmt"
	"slices"
)

// Span is a stretch of source that ran or did not: a basic block of a Go profile, or one line. Lines and columns count
// from one; the end is exclusive in its column. Count is how many units it stands for.
type Span struct {
	StartLine, StartCol uint32
	EndLine, EndCol     uint32
	Count               uint32
	seen                uint32 // pass<<2 | state
}

// State tells whether a span ran.
type State uint32

// The order matters: merging keeps the largest.
const (
	Uncovered State = iota
	Partly
	Covered
)

// State of the span over all profiles.
func (s Span) State() State { return State(s.seen & 3) }

func (s *Span) start() uint64 { return uint64(s.StartLine)<<32 | uint64(s.StartCol) }
func (s *Span) end() uint64   { return uint64(s.EndLine)<<32 | uint64(s.EndCol) }

func (s *Span) samePlace(o *Span) bool { return s.start() == o.start() && s.end() == o.end() }

func comparePlaces(a, b Span) int {
	return cmp.Or(cmp.Compare(a.start(), b.start()), cmp.Compare(a.end(), b.end()))
}

// Set merges what profiles say of the same places. Its memory grows with the distinct spans, not with how often they
// are reported: 24 bytes a span and four to twelve for finding it.
type Set struct {
	unit     Unit
	format   string
	pass     uint32
	reported int // lines of line reports, repeated ones too
	files    []*spans
	open     *spans            // the file reported last, if it was new: its spans are in scratch
	scratch  []Span            // reused, so that a file's spans are allocated once, when their number is known
	byName   map[string]*spans // as profiles name files
	byPath   map[string]*spans // as the source names them
	locate   func(format, name string) (path string, found bool)
}

// NewSet returns an empty set. Locate maps a file's name in a report of the given format to its path in the source and
// says whether it is there; nil keeps names as they are, but for clean slashes. [Tree.Locate] is one.
func NewSet(locate func(format, name string) (path string, found bool)) *Set {
	if locate == nil {
		locate = func(_, name string) (string, bool) { return cleanName(name), true }
	}
	return &Set{byName: map[string]*spans{}, byPath: map[string]*spans{}, locate: locate}
}

// maxPasses bounds the numbering of passes, which shares 32 bits with the state.
const maxPasses = 1 << 30

// begin starts a pass: a stretch of one report in which every file is described completely, once or many times.
func (s *Set) begin(format string, unit Unit) error {
	if s.unit != "" && s.unit != unit {
		return fmt.Errorf("a %s report counts %s, the %s report before it counts %s; they do not add up: gate them apart",
			format, unit, s.format, s.unit)
	}
	if s.pass++; s.pass >= maxPasses {
		return fmt.Errorf("more than %d profiles", maxPasses)
	}
	s.unit, s.format = unit, format
	return nil
}

// file finds the file of a name, or of the first of several possible names that the source has, or else of the last.
func (s *Set) file(name []byte, others ...string) *spans {
	if f, ok := s.byName[string(name)]; ok && len(others) == 0 {
		return f
	}
	where, found := s.locate(s.format, string(name))
	for i := 0; !found && i < len(others); i++ {
		where, found = s.locate(s.format, others[i])
	}
	f, ok := s.byPath[where]
	if !ok {
		s.settle()
		f = &spans{path: where, spans: s.scratch[:0]}
		s.open = f
		s.byPath[where] = f
		s.files = append(s.files, f)
	}
	if len(others) == 0 {
		s.byName[string(name)] = f
	}
	return f
}

// settle gives the file reported last spans of its own.
func (s *Set) settle() {
	if s.open != nil {
		s.scratch = s.open.spans
		s.open.spans = slices.Clone(s.scratch)
		s.open = nil
	}
}

func (s *Set) line(f *spans, number uint32, state State) error {
	s.reported++
	return f.add(&Span{StartLine: number, StartCol: 1, EndLine: number + 1, EndCol: 1, Count: 1}, state, s.pass)
}

// spans of one file, in the order in which they were first reported. While that is the order of the source, a new span
// goes to the end and a known one is where the last pass had it; from the first exception on there is an open-addressing
// index by place.
type spans struct {
	path   string
	spans  []Span
	next   int      // where the next span is likely to be: profiles repeat each other's order
	index  []uint32 // nil, or position in spans plus one; zero is free
	passes []passCount
}

type passCount struct{ pass, distinct uint32 }

func (f *spans) add(s *Span, state State, pass uint32) error {
	if f.next < len(f.spans) && f.spans[f.next].samePlace(s) {
		return f.merge(f.next, s, state, pass)
	}
	n := len(f.spans)
	if f.index != nil || n > 0 && f.spans[n-1].start() >= s.start() {
		if at := f.find(s); at < n {
			return f.merge(at, s, state, pass)
		}
	}
	s.seen = pass<<2 | uint32(state)
	f.spans = append(f.spans, *s)
	f.next = 0
	f.countPass(pass)
	return nil
}

func (f *spans) merge(at int, s *Span, state State, pass uint32) error {
	old := &f.spans[at]
	if old.Count != s.Count {
		return fmt.Errorf("%s:%d.%d,%d.%d has %d statements here and %d before: the profiles are of different builds of this file; measure one commit with one toolchain",
			f.path, s.StartLine, s.StartCol, s.EndLine, s.EndCol, s.Count, old.Count)
	}
	if old.seen>>2 != pass {
		f.countPass(pass)
	}
	old.seen = pass<<2 | max(old.seen&3, uint32(state))
	if f.next = at + 1; f.next == len(f.spans) {
		f.next = 0
	}
	return nil
}

func (f *spans) countPass(pass uint32) {
	if n := len(f.passes); n > 0 && f.passes[n-1].pass == pass {
		f.passes[n-1].distinct++
		return
	}
	f.passes = append(f.passes, passCount{pass, 1})
}

// find returns the position of s, or len(f.spans) after making room for it there.
func (f *spans) find(s *Span) int {
	if 4*(len(f.spans)+1) > 3*len(f.index) {
		f.grow()
	}
	mask := uint32(len(f.index) - 1)
	for slot := placeHash(s) & mask; ; slot = (slot + 1) & mask {
		at := f.index[slot]
		if at == 0 {
			f.index[slot] = uint32(len(f.spans) + 1)
			return len(f.spans)
		}
		if f.spans[at-1].samePlace(s) {
			return int(at - 1)
		}
	}
}

func (f *spans) grow() {
	size := max(16, 2*len(f.index))
	for 4*(len(f.spans)+1) > 3*size {
		size *= 2
	}
	f.index = make([]uint32, size)
	mask := uint32(len(f.index) - 1)
	for i := range f.spans {
		slot := placeHash(&f.spans[i]) & mask
		for f.index[slot] != 0 {
			slot = (slot + 1) & mask
		}
		f.index[slot] = uint32(i + 1)
	}
}

// placeHash mixes a place by multiplication (Knuth, TAOCP 6.4) and keeps the upper half, where the mixing is best.
func placeHash(s *Span) uint32 {
	x := (s.start()*0x9e3779b97f4a7c15 ^ s.end()) * 0xbf58476d1ce4e5b9
	return uint32((x ^ x>>29) >> 16)
}

// Report sorts what was gathered. It refuses an empty set and profiles that contradict each other.
func (s *Set) Report() (*Report, error) {
	s.settle()
	s.scratch = nil
	report := &Report{Unit: s.unit}
	for _, f := range s.files {
		if f.index != nil { // it was not reported in the order of the source
			slices.SortFunc(f.spans, comparePlaces)
		}
		f.index = nil
		note, err := f.compareBuilds()
		if err != nil {
			return nil, err
		}
		if note != "" {
			report.Notes = append(report.Notes, note)
		}
		report.Files = append(report.Files, &File{Path: f.path, Spans: f.spans})
	}
	slices.SortFunc(report.Files, func(a, b *File) int { return cmp.Compare(a.Path, b.Path) })
	slices.Sort(report.Notes)
	if !slices.ContainsFunc(report.Files, (*File).measured) {
		return nil, fmt.Errorf("measuring coverage: the profiles hold no %s at all", cmp.Or(s.unit, "statements"))
	}
	return report, nil
}

// compareBuilds explains block lists that differ between passes. Where the blocks only differ in being there, their
// union is counted, as `go tool cover` does. Where they overlap, the same statement would count twice: two versions of
// the file were measured, and no number would be true.
func (f *spans) compareBuilds() (note string, err error) {
	equal := true
	for _, p := range f.passes {
		equal = equal && int(p.distinct) == len(f.spans)
	}
	if equal {
		return "", nil
	}
	for i := 1; i < len(f.spans); i++ {
		a, b := f.spans[i-1], f.spans[i]
		if b.StartLine < a.EndLine || b.StartLine == a.EndLine && b.StartCol < a.EndCol {
			return "", fmt.Errorf("merging profiles of %s: blocks %d.%d,%d.%d and %d.%d,%d.%d overlap and come from different profiles: two versions of the file were measured; measure one commit with one toolchain",
				f.path, a.StartLine, a.StartCol, a.EndLine, a.EndCol, b.StartLine, b.StartCol, b.EndLine, b.EndCol)
		}
	}
	return fmt.Sprintf("%s: the profiles list different blocks (different builds); their union is counted", f.path), nil
}
