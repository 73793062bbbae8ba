package csv

import (
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
)

// Bounds of a dictionary. A column with more different texts than that, or with
// so many that most are met once, is kept plain from then on.
const (
	maxDict      = 1 << 16
	maxDictBytes = 4 << 20
	minDict      = 64
)

// texts is a column of strings: codes of a dictionary that all frames share, as
// long as texts repeat.
type texts struct {
	mem    memory.Allocator
	decode func(dst, src []byte) []byte // to UTF-8, of what is not ASCII; or nil
	n      int
	seen   int // rows of earlier arrays
	valid  validity
	buf    []byte // a decoded text

	in    kernel.Interner
	codes *memory.Buffer
	dict  arrow.Array // what in held when the last array was made

	plain   bool
	offsets *memory.Buffer
	data    *memory.Buffer
	used    int // bytes of data
}

func (c *texts) take(t *tokens, j int) {
	rows := t.rows()
	c.valid.grow(c.mem, c.n, c.n+rows)
	if c.plain {
		c.takePlain(t, j)
	} else {
		c.takeCodes(t, j)
	}
	c.n += rows
	if k := c.in.Len(); !c.plain && (k > maxDict || c.in.Bytes() > maxDictBytes || k > minDict && 2*k > c.seen+c.n) {
		c.spread()
	}
}

// decoded returns v in UTF-8.
func (c *texts) decoded(v []byte) []byte {
	if c.decode != nil && !ascii(v) {
		c.buf = c.decode(c.buf[:0], v)
		return c.buf
	}
	return v
}

func ascii(v []byte) bool {
	for _, b := range v {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// takeCodes looks up each text, but not one that equals the last.
func (c *texts) takeCodes(t *tokens, j int) {
	rows := t.rows()
	c.codes = room(c.mem, c.codes, (c.n+rows)*4)
	dst := arrow.Int32Traits.CastFromBytes(c.codes.Buf())[c.n : c.n+rows]
	last, lastText := int32(-1), ""
	for r := range dst {
		v, ok := t.text(r, j)
		if !ok {
			dst[r] = 0
			c.valid.null(c.n + r)
			continue
		}
		if v = c.decoded(v); last < 0 || string(v) != lastText {
			last = c.in.Intern(unsafe.String(unsafe.SliceData(v), len(v)))
			lastText = c.in.Value(last)
		}
		dst[r] = last
	}
}

func (c *texts) takePlain(t *tokens, j int) {
	rows := t.rows()
	ends := c.reserve(rows)
	for r := range rows {
		v, ok := t.text(r, j)
		if !ok {
			c.valid.null(c.n + r)
		} else {
			c.put(c.decoded(v))
		}
		ends[r] = int32(c.used)
	}
}

// reserve returns room for the ends of rows more texts.
func (c *texts) reserve(rows int) []int32 {
	c.offsets = room(c.mem, c.offsets, (c.n+rows+1)*4)
	offsets := arrow.Int32Traits.CastFromBytes(c.offsets.Buf())
	offsets[0] = 0
	return offsets[c.n+1 : c.n+1+rows]
}

func (c *texts) put(v []byte) {
	c.data = room(c.mem, c.data, c.used+len(v))
	c.used += copy(c.data.Buf()[c.used:], v)
}

// spread turns codes into plain texts, for good.
func (c *texts) spread() {
	n := c.n
	codes := arrow.Int32Traits.CastFromBytes(c.codes.Buf())
	c.plain, c.n = true, 0
	ends := c.reserve(n)
	for i := range ends {
		if c.valid.buf.Buf()[i>>3]>>(i&7)&1 != 0 {
			s := c.in.Value(codes[i])
			c.put(unsafe.Slice(unsafe.StringData(s), len(s)))
		}
		ends[i] = int32(c.used)
	}
	c.n = n
	c.codes.Release()
	c.codes, c.in = nil, kernel.Interner{}
	if c.dict != nil {
		c.dict.Release()
		c.dict = nil
	}
}

func (c *texts) cut(n int) {
	c.n = n
	c.valid.cut(n)
	if c.plain {
		c.used = 0
		if c.offsets != nil {
			c.used = int(arrow.Int32Traits.CastFromBytes(c.offsets.Buf())[n])
		}
	}
}

func (c *texts) array() arrow.Array {
	n := c.n
	valid, nulls := c.valid.done(n)
	c.seen += n
	if c.plain {
		c.reserve(0)
		c.data = room(c.mem, c.data, 8)
		c.offsets.ResizeNoShrink((n + 1) * 4)
		c.data.ResizeNoShrink(c.used)
		a := wrap(arrow.BinaryTypes.String, n, nulls, valid, c.offsets, c.data)
		c.n, c.used, c.offsets, c.data = 0, 0, nil, nil
		return a
	}
	if c.in.Len() == 0 {
		c.in.Intern("") // a code of 0 is in range even where every row is null
	}
	if c.dict == nil || c.dict.Len() != c.in.Len() {
		if c.dict != nil {
			c.dict.Release()
		}
		c.dict = c.in.Values(c.mem)
	}
	c.codes = room(c.mem, c.codes, 8)
	c.codes.ResizeNoShrink(n * 4)
	d := array.NewDataWithDictionary(kernel.StringDict(), n, []*memory.Buffer{valid, c.codes}, nulls, 0, c.dict.Data().(*array.Data))
	if valid != nil {
		valid.Release()
	}
	c.codes.Release()
	c.n, c.codes = 0, nil
	defer d.Release()
	return array.MakeFromData(d)
}

func (c *texts) release() {
	for _, b := range []**memory.Buffer{&c.codes, &c.offsets, &c.data} {
		if *b != nil {
			(*b).Release()
			*b = nil
		}
	}
	if c.dict != nil {
		c.dict.Release()
		c.dict = nil
	}
	c.valid.release()
}
