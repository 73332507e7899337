package coverage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// readLCOV reads LCOV trace files (geninfo(1)), as written by lcov, llvm-cov, istanbul, c8, grcov and many more:
//
//	SF:src/a.c
//	DA:12,3
//	BRDA:12,0,1,-
//	end_of_record
//
// A line is partly covered when one of its branches was not taken. Checksums after the count are ignored.
func readLCOV(s *Set, r io.Reader) error {
	if err := s.begin("LCOV", Lines); err != nil {
		return err
	}
	lines := newLineReader(r)
	p := lcov{set: s}
	for {
		line, err := lines.next()
		if err == io.EOF {
			break
		}
		if err == nil {
			if err = p.line(line); err != nil {
				err = fmt.Errorf("line %d: %w", lines.number, err)
			}
		}
		if err != nil {
			return err
		}
	}
	if p.file != nil {
		return errors.New("it ends without end_of_record: it is truncated")
	}
	if p.total == 0 {
		return errors.New("no DA line in it, so no line is measured")
	}
	return nil
}

type lcov struct {
	set     *Set
	file    *spans // nil between records
	found   []lcovLine
	missed  map[uint32]bool // lines with a branch not taken
	summary bool            // LF said that there are lines
	total   int
}

type lcovLine struct {
	number uint32
	ran    bool
}

func (p *lcov) line(line []byte) error {
	if len(line) == 0 || line[0] == '#' {
		return nil
	}
	if string(line) == "end_of_record" {
		return p.endOfRecord()
	}
	key, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !upper(key) {
		return fmt.Errorf("%s is no LCOV record", quote(line))
	}
	if string(key) == "SF" {
		if p.file != nil {
			return errors.New("SF within a record: end_of_record is missing")
		}
		if len(value) == 0 {
			return errors.New("SF names no file")
		}
		p.file = p.set.file(value)
		return nil
	}
	if string(key) == "TN" {
		return nil
	}
	if p.file == nil {
		return fmt.Errorf("%s outside of a record: SF is missing", quote(line))
	}
	switch string(key) {
	case "DA":
		return p.data(value)
	case "BRDA":
		return p.branch(value)
	case "LF":
		p.summary = string(value) != "0"
	}
	return nil
}

// data reads DA:number,count[,checksum].
func (p *lcov) data(value []byte) error {
	first, rest, _ := bytes.Cut(value, []byte(","))
	count, _, _ := bytes.Cut(rest, []byte(","))
	number, ok := lineNumber(first)
	ran, okay := positive(count)
	if !ok || !okay {
		return fmt.Errorf("DA:%s is not DA:line,count", quote(value))
	}
	p.found = append(p.found, lcovLine{number, ran})
	return nil
}

// branch reads BRDA:number,block,branch,taken, where taken is - or a count.
func (p *lcov) branch(value []byte) error {
	first, _, _ := bytes.Cut(value, []byte(","))
	number, ok := lineNumber(first)
	taken := value[bytes.LastIndexByte(value, ',')+1:]
	ran, okay := positive(taken)
	if !ok || !okay && string(taken) != "-" {
		return fmt.Errorf("BRDA:%s is not BRDA:line,block,branch,taken", quote(value))
	}
	if !ran {
		if p.missed == nil {
			p.missed = map[uint32]bool{}
		}
		p.missed[number] = true
	}
	return nil
}

func (p *lcov) endOfRecord() error {
	if p.file == nil {
		return errors.New("end_of_record without SF")
	}
	if p.summary && len(p.found) == 0 {
		return fmt.Errorf("the record of %s has a summary but no DA lines; what it claims cannot be checked", p.file.path)
	}
	for _, l := range p.found {
		state := Uncovered
		switch {
		case l.ran && p.missed[l.number]:
			state = Partly
		case l.ran:
			state = Covered
		}
		if err := p.set.line(p.file, l.number, state); err != nil {
			return err
		}
	}
	p.total += len(p.found)
	p.file, p.found, p.missed, p.summary = nil, p.found[:0], nil, false
	return nil
}

func upper(key []byte) bool {
	for _, c := range key {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(key) >= 2 && len(key) <= 6
}

// lineNumber parses a line number of at most 32 bits, with room for the line after it.
func lineNumber[T ~string | ~[]byte](text T) (uint32, bool) {
	n := uint64(0)
	for i := range len(text) {
		if text[i]-'0' > 9 {
			return 0, false
		}
		if n = n*10 + uint64(text[i]-'0'); n >= math.MaxUint32 {
			return 0, false
		}
	}
	return uint32(n), len(text) > 0
}

// positive tells whether a count, of any size, is more than zero.
func positive[T ~string | ~[]byte](text T) (more, ok bool) {
	for i := range len(text) {
		if text[i]-'0' > 9 {
			return false, false
		}
		more = more || text[i] != '0'
	}
	return more, len(text) > 0
}
