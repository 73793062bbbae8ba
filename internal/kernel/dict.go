package kernel

import (
	"slices"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// isText says whether dt is one of the spellings of String.
func isText(dt arrow.DataType) bool {
	if d, ok := dt.(*arrow.DictionaryType); ok {
		return d.ValueType.ID() == arrow.STRING && d.IndexType.ID() == arrow.INT32
	}
	return dt.ID() == arrow.STRING
}

// sameDict says whether all arrays are dictionaries over the very same values.
func sameDict(as ...arrow.Array) bool {
	first := as[0].Data().Dictionary()
	if as[0].DataType().ID() != arrow.DICTIONARY {
		return false
	}
	for _, a := range as[1:] {
		if a.DataType().ID() != arrow.DICTIONARY || !sameData(first, a.Data().Dictionary()) {
			return false
		}
	}
	return true
}

func sameData(a, b arrow.ArrayData) bool {
	if a == b {
		return true
	}
	if a.Len() != b.Len() || a.Offset() != b.Offset() {
		return false
	}
	for i, buf := range a.Buffers() {
		if buf != b.Buffers()[i] {
			return false
		}
	}
	return true
}

// unify spells every array of text as a dictionary over one values array. The
// caller releases what it gets.
func unify(mem memory.Allocator, as ...arrow.Array) []arrow.Array {
	out := make([]arrow.Array, len(as))
	if sameDict(as...) {
		for i, a := range as {
			a.Retain()
			out[i] = a
		}
		return out
	}
	var in Interner
	var known entries
	codes := make([]*memory.Buffer, len(as))
	valids := make([]*memory.Buffer, len(as))
	for i, a := range as {
		codes[i], valids[i] = internRows(mem, &in, &known, a)
	}
	if in.Len() == 0 {
		in.Intern("") // a code of 0 is in range even where every row is null
	}
	dict := in.Values(mem)
	defer dict.Release()
	for i, a := range as {
		out[i] = wrap(StringDict(), a.Len(), valids[i], dict.Data().(*array.Data), codes[i])
	}
	return out
}

// entries are the numbers of the entries of a dictionary, plus one, of those that were
// met. Arrays that come one behind the other often share theirs.
type entries struct {
	dict arrow.ArrayData
	seen []int32
}

// of returns the numbers for a dictionary of n entries.
func (e *entries) of(dict arrow.ArrayData, n int) []int32 {
	if e.dict == nil || !sameData(e.dict, dict) {
		e.dict, e.seen = dict, slices.Grow(e.seen[:0], n)[:n]
		clear(e.seen)
	}
	return e.seen
}

// internRows returns the number of every row of a in in (0 for a null) and
// the rows that are not null (nil if all).
func internRows(mem memory.Allocator, in *Interner, known *entries, a arrow.Array) (codes, valid *memory.Buffer) {
	ids, codes := newValues[int32](mem, a.Len())
	ids = ids[:a.Len()]
	c := columnOf(a)
	if c.dict == nil {
		s := stringsOf(a)
		for i := range ids {
			ids[i] = 0
			if s.valid.get(i) {
				ids[i] = in.Intern(text(s.at(i)))
			}
		}
		return codes, copyValid(mem, s.valid, a.Len())
	}
	dict := dictStrings(c.dict)
	seen := known.of(a.Data().Dictionary(), dict.n)
	for i, code := range values[int32](c) {
		ids[i] = 0
		if !c.valid.get(i) || !dict.valid.get(int(code)) {
			continue
		}
		if seen[code] == 0 {
			seen[code] = in.Intern(text(dict.at(int(code)))) + 1
		}
		ids[i] = seen[code] - 1
	}
	return codes, copyValid(mem, rowsValid(c, dict), a.Len())
}

// rowsValid returns the rows of a dictionary column that are not null, neither
// by themselves nor by the entry they point to.
func rowsValid(c column, dict strs) bitmap {
	if dict.valid.all() || c.n == 0 {
		return c.valid
	}
	bits := make([]byte, words(c.n)*8)
	for i, code := range values[int32](c) {
		if c.valid.get(i) && dict.valid.get(int(code)) {
			bits[i>>3] |= 1 << (i & 7)
		}
	}
	return bitmap{bits: bits}
}

func copyValid(mem memory.Allocator, b bitmap, n int) *memory.Buffer {
	if b.all() {
		return nil
	}
	ws, buf := NewBitmap(mem, n)
	b.copyTo(ws, n)
	return buf
}

// text views bytes as a string, borrowed.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
