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
	block  Span
	blocks int
	mode   bool
}

func (p *goProfile) line(line []byte) error {
	// Most lines are of the same file as the one before.
	if n := len(p.name); p.file != nil && len(line) > n && line[n] == ':' && string(line[:n]) == string(p.name) {
		if state, ok := goBlock(line[n+1:], &p.block); ok {
			p.blocks++
			return p.file.add(&p.block, state, p.set.pass)
		}
	}
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
	colon := bytes.LastIndexByte(line, ':') // a file name may hold colons, a block holds none
	state, ok := goBlock(line[colon+1:], &p.block)
	if colon <= 0 || !ok {
		return fmt.Errorf("%s is not file.go:line.column,line.column statements count", quote(line))
	}
	p.blocks++
	p.name = append(p.name[:0], line[:colon]...)
	p.file = p.set.file(p.name)
	return p.file.add(&p.block, state, p.set.pass)
}

// goBlock parses "34.44,37.40 3 1" into s.
func goBlock(b []byte, s *Span) (state State, ok bool) {
	i := 0
	s.StartLine, i = goNumber(b, i, '.')
	s.StartCol, i = goNumber(b, i, ',')
	s.EndLine, i = goNumber(b, i, '.')
	s.EndCol, i = goNumber(b, i, ' ')
	s.Count, i = goNumber(b, i, ' ')
	if i < 0 || i == len(b) {
		return 0, false
	}
	for _, c := range b[i:] { // a count may exceed every integer; only whether it is zero matters
		if c-'0' > 9 {
			return 0, false
		}
		if c != '0' {
			state = Covered
		}
	}
	return state, true
}

// goNumber parses a number that ends with a byte, and returns where the next one begins; -1, which it also takes, stands
// for a number that is none or has more than 32 bits.
func goNumber(b []byte, from int, end byte) (uint32, int) {
	if from < 0 {
		return 0, -1
	}
	n, i := uint64(0), from
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		n = n*10 + uint64(b[i]-'0')
	}
	if i == from || i-from > 19 || n > math.MaxUint32 || i == len(b) || b[i] != end { // 19 digits always fit
		return 0, -1
	}
	return uint32(n), i + 1
}
