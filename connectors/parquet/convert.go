package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
	"github.com/parquet-go/parquet-go/format"
)

// form says what is made of the arrays that a leaf's rule gives.
type form uint8

const (
	asRead    form = iota
	asBinary       // of strings
	asDecimal      // of integers, or of strings that are big-endian integers
)

// converted is a column of another type than its pages are read as.
type converted struct {
	column
	mem  memory.Allocator
	form form
	typ  arrow.DataType
}

func (c *converted) read(n int) (arrow.Array, error) {
	a, err := c.column.read(n)
	if err != nil {
		return nil, err
	}
	defer a.Release()
	if c.form == asBinary {
		return binaryOf(c.mem, a), nil
	}
	return decimalsOf(c.mem, a, c.typ)
}

// plainOf decodes a dictionary.
func plainOf(mem memory.Allocator, a arrow.Array) arrow.Array {
	d, ok := a.(*array.Dictionary)
	if !ok {
		a.Retain()
		return a
	}
	codes, _ := d.Indices().(*array.Int32)
	if d.NullN() == 0 {
		return kernel.Take(mem, d.Dictionary(), codes.Int32Values())
	}
	var rows, from kernel.Sel
	for i, code := range codes.Int32Values() {
		if d.IsValid(i) {
			rows, from = append(rows, int32(i)), append(from, code)
		}
	}
	dense := kernel.Take(mem, d.Dictionary(), from)
	defer dense.Release()
	return kernel.Scatter(mem, nil, dense, rows, a.Len())
}

// binaryOf is an array of strings that need not be text, as what they are.
func binaryOf(mem memory.Allocator, a arrow.Array) arrow.Array {
	p := plainOf(mem, a)
	defer p.Release()
	d := p.Data()
	data := array.NewData(arrow.BinaryTypes.Binary, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
	defer data.Release()
	return array.MakeFromData(data)
}

// decimalsOf converts unscaled values, whose precision is that of dt.
func decimalsOf(mem memory.Allocator, a arrow.Array, dt arrow.DataType) (arrow.Array, error) {
	at := func(int) (decimal128.Num, bool) { return decimal128.Num{}, false }
	if ints, ok := a.(*array.Int64); ok {
		at = func(i int) (decimal128.Num, bool) { return decimal128.FromI64(ints.Value(i)), true }
	} else {
		p := plainOf(mem, a)
		defer p.Release()
		if text, ok := p.(*array.String); ok {
			at = func(i int) (decimal128.Num, bool) { return bigEndian(text.Value(i)) }
		}
	}
	wide, _ := dt.(*arrow.Decimal128Type)
	vals, done := kernel.NewFixed[decimal128.Num](mem, dt, a.Len())
	ws, valid := kernel.NewBitmap(mem, a.Len())
	clear(ws)
	for i := range vals {
		vals[i] = decimal128.Num{}
		if a.IsNull(i) {
			continue
		}
		v, ok := at(i)
		if !ok || v.HighBits() == math.MinInt64 || !v.FitsInPrecision(wide.Precision) {
			done(valid).Release()
			return nil, errRange
		}
		vals[i] = v
		ws[i>>6] |= 1 << (i & 63)
	}
	return done(valid), nil
}

// bigEndian reads an integer in two's complement of any length.
func bigEndian(s string) (decimal128.Num, bool) {
	sign := byte(0)
	if len(s) > 0 && s[0] >= 0x80 {
		sign = 0xff
	}
	for len(s) > 16 {
		if s[0] != sign || s[1]>>7 != sign>>7 {
			return decimal128.Num{}, false
		}
		s = s[1:]
	}
	var b [16]byte
	for i := range b[:16-len(s)] {
		b[i] = sign
	}
	copy(b[16-len(s):], s)
	return decimal128.New(int64(binary.BigEndian.Uint64(b[:])), binary.BigEndian.Uint64(b[8:])), true
}

// prefixed writes values of one length as Parquet writes strings, with the
// length before each.
func (p *pages) prefixed(body []byte) ([]byte, error) {
	if len(body)%p.length != 0 {
		return nil, errTooFew
	}
	n := len(body) / p.length
	if int64(n)*int64(p.length+4) > maxPage {
		return nil, errLong
	}
	out := p.lengthened.need(n * (p.length + 4))[:0]
	for i := range n {
		out = binary.LittleEndian.AppendUint32(out, uint32(p.length))
		out = append(out, body[i*p.length:(i+1)*p.length]...)
	}
	return out, nil
}

// prefixes says whether pages of an encoding hold values without their length.
func (p *pages) prefixes(enc format.Encoding, typ format.PageType) bool {
	return p.length > 0 && (enc == format.Plain || enc == format.PlainDictionary && typ == format.DictionaryPage)
}

var errText = errors.New("a string is not UTF-8; the file says it is text, so it is damaged or was written by mistake")

// checkText refuses what is not UTF-8. ends are where strings end in data, of
// which the first begins at start.
func checkText(data []byte, start int, ends []int32) error {
	if !utf8.Valid(data[start:]) {
		return errText
	}
	for _, e := range ends {
		if int(e) < len(data) && !utf8.RuneStart(data[e]) {
			return errText
		}
	}
	return nil
}

// decimalType is that of an element, or why there is none.
func (e *element) decimalType() (arrow.DataType, string) {
	p, s := e.precision, e.decimalScale()
	if e.logical.id != 0 {
		p = e.logical.precision
	}
	if p < 1 || p > 38 || s < 0 || s > p {
		return nil, fmt.Sprintf("decimals of %d digits, %d of them behind the point, are not supported", p, s)
	}
	return &arrow.Decimal128Type{Precision: int32(p), Scale: int32(s)}, ""
}
