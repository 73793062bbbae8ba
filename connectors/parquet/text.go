package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/format"
)

// text is a column of strings. While pages hold codes it yields dictionary
// arrays that share one values array; rows of a frame of which any page holds
// plain strings are plain strings as a whole.
type text struct {
	cursor
	dict  *array.String // of the chunk; nil until its page was read
	loose scratch       // of pages in rare encodings
	raw   bool          // the values need not be UTF-8
}

var errLong = errors.New("a frame has more than 2 GiB of text")

func (t *text) close() {
	t.pages.close()
	t.loose.free()
	if t.dict != nil {
		t.dict.Release()
		t.dict = nil
	}
}

func (t *text) skip(n int64) error { return t.skipRows(t, n) }

func (t *text) read(n int) (arrow.Array, error) {
	b := textBuilder{mem: t.mem, raw: t.raw, valid: validity{mem: t.mem, n: n}}
	for done := 0; done < n; {
		err := error(nil)
		k := 0
		if t.left == 0 {
			_, err = t.advance(t, 0)
		} else {
			k = min(t.left, n-done)
			err = t.some(&b, done, k)
		}
		if err != nil {
			b.release()
			return nil, err
		}
		t.left -= k
		done += k
	}
	return b.finish(t.dict), nil
}

func (t *text) some(b *textBuilder, off, n int) error {
	ones, err := b.valid.take(&t.cursor, off, n)
	if err != nil {
		return err
	}
	switch {
	case t.coded && b.offsets == nil:
		return b.codesOf(t, off, n, ones)
	case t.coded:
		return b.looked(t, off, n, ones)
	case b.codes != nil:
		if err := b.turn(t.dict, off); err != nil {
			return err
		}
	}
	rest, err := b.plain(t.body, off, n, ones)
	t.body = rest
	return err
}

func (t *text) drop(n int) error {
	if t.coded {
		return t.dropCodes(n)
	}
	for range n {
		v, rest, err := cutString(t.body)
		if err != nil {
			return err
		}
		_, t.body = v, rest
	}
	return nil
}

func cutString(b []byte) (v, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errTooFew
	}
	n := binary.LittleEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, errTooFew
	}
	return b[4 : 4+n], b[4+n:], nil
}

func (t *text) hasDictionary() bool { return t.dict != nil }

// dictionary loads the values that all frames of the chunk will share. An
// empty dictionary gets a value that no row bears, so that code 0 is one.
func (t *text) dictionary(pg *page) error {
	n := pg.rows
	if n > len(pg.body)/4 {
		return errTooFew
	}
	b := textBuilder{mem: t.mem, raw: t.raw, valid: validity{mem: t.mem, n: max(n, 1)}}
	rest, err := b.plain(pg.body, 0, max(n, 1), n)
	if err == nil && len(rest) > 0 {
		err = errTooMany
	}
	if err != nil {
		b.release()
		return err
	}
	t.dict = b.finish(nil).(*array.String)
	return nil
}

// decode lays out strings in rare encodings plainly.
func (t *text) decode(pg *page) ([]byte, error) {
	_, err := deltaLength(pg.body, pg.rows)
	if err != nil {
		return nil, err
	}
	var data []byte
	var offsets []uint32
	switch pg.enc {
	case format.DeltaLengthByteArray:
		var e delta.LengthByteArrayEncoding
		data, offsets, err = e.DecodeByteArray(nil, pg.body, nil)
	case format.DeltaByteArray:
		if err := prefixesFit(pg.body); err != nil {
			return nil, err
		}
		var e delta.ByteArrayEncoding
		data, offsets, err = e.DecodeByteArray(nil, pg.body, nil)
	default:
		return nil, fmt.Errorf("encoding %s is not supported here", pg.enc)
	}
	if err != nil || len(offsets) == 0 {
		return nil, err
	}
	out := t.loose.need(len(data) + 4*len(offsets))[:0]
	for i, end := range offsets[1:] {
		v := data[offsets[i]:end]
		out = binary.LittleEndian.AppendUint32(out, uint32(len(v)))
		out = append(out, v...)
	}
	return out, nil
}

// prefixesFit refuses strings that are so much longer than their page, by what
// they share, that they were not meant.
func prefixesFit(body []byte) error {
	var e delta.BinaryPackedEncoding
	lengths, err := e.DecodeInt32(nil, body)
	if err != nil {
		return err
	}
	total := int64(len(body))
	for _, n := range lengths {
		total += int64(n)
	}
	if total > maxPage {
		return errTooMany
	}
	return nil
}

// textBuilder makes one array of strings: of codes, or, once turned, of plain
// strings.
type textBuilder struct {
	mem     memory.Allocator
	valid   validity
	codes   *memory.Buffer // int32, a row each
	offsets *memory.Buffer // int32, one more than rows
	data    *memory.Buffer
	size    int // bytes of data in use
	raw     bool
}

func (b *textBuilder) release() {
	b.valid.release()
	for _, buf := range []*memory.Buffer{b.codes, b.offsets, b.data} {
		if buf != nil {
			buf.Release()
		}
	}
}

// finish returns the array and leaves b empty. dict is the dictionary of codes.
func (b *textBuilder) finish(dict *array.String) arrow.Array {
	if b.offsets == nil && b.codes != nil {
		dt := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
		return b.valid.array(dt, dict.Data(), b.codes)
	}
	b.start()
	b.data.Resize(b.size)
	return b.valid.array(arrow.BinaryTypes.String, nil, b.offsets, b.data)
}

// codesOf reads the next codes of the page.
func (b *textBuilder) codesOf(t *text, off, n, ones int) error {
	if b.codes == nil {
		b.codes = memory.NewResizableBuffer(b.mem)
		b.codes.Resize(4 * b.valid.n)
	}
	dst := view[int32](b.codes.Bytes())[off : off+n]
	if err := t.codes.read(dst[:ones]); err != nil {
		return err
	}
	if !within(dst[:ones], t.dict.Len()) {
		return errCode
	}
	if ones < n {
		spread(dst, ones, b.valid.bits(), off)
	}
	return nil
}

// within reports whether all codes are indices of a slice of length n. Eight at a time:
// each waits for the one of its place that was the largest so far, not for the one
// before it.
func within(codes []int32, n int) bool {
	var a, b, c, d uint32
	i := 0
	for ; i+8 <= len(codes); i += 8 {
		q := (*[8]int32)(codes[i:])
		a, b = max(a, uint32(q[0]), uint32(q[4])), max(b, uint32(q[1]), uint32(q[5]))
		c, d = max(c, uint32(q[2]), uint32(q[6])), max(d, uint32(q[3]), uint32(q[7]))
	}
	for _, code := range codes[i:] {
		a = max(a, uint32(code))
	}
	return len(codes) == 0 || uint64(max(a, b, c, d)) < uint64(n)
}

// start makes the buffers of plain strings.
func (b *textBuilder) start() {
	if b.offsets != nil {
		return
	}
	b.offsets = memory.NewResizableBuffer(b.mem)
	b.offsets.Resize(4 * (b.valid.n + 1))
	view[int32](b.offsets.Bytes())[0] = 0
	b.data = memory.NewResizableBuffer(b.mem)
}

// room makes room for n more bytes of text.
func (b *textBuilder) room(n int) error {
	if b.size+n > math.MaxInt32 {
		return errLong
	}
	if have := b.data.Cap(); b.size+n > have {
		b.data.Reserve(max(b.size+n, 2*have))
	}
	b.data.Resize(b.size + n)
	return nil
}

// plain reads rows of a page in plain encoding and returns what is left of it.
// Lengths are summed first, so that room is made once and copied in one go. If
// ones is less than n and there is no bitmap, the last rows are empty strings.
func (b *textBuilder) plain(body []byte, off, n, ones int) ([]byte, error) {
	b.start()
	if int64(b.size)+int64(len(body)) > math.MaxInt32 {
		return nil, errLong // or nearly: a frame this long is a mistake anyway
	}
	ends := view[int32](b.offsets.Bytes())[off+1 : off+1+n]
	bits := b.valid.bits()
	var at, end int
	ok := true
	if bits == nil {
		at, end, ok = sumLengths(ends[:ones], body, b.size)
		fill(ends[ones:], int32(end))
	} else {
		at, end, ok = sumValidLengths(ends, body, b.size, bits, off)
	}
	if !ok {
		return nil, errTooFew
	}
	first := b.size
	if err := b.room(end - first); err != nil {
		return nil, err
	}
	gatherStrings(b.data.Bytes(), body[:at], ends, first)
	b.size = end
	if b.raw {
		return body[at:], nil
	}
	return body[at:], checkText(b.data.Bytes(), first, ends)
}

// sumLengths notes where the strings at the front of body will end when they
// are laid out from end on. It returns how far they reach in body and where the
// last one ends.
func sumLengths(ends []int32, body []byte, end int) (at, last int, ok bool) {
	for i := range ends {
		if len(body)-at < 4 {
			return 0, 0, false
		}
		size := int(binary.LittleEndian.Uint32(body[at:]))
		if at += 4; size > len(body)-at {
			return 0, 0, false
		}
		at += size
		end += size
		ends[i] = int32(end)
	}
	return at, end, true
}

// sumValidLengths is sumLengths where only the rows of bits from off on have strings.
func sumValidLengths(ends []int32, body []byte, end int, bits []byte, off int) (at, last int, ok bool) {
	for i := range ends {
		if bitSet(bits, off+i) {
			var n int
			if n, end, ok = sumLengths(ends[i:i+1], body[at:], end); !ok {
				return 0, 0, false
			}
			at += n
		}
		ends[i] = int32(end)
	}
	return at, end, true
}

func bitSet(bits []byte, i int) bool { return bits[i>>3]>>(i&7)&1 != 0 }

// gatherStrings copies the strings of src, which stand each behind its length,
// to dst, where they end at ends. A row that takes no bytes may stand in src or
// be null; either way there is nothing to copy, but for its length to pass.
func gatherStrings(dst, src []byte, ends []int32, start int) {
	at := 0
	for _, e := range ends {
		end := int(e)
		if end == start {
			continue
		}
		for {
			size := int(binary.LittleEndian.Uint32(src[at:]))
			at += 4
			if size > 0 {
				break
			}
		}
		at += copy(dst[start:end], src[at:])
		start = end
	}
}

// looked reads codes of the page and looks their strings up.
func (b *textBuilder) looked(t *text, off, n, ones int) error {
	var s scratch
	s.mem = b.mem
	defer s.free()
	codes := view[int32](s.need(4 * n))[:n]
	if err := t.codes.read(codes[:ones]); err != nil {
		return err
	}
	if !within(codes[:ones], t.dict.Len()) {
		return errCode
	}
	if ones < n {
		spread(codes, ones, b.valid.bits(), off)
	}
	return b.lookUp(t.dict, codes, off)
}

// turn makes plain strings of the codes of the first n rows.
func (b *textBuilder) turn(dict *array.String, n int) error {
	codes := b.codes
	defer codes.Release()
	b.codes = nil
	b.start()
	return b.lookUp(dict, view[int32](codes.Bytes())[:n], 0)
}

func (b *textBuilder) lookUp(dict *array.String, codes []int32, off int) error {
	ends := view[int32](b.offsets.Bytes())[off+1:]
	bits := b.valid.bits()
	for i, c := range codes {
		if bits == nil || bitSet(bits, off+i) {
			v := dict.Value(int(c))
			if err := b.room(len(v)); err != nil {
				return err
			}
			copy(b.data.Bytes()[b.size:], v)
			b.size += len(v)
		}
		ends[i] = int32(b.size)
	}
	return nil
}
