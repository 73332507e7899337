package coverage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The binary formats of Go's coverage runtime, version 1, as documented in the Go source (internal/coverage/defs.go).
// All integers outside of ULEB128 are little-endian.
var (
	metaMagic    = []byte("\x00cvm")
	counterMagic = []byte("\x00cwm")
)

const (
	metaHeader    = 56 // of a covmeta file
	packageHeader = 44 // of a package in it
	counterHeader = 32 // of a covcounters file
	counterFooter = 16 // after each segment of it
	hashSize      = 16
)

// coverMeta is what an instrumented program could run: the blocks of each function of each package.
type coverMeta struct {
	hash     []byte
	packages [][]coverFunction
}

type coverFunction struct {
	file  string
	units []Span
}

func parseCoverMeta(data []byte) (*coverMeta, error) {
	c := &cursor{data: data}
	if !bytes.Equal(c.bytes(4), metaMagic) {
		return nil, errors.New("it is no coverage meta-data")
	}
	if v := c.u32(); v != 1 {
		return nil, fmt.Errorf("its format has version %d; 1 is known", v)
	}
	if length := c.u64(); length != uint64(len(data)) {
		return nil, fmt.Errorf("it has %d bytes and should have %d: it is truncated", len(data), length)
	}
	n := c.count(c.u64(), 16)
	m := &coverMeta{hash: c.bytes(hashSize)}
	c.at = metaHeader
	offsets, lengths := c.u64s(n), c.u64s(n)
	if c.failed {
		return nil, errTruncated
	}
	for i := range n {
		part := (&cursor{data: data}).within(offsets[i], lengths[i])
		functions, err := parsePackage(part)
		if err != nil {
			return nil, fmt.Errorf("package %d: %w", i, err)
		}
		m.packages = append(m.packages, functions)
	}
	return m, nil
}

var errTruncated = errors.New("it is truncated or damaged")

func parsePackage(data []byte) ([]coverFunction, error) {
	c := &cursor{data: data, at: packageHeader - 4}
	offsets := c.u32s(c.count(uint64(c.u32()), 4))
	strings := c.strings()
	if c.failed {
		return nil, errTruncated
	}
	var functions []coverFunction
	for _, offset := range offsets {
		c.at = int(offset)
		n := c.count(c.uleb(), 5)
		_, file := c.uleb(), c.uleb() // name and file
		if c.failed || file >= uint64(len(strings)) {
			return nil, errTruncated
		}
		fn := coverFunction{file: strings[file]}
		for range n {
			fn.units = append(fn.units, Span{
				StartLine: c.uleb32(), StartCol: c.uleb32(), EndLine: c.uleb32(), EndCol: c.uleb32(), Count: c.uleb32(),
			})
		}
		if c.failed {
			return nil, errTruncated
		}
		functions = append(functions, fn)
	}
	return functions, nil
}

// coverFunc names a function by its place in the meta-data.
type coverFunc struct{ pkg, function uint32 }

// coverCounters tell which blocks of the functions that ran did so.
type coverCounters map[coverFunc][]bool

// add merges the counters of one file: the segments of one run, or of several that were merged.
func (counters coverCounters) add(data, program []byte) error {
	c := &cursor{data: data}
	if !bytes.Equal(c.bytes(4), counterMagic) {
		return errors.New("it holds no coverage counters")
	}
	if v := c.u32(); v != 1 {
		return fmt.Errorf("its format has version %d; 1 is known", v)
	}
	if !bytes.Equal(c.bytes(hashSize), program) {
		return errors.New("it belongs to another program than its name says")
	}
	read, err := counterReader(c)
	if err != nil {
		return err
	}
	for c.at = counterHeader; ; {
		functions, table, args := c.u64(), c.u32(), c.u32()
		c.bytes(int(table))
		c.bytes(int(args))
		c.bytes((4 - c.at%4) % 4)
		for range c.count(functions, 3) {
			counters.addFunction(c, read)
		}
		if !bytes.Equal(c.bytes(4), counterMagic) || c.bytes(counterFooter-4) == nil {
			return errTruncated
		}
		if c.at == len(data) {
			return nil
		}
	}
}

func (counters coverCounters) addFunction(c *cursor, read func() uint32) {
	n := c.count(uint64(read()), 1)
	at := coverFunc{read(), read()}
	known := counters[at]
	if len(known) < n {
		known = append(known, make([]bool, n-len(known))...)
		counters[at] = known
	}
	for i := range n {
		known[i] = read() > 0 || known[i]
	}
}

// counterReader gives the way in which a file writes its counters.
func counterReader(c *cursor) (func() uint32, error) {
	flavor := c.bytes(2)
	switch {
	case c.failed:
		return nil, errTruncated
	case flavor[0] == 2:
		return c.uleb32, nil
	case flavor[0] == 1 && flavor[1] == 0:
		return c.u32, nil
	case flavor[0] == 1:
		return func() uint32 {
			if b := c.bytes(4); b != nil {
				return binary.BigEndian.Uint32(b)
			}
			return 0
		}, nil
	}
	return nil, fmt.Errorf("its counters are of the unknown kind %d", flavor[0])
}
