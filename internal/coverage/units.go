package coverage

import (
	"slices"
	"strings"
)

// unit is what patch coverage and the comparison with a baseline are counted in: a statement of a Go file, or a line.
// Where the source does not tell the statements of a block apart, the unit is the whole block.
type unit struct {
	line, col uint32 // where it begins
	lines     []uint32
	count     uint64
	state     State
}

func (u unit) counts() Counts {
	return Span{Count: 1, seen: uint32(u.state)}.counts().times(u.count)
}

func (c Counts) times(n uint64) Counts {
	return Counts{Covered: c.Covered * n, Total: c.Total * n, Partial: c.Partial * n}
}

// units splits the spans of a file. For a Go file the source tells where each of the Count statements of a block stands;
// a block whose count disagrees with the source, as a //line directive or a goto label makes it, stays whole.
func units(kind Unit, f *File, source []byte) []unit {
	if kind == Lines {
		all := make([]unit, len(f.Spans))
		for i, s := range f.Spans {
			all[i] = unit{s.StartLine, 1, []uint32{s.StartLine}, 1, s.State()}
		}
		return all
	}
	statements, err := goStatements(source)
	if err != nil {
		statements = nil
	}
	var all []unit
	next := 0
	for _, s := range f.Spans {
		for next < len(statements) && before(statements[next].line, statements[next].col, s.StartLine, s.StartCol) {
			next++
		}
		from := next
		for next < len(statements) && before(statements[next].line, statements[next].col, s.EndLine, s.EndCol) {
			next++
		}
		if uint64(next-from) == uint64(s.Count) {
			for _, st := range statements[from:next] {
				all = append(all, unit{st.line, st.col, st.lines, 1, s.State()})
			}
			continue
		}
		if s.Count > 0 {
			all = append(all, wholeBlock(s))
		}
	}
	return all
}

func wholeBlock(s Span) unit {
	u := unit{line: s.StartLine, col: s.StartCol, count: uint64(s.Count), state: s.State()}
	for line := s.StartLine; line <= s.EndLine && line-s.StartLine < 1<<16; line++ {
		u.lines = append(u.lines, line)
	}
	return u
}

func before(line, col, otherLine, otherCol uint32) bool {
	return line < otherLine || line == otherLine && col < otherCol
}

// touches reports whether one of the lines is among the changed ones, which are ascending.
func (u unit) touches(changed []uint32) bool {
	return slices.ContainsFunc(u.lines, func(line uint32) bool {
		_, found := slices.BinarySearch(changed, line)
		return found
	})
}

// spanAt finds the span that holds a place, or nil.
func (f *File) spanAt(line, col uint32) *Span {
	i, _ := slices.BinarySearchFunc(f.Spans, Span{StartLine: line, StartCol: col + 1}, func(a, b Span) int {
		if before(a.StartLine, a.StartCol, b.StartLine, b.StartCol) {
			return -1
		}
		return 1
	})
	if i--; i >= 0 && before(line, col, f.Spans[i].EndLine, f.Spans[i].EndCol) {
		return &f.Spans[i]
	}
	return nil
}

func isGo(path string) bool { return strings.HasSuffix(path, ".go") }

// LineStates tells for each line of a file that counts whether it ran; one on which some of it ran and some did not is
// partly covered. Lines without a statement are not in it.
func (r *Report) LineStates(f *File, source []byte) map[uint32]State {
	states := map[uint32]State{}
	for _, u := range units(r.Unit, f, source) {
		for _, line := range u.lines {
			if was, ok := states[line]; ok && was != u.state {
				states[line] = Partly
			} else {
				states[line] = u.state
			}
		}
	}
	return states
}
