package parquet

import (
	"bytes"
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"
)

const (
	maxDictionary = 1 << 20 // bytes above which a chunk goes on in plain encoding
	textStep      = 1 << 10 // rows between looks at the size of a page
	plainRounds   = 16      // chunks written plainly before a dictionary is tried again
)

// textEncoder lays out strings: as codes while a dictionary pays, then plainly.
// A dictionary array is written through a map of its codes to the chunk's,
// filled where a code is met, so that strings are hashed once a value and not
// once a row.
type textEncoder struct {
	coded   bool
	rounds  int              // chunks to write plainly yet
	table   map[string]int32 // value to code
	starts  []int            // of values in blob, behind their lengths
	blob    []byte           // the dictionary in plain encoding
	pages   int
	usedAny bool // some page holds codes

	last  arrow.ArrayData // values of the dictionary that remap is of, retained
	remap []int32         // its codes to ours, -1 for unknown

	codes  []int32 // of the page
	plain  []byte  // of the page
	packed []byte
	seen   []bool

	lo, hi []byte // of the chunk
}

func newTextEncoder() *textEncoder {
	return &textEncoder{coded: true, table: map[string]int32{}}
}

func (e *textEncoder) size() (int, int) {
	size := len(e.plain) + 2*len(e.codes)
	if e.coded && len(e.blob) > maxDictionary {
		size += len(e.blob)
	}
	return size, textStep
}

func (e *textEncoder) value(code int32) []byte {
	at := e.starts[code]
	return e.blob[at : at+int(binary.LittleEndian.Uint32(e.blob[at-4:]))]
}

func (e *textEncoder) add(a arrow.Array, from, n int, valid []byte, off int) error {
	switch a := a.(type) {
	case *array.Binary:
		for i := from; i < from+n; i++ {
			if valid == nil || bitSet(valid, off+i) {
				e.addValue(a.ValueString(i))
			}
		}
		return nil
	case *array.String:
		for i := from; i < from+n; i++ {
			if valid == nil || bitSet(valid, off+i) {
				e.addValue(a.Value(i))
			}
		}
		return nil
	case *array.Dictionary:
		values, ok := a.Dictionary().(*array.String)
		codes, plain := a.Indices().(*array.Int32)
		if ok && plain {
			e.addCodes(values, codes.Int32Values()[from:from+n], from, valid, off)
			return nil
		}
	}
	return wrongType(a, arrow.BinaryTypes.String)
}

// addValue adds a string, which it copies.
func (e *textEncoder) addValue(v string) {
	if e.coded {
		e.codes = append(e.codes, e.code(v))
		return
	}
	e.plain = binary.LittleEndian.AppendUint32(e.plain, uint32(len(v)))
	e.plain = append(e.plain, v...)
}

// code returns the code of a value, a new one if need be.
func (e *textEncoder) code(v string) int32 {
	if c, ok := e.table[v]; ok {
		return c
	}
	c := int32(len(e.starts))
	e.blob = binary.LittleEndian.AppendUint32(e.blob, uint32(len(v)))
	e.starts = append(e.starts, len(e.blob))
	e.blob = append(e.blob, v...)
	e.table[string(append([]byte(nil), v...))] = c
	return c
}

// addCodes adds rows of a dictionary array.
func (e *textEncoder) addCodes(values *array.String, codes []int32, from int, valid []byte, off int) {
	if !e.coded {
		for i, c := range codes {
			if valid == nil || bitSet(valid, off+from+i) {
				e.addValue(values.Value(int(c)))
			}
		}
		return
	}
	e.follow(values)
	for i, c := range codes {
		if valid != nil && !bitSet(valid, off+from+i) {
			continue
		}
		ours := e.remap[c]
		if ours < 0 {
			ours = e.code(values.Value(int(c)))
			e.remap[c] = ours
		}
		e.codes = append(e.codes, ours)
	}
}

// follow makes remap that of values.
func (e *textEncoder) follow(values *array.String) {
	if e.last == values.Data() {
		return
	}
	e.forget()
	e.last = values.Data()
	e.last.Retain()
	e.remap = e.remap[:0]
	for range values.Len() {
		e.remap = append(e.remap, -1)
	}
}

func (e *textEncoder) forget() {
	if e.last != nil {
		e.last.Release()
		e.last = nil
	}
}

// page ends the page. The first page of a chunk tells whether a dictionary
// pays; later its size ends it.
func (e *textEncoder) page() encodedPage {
	if e.coded && e.pages == 0 && len(e.starts) > len(e.codes)*3/4 && len(e.codes) >= textStep/4 {
		e.turn()
	}
	e.pages++
	var p encodedPage
	if e.coded && len(e.codes) > 0 { // a page of nulls needs no dictionary
		p = e.codedPage()
		if len(e.blob) > maxDictionary {
			e.coded = false
		}
	} else {
		p = e.plainPage()
	}
	e.widen(p.lo, p.hi)
	return p
}

// turn makes plain strings of the page's codes and drops the dictionary.
func (e *textEncoder) turn() {
	for _, c := range e.codes {
		at := e.starts[c]
		end := at + int(binary.LittleEndian.Uint32(e.blob[at-4:]))
		e.plain = append(e.plain, e.blob[at-4:end]...)
	}
	e.coded = false
	e.codes = e.codes[:0]
	e.drop()
	e.rounds = plainRounds
}

func (e *textEncoder) codedPage() encodedPage {
	e.usedAny = true
	var enc rle.DictionaryEncoding
	out, err := enc.EncodeInt32(e.packed[:0], e.codes)
	if err != nil { // codes are small and not negative
		out = nil
	}
	e.packed = out
	p := encodedPage{values: out, enc: format.RLEDictionary}
	e.seen = append(e.seen[:0], make([]bool, len(e.starts))...)
	for _, c := range e.codes {
		e.seen[c] = true
	}
	for c, ok := range e.seen {
		if ok {
			p.include(e.value(int32(c)))
		}
	}
	e.codes = e.codes[:0]
	return p
}

func (e *textEncoder) plainPage() encodedPage {
	p := encodedPage{values: e.plain, enc: format.Plain}
	for b := e.plain; len(b) > 0; {
		n := int(binary.LittleEndian.Uint32(b))
		p.include(b[4 : 4+n : 4+n])
		b = b[4+n:]
	}
	e.plain = e.plain[:0]
	return p
}

// include widens the bounds by v. Bounds alias the values.
func (p *encodedPage) include(v []byte) {
	switch {
	case p.lo == nil:
		p.lo, p.hi = v, v
	case bytes.Compare(v, p.lo) < 0:
		p.lo = v
	case bytes.Compare(v, p.hi) > 0:
		p.hi = v
	}
}

// widen widens the chunk's bounds by the page's.
func (e *textEncoder) widen(lo, hi []byte) {
	if lo == nil {
		return
	}
	if e.lo == nil || bytes.Compare(lo, e.lo) < 0 {
		e.lo = append([]byte{}, lo...)
	}
	if e.hi == nil || bytes.Compare(hi, e.hi) > 0 {
		e.hi = append([]byte{}, hi...)
	}
}

func (e *textEncoder) chunk() encodedChunk {
	all := encodedChunk{lo: e.lo, hi: e.hi}
	if e.usedAny {
		all.dict, all.values = e.blob, len(e.starts)
	}
	return all
}

// drop forgets the dictionary.
func (e *textEncoder) drop() {
	e.forget()
	clear(e.table)
	e.starts, e.blob = e.starts[:0], e.blob[:0]
}

func (e *textEncoder) reset() {
	e.drop()
	e.coded = e.rounds == 0
	e.rounds = max(0, e.rounds-1)
	e.pages, e.usedAny = 0, false
	e.lo, e.hi = nil, nil
}
