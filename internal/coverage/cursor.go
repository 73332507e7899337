package coverage

import (
	"encoding/binary"
	"math"
)

// cursor reads binary data. After the first read beyond the end it has failed, and reads zeroes.
type cursor struct {
	data   []byte
	at     int
	failed bool
}

// bytes returns the next n bytes, or nil.
func (c *cursor) bytes(n int) []byte {
	if c.failed || n < 0 || c.at < 0 || c.at > len(c.data) || n > len(c.data)-c.at {
		c.failed = true
		return nil
	}
	c.at += n
	return c.data[c.at-n : c.at]
}

// within returns the part of the data at an offset, or nil.
func (c *cursor) within(offset, length uint64) []byte {
	if offset > uint64(len(c.data)) || length > uint64(len(c.data))-offset {
		return nil
	}
	return c.data[offset : offset+length]
}

// count checks a number of things, of at least size bytes each, against what is left to hold them, so that a damaged
// number cannot ask for more memory than its file.
func (c *cursor) count(n uint64, size int) int {
	if c.failed || c.at > len(c.data) || n > uint64((len(c.data)-c.at)/size) {
		c.failed = true
		return 0
	}
	return int(n)
}

func (c *cursor) u32() uint32 {
	if b := c.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) u32s(n int) []uint32 {
	values := make([]uint32, n)
	for i := range values {
		values[i] = c.u32()
	}
	return values
}

func (c *cursor) u64s(n int) []uint64 {
	values := make([]uint64, n)
	for i := range values {
		values[i] = c.u64()
	}
	return values
}

// uleb reads an unsigned LEB128 integer of at most 64 bits.
func (c *cursor) uleb() (value uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := c.bytes(1)
		if b == nil {
			return 0
		}
		value |= uint64(b[0]&0x7f) << shift
		if b[0]&0x80 == 0 {
			return value
		}
	}
	c.failed = true
	return 0
}

func (c *cursor) uleb32() uint32 {
	v := c.uleb()
	if v > math.MaxUint32 {
		c.failed = true
	}
	return uint32(v)
}

// strings reads a string table: a count, then each string after its length.
func (c *cursor) strings() []string {
	var all []string
	for range c.count(c.uleb(), 1) {
		n := c.uleb()
		all = append(all, string(c.bytes(c.count(n, 1))))
	}
	return all
}
