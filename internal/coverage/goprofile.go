package coverage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// readGo reads the text profiles of `go test -coverprofile` and `go tool covdata textfmt`:
//
//	mode: set
//	example.com/app/main.go:34.44,37.40 3 1
//
// that is file:line.column,line.column statements count. Blocks of one place merge, whatever the modes, because covered
// is covered; a further mode line, as concatenated profiles have, starts another pass.
func readGo(s *Set, r io.Reader) error {
	lines := newLineReader(r)
	p := goProfile{set: s}
	for {
		line, err := lines.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := p.line(line); err != nil {
			return fmt.Errorf("line %d: %w", lines.number, err)
		}
	}
	if p.blocks == 0 {
		return errors.New("no block of statements in it: were any tests run, and with -coverpkg where they live in other packages?")
	}
	return nil
}

type goProfile struct {
	set    *Set
	file   *spans // of the line before
	name   []byte // its name in the profile
	blocks int
	mode   bool
}

func (p *goProfile) line(line []byte) error {
	if mode, ok := bytes.CutPrefix(line, []byte("mode: ")); ok {
		switch string(mode) {
		case "set", "count", "atomic":
		default:
			return fmt.Errorf("mode %s is none of set, count, atomic", quote(mode))
		}
		p.mode, p.file = true, nil
		return p.set.begin("Go", Statements)
	}
	if len(line) == 0 {
		return nil
	}
	if !p.mode {
		return fmt.Errorf("%s where the mode line should be", quote(line))
	}
	p.blocks++
	// Most lines are of the same file as the one before.
	if n := len(p.name); p.file != nil && len(line) > n && line[n] == ':' && bytes.Equal(line[:n], p.name) {
		if span, state, ok := goBlock(line[n+1:]); ok {
			return p.file.add(&span, state, p.set.pass)
		}
	}
	colon := bytes.LastIndexByte(line, ':') // a file name may hold colons, a block holds none
	span, state, ok := goBlock(line[colon+1:])
	if colon <= 0 || !ok {
		return fmt.Errorf("%s is not file.go:line.column,line.column statements count", quote(line))
	}
	p.name = append(p.name[:0], line[:colon]...)
	p.file = p.set.file(p.name)
	return p.file.add(&span, state, p.set.pass)
}

// goBlock parses "34.44,37.40 3 1".
func goBlock(b []byte) (s Span, state State, ok bool) {
	i := 0
	s.StartLine, i = goNumber(b, i, '.')
	s.StartCol, i = goNumber(b, i, ',')
	s.EndLine, i = goNumber(b, i, '.')
	s.EndCol, i = goNumber(b, i, ' ')
	s.Count, i = goNumber(b, i, ' ')
	if i < 0 || i == len(b) {
		return s, 0, false
	}
	for _, c := range b[i:] { // a count may exceed every integer; only whether it is zero matters
		if c-'0' > 9 {
			return s, 0, false
		}
		if c != '0' {
			state = Covered
		}
	}
	return s, state, true
}

// goNumber parses a number that ends with a byte, and returns where the next one begins; -1, which it also takes, stands
// for a number that is none or has more than 32 bits.
func goNumber(b []byte, from int, end byte) (uint32, int) {
	n := uint64(0)
	for i := max(from, 0); i < len(b); i++ {
		c := b[i]
		if c == end && i > from && from >= 0 {
			return uint32(n), i + 1
		}
		if c-'0' > 9 || n > math.MaxUint32/10 {
			break
		}
		n = n*10 + uint64(c-'0')
		if n > math.MaxUint32 {
			break
		}
	}
	return 0, -1
}
