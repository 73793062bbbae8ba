package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/parquet-go/parquet-go/encoding/bytestreamsplit"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/format"
)

// word is the storage of a fixed-width engine type.
type word interface{ uint32 | uint64 }

// fixed is a column of numbers, times or dates. T is as wide as the engine's
// type; width is that of the physical values.
type fixed[T word] struct {
	cursor
	typ   arrow.DataType
	rule  rule
	width int
	dict  []T
	store scratch // of dict
	loose scratch // of pages in rare encodings
	index scratch // codes on their way to values
}

var errRange = errors.New("a value does not fit the engine's type")

// newColumn opens the chunk k of column l.
func newColumn(file io.ReaderAt, c *codecs, k *chunk, l *leaf, rows int64, mem memory.Allocator) column {
	if l.form != asRead {
		in := *l
		in.form, in.typ = asRead, arrow.PrimitiveTypes.Int64
		inner := newColumn(file, c, k, &in, rows, mem)
		if t, ok := inner.(*text); ok {
			t.raw = true
		}
		return &converted{column: inner, mem: mem, form: l.form, typ: l.typ}
	}
	cur := cursor{pages: newPages(file, c, k, l, rows, mem), mem: mem}
	s := scratch{mem: mem}
	switch l.rule {
	case texts:
		return &text{cursor: cur, loose: s}
	case bools:
		return &boolean{cursor: cur}
	case same32:
		return &fixed[uint32]{cursor: cur, typ: l.typ, rule: l.rule, width: 4, store: s, loose: s, index: s}
	case unsupported, same64, signed32, unsigned32, unsigned64, float32s, millis32, millis, nanos, int96s:
	}
	return &fixed[uint64]{cursor: cur, typ: l.typ, rule: l.rule, width: l.rule.physicalWidth(), store: s, loose: s, index: s}
}

func (f *fixed[T]) close() {
	f.pages.close()
	f.store.free()
	f.loose.free()
	f.index.free()
}

func (f *fixed[T]) skip(n int64) error { return f.skipRows(f, n) }

func (f *fixed[T]) read(n int) (arrow.Array, error) {
	var z T
	buf := memory.NewResizableBuffer(f.mem)
	buf.Resize(n * int(unsafe.Sizeof(z)))
	dst := view[T](buf.Bytes())
	valid := validity{mem: f.mem, n: n}
	for done := 0; done < n; {
		err := error(nil)
		k := 0
		if f.left == 0 {
			_, err = f.advance(f, 0)
		} else {
			k = min(f.left, n-done)
			err = f.some(dst[done:done+k], &valid, done)
		}
		if err != nil {
			buf.Release()
			valid.release()
			return nil, err
		}
		f.left -= k
		done += k
	}
	return valid.array(f.typ, nil, buf), nil
}

// some reads rows of the current page to dst, which are the rows from off on of the array.
func (f *fixed[T]) some(dst []T, valid *validity, off int) error {
	ones, err := valid.take(&f.cursor, off, len(dst))
	if err != nil {
		return err
	}
	if err := f.values(dst[:ones]); err != nil {
		return err
	}
	if ones < len(dst) {
		spread(dst, ones, valid.bits(), off)
	}
	return nil
}

// values reads the next values that are not null.
func (f *fixed[T]) values(dst []T) error {
	if !f.coded {
		size := len(dst) * f.width
		if size > len(f.body) {
			return errTooFew
		}
		err := convert(f.rule, dst, f.body[:size])
		f.body = f.body[size:]
		return err
	}
	codes := view[int32](f.index.need(4 * len(dst)))[:len(dst)]
	if err := f.codes.read(codes); err != nil {
		return err
	}
	dict := f.dict
	for i, c := range codes {
		if uint(c) >= uint(len(dict)) {
			return errCode
		}
		dst[i] = dict[c]
	}
	return nil
}

func (f *fixed[T]) drop(n int) error {
	if f.coded {
		return f.dropCodes(n)
	}
	if n*f.width > len(f.body) {
		return errTooFew
	}
	f.body = f.body[n*f.width:]
	return nil
}

func (f *fixed[T]) hasDictionary() bool { return f.dict != nil }

func (f *fixed[T]) dictionary(pg *page) error {
	if pg.rows*f.width != len(pg.body) {
		return errTooFew
	}
	var z T
	size := int(unsafe.Sizeof(z))
	f.dict = view[T](f.store.need(max(1, pg.rows) * size))[:pg.rows]
	return convert(f.rule, f.dict, pg.body)
}

func (f *fixed[T]) decode(pg *page) ([]byte, error) {
	if f.width != 4 && f.width != 8 {
		return nil, fmt.Errorf("encoding %s is not supported here", pg.enc)
	}
	switch pg.enc {
	case format.DeltaBinaryPacked:
		n, err := deltaLength(pg.body, pg.rows)
		if err != nil {
			return nil, err
		}
		return undelta(f.loose.need(n*f.width), pg.body, f.width)
	case format.ByteStreamSplit:
		if len(pg.body)%f.width != 0 {
			return nil, errTooMany
		}
		return unsplit(f.loose.need(len(pg.body)), pg.body, f.width)
	}
	return nil, fmt.Errorf("encoding %s is not supported here", pg.enc)
}

func undelta(dst, src []byte, width int) ([]byte, error) {
	var e delta.BinaryPackedEncoding
	if width == 4 {
		out, err := e.DecodeInt32(view[int32](dst), src)
		return raw(out), err
	}
	out, err := e.DecodeInt64(view[int64](dst), src)
	return raw(out), err
}

func unsplit(dst, src []byte, width int) ([]byte, error) {
	var e bytestreamsplit.Encoding
	if width == 4 {
		out, err := e.DecodeInt32(view[int32](dst), src)
		return raw(out), err
	}
	out, err := e.DecodeInt64(view[int64](dst), src)
	return raw(out), err
}

// raw views values as bytes.
func raw[T int32 | int64](vs []T) []byte {
	var z T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(vs))), len(vs)*int(unsafe.Sizeof(z)))
}

// maxDelta bounds the values of a delta-encoded page, which may be many more
// than its bytes.
const maxDelta = 1 << 26

// deltaLength returns how many values a delta-encoded page holds. It refuses
// more than there are rows.
func deltaLength(b []byte, rows int) (int, error) {
	for range 2 { // block size, blocks
		_, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, errTooFew
		}
		b = b[n:]
	}
	total, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, errTooFew
	}
	if total > uint64(rows) || total > maxDelta {
		return 0, errTooMany
	}
	return int(total), nil
}

// convert makes engine values of as many physical ones in src.
func convert[T word](r rule, dst []T, src []byte) error {
	if d, ok := any(dst).([]uint64); ok {
		return convert64(r, d, src)
	}
	if len(dst) > 0 {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), len(src)), src)
	}
	return nil
}

func convert64(r rule, dst []uint64, src []byte) error {
	if len(dst) == 0 {
		return nil
	}
	switch r {
	case same64:
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), len(src)), src)
	case signed32:
		for i := range dst {
			dst[i] = uint64(int64(int32(binary.LittleEndian.Uint32(src[4*i:]))))
		}
	case unsigned32:
		for i := range dst {
			dst[i] = uint64(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case float32s:
		for i := range dst {
			dst[i] = math.Float64bits(float64(math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))))
		}
	case unsigned64, millis32, millis, nanos, int96s:
		return convertChecked(r, dst, src)
	case unsupported, same32, bools, texts:
	}
	return nil
}

func convertChecked(r rule, dst []uint64, src []byte) error {
	for i := range dst {
		var v int64
		ok := true
		switch r {
		case unsigned64:
			v = int64(binary.LittleEndian.Uint64(src[8*i:]))
			ok = v >= 0
		case millis32:
			v = int64(int32(binary.LittleEndian.Uint32(src[4*i:]))) * 1000
		case millis:
			v, ok = microsOfMillis(int64(binary.LittleEndian.Uint64(src[8*i:])))
		case nanos:
			v = floorDiv(int64(binary.LittleEndian.Uint64(src[8*i:])), 1000)
		default: // int96s
			v, ok = microsOfInt96(src[12*i:])
		}
		if !ok {
			return errRange
		}
		dst[i] = uint64(v)
	}
	return nil
}

func microsOfMillis(ms int64) (int64, bool) {
	const limit = math.MaxInt64 / 1000
	return ms * 1000, ms <= limit && ms >= -limit
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// microsOfInt96 reads the legacy timestamp: nanoseconds of the day, then the
// Julian day.
func microsOfInt96(b []byte) (int64, bool) {
	const (
		epoch = 2440588 // Julian day of 1970-01-01
		day   = 24 * 3600 * 1000 * 1000
	)
	ns := int64(binary.LittleEndian.Uint64(b))
	days := int64(int32(binary.LittleEndian.Uint32(b[8:]))) - epoch
	if days > math.MaxInt64/day-1 || days < math.MinInt64/day+1 {
		return 0, false
	}
	return days*day + floorDiv(ns, 1000), ns >= 0 && ns/1000 <= 2*day
}
