package parquet

import (
	"encoding/binary"
	"errors"
)

// compact reads Thrift's compact protocol, as much of it as Parquet uses. It
// never allocates by a length that the input claims: a list of n elements
// takes at least n bytes, so a length beyond the bytes left is an error. The
// first error sticks; reads after it return zeros.
type compact struct {
	b     []byte
	at    int
	depth int
	err   error
}

// The types of the compact protocol.
const (
	cTrue   = 1
	cFalse  = 2
	cByte   = 3
	cI16    = 4
	cI32    = 5
	cI64    = 6
	cDouble = 7
	cBinary = 8
	cList   = 9
	cSet    = 10
	cMap    = 11
	cStruct = 12
)

// maxDepth bounds the nesting of what is skipped.
const maxDepth = 32

var (
	errShort  = errors.New("metadata ends too early")
	errThrift = errors.New("metadata is not valid Thrift")
)

func (c *compact) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.at = len(c.b)
}

func (c *compact) octet() byte {
	if c.at >= len(c.b) {
		c.fail(errShort)
		return 0
	}
	v := c.b[c.at]
	c.at++
	return v
}

func (c *compact) uvarint() uint64 {
	v, n := binary.Uvarint(c.b[c.at:])
	switch {
	case n == 0:
		c.fail(errShort)
		return 0
	case n < 0:
		c.fail(errThrift)
		return 0
	}
	c.at += n
	return v
}

func (c *compact) varint() int64 {
	u := c.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// integer reads a number of type typ.
func (c *compact) integer(typ byte) int64 {
	switch typ {
	case cByte:
		return int64(int8(c.octet()))
	case cI16, cI32, cI64:
		return c.varint()
	}
	c.fail(errThrift)
	return 0
}

// boolean reads a field of type typ, which holds its value.
func (c *compact) boolean(typ byte) bool {
	if typ != cTrue && typ != cFalse {
		c.fail(errThrift)
	}
	return typ == cTrue
}

// binary reads a string; the slice is a part of the input.
func (c *compact) binary(typ byte) []byte {
	if typ != cBinary {
		c.fail(errThrift)
		return nil
	}
	n := c.uvarint()
	if n > uint64(len(c.b)-c.at) {
		c.fail(errShort)
		return nil
	}
	v := c.b[c.at : c.at+int(n) : c.at+int(n)]
	c.at += int(n)
	return v
}

// fields calls each for every field of a struct; each reads the field or skips it.
func (c *compact) fields(each func(id int16, typ byte)) {
	last := int16(0)
	for c.err == nil {
		h := c.octet()
		if h == 0 {
			return
		}
		if delta := h >> 4; delta != 0 {
			last += int16(delta)
		} else {
			last = int16(c.varint())
		}
		if c.err == nil {
			each(last, h&15)
		}
	}
}

// structure is fields where the type must be a struct.
func (c *compact) structure(typ byte, each func(id int16, typ byte)) {
	if typ != cStruct {
		c.fail(errThrift)
		return
	}
	c.fields(each)
}

// list calls size once with the number of elements and then each for every one.
func (c *compact) list(typ byte, size func(n int), each func(typ byte)) {
	if typ != cList && typ != cSet {
		c.fail(errThrift)
		return
	}
	h := c.octet()
	n := uint64(h >> 4)
	if n == 15 {
		n = c.uvarint()
	}
	if n > uint64(len(c.b)-c.at) {
		c.fail(errShort)
		return
	}
	if size != nil {
		size(int(n))
	}
	for i := uint64(0); i < n && c.err == nil; i++ {
		each(h & 15)
	}
}

// skip passes over a value of type typ that stands in a field.
func (c *compact) skip(typ byte) {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxDepth {
		c.fail(errThrift)
		return
	}
	switch typ {
	case cTrue, cFalse:
	case cByte:
		c.octet()
	case cI16, cI32, cI64:
		c.uvarint()
	case cDouble:
		c.pass(8)
	case cBinary:
		c.binary(typ)
	case cList, cSet:
		c.list(typ, nil, c.skipElement)
	case cMap:
		c.skipMap()
	case cStruct:
		c.fields(func(_ int16, typ byte) { c.skip(typ) })
	default:
		c.fail(errThrift)
	}
}

// skipElement is skip for an element of a list, where a boolean takes a byte.
func (c *compact) skipElement(typ byte) {
	if typ == cTrue || typ == cFalse {
		c.octet()
		return
	}
	c.skip(typ)
}

func (c *compact) skipMap() {
	n := c.uvarint()
	if n == 0 {
		return
	}
	kinds := c.octet()
	for i := uint64(0); i < n && c.err == nil; i++ {
		c.skipElement(kinds >> 4)
		c.skipElement(kinds & 15)
	}
}

func (c *compact) pass(n int) {
	if n > len(c.b)-c.at {
		c.fail(errShort)
		return
	}
	c.at += n
}
