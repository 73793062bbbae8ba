package agg

import (
	"math"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/types"
)

// chunk is how many rows are worked on at a time: their words, hashes and
// group numbers stay in the first-level cache.
const chunk = 1024

const canonicalNaN = 0x7ff8000000000000

// column is a view of an Arrow array, offset applied.
type column struct {
	kind  kind
	valid []byte // nil: no null
	off   int    // of row 0 in valid
	words []uint64
	days  []int32
	bools *array.Boolean
	codes []int32       // of a dictionary
	text  *array.String // values, or those of the dictionary
	decs  []decimal128.Num
	spelt []string // instead of text, see spell.go
}

func (c *column) null(i int) bool {
	if c.valid == nil {
		return false
	}
	p := uint(c.off + i)
	return c.valid[p>>3]>>(p&7)&1 == 0
}

// str returns row i of a text column that is not null, borrowed.
func (c *column) str(i int) string {
	if c.codes != nil {
		i = int(c.codes[i])
	}
	if c.spelt != nil {
		return c.spelt[i]
	}
	return c.text.Value(i)
}

// floats views the words of a float column.
func (c *column) floats(lo, hi int) []float64 { return asFloats(c.words[lo:hi]) }

// viewOf views a, which must have n rows of type dt, as kind k.
func viewOf(a arrow.Array, dt arrow.DataType, k kind, n int) (column, error) {
	c := column{kind: k}
	if a == nil {
		return c, fault.New(fault.Bug, "agg: a column is missing")
	}
	got, ok := kindOf(a.DataType())
	if k == decimals {
		got = k
	}
	if !ok || got != k || a.Len() != n || (got == text || k == decimals) && !types.Same(dt, a.DataType()) {
		return c, fault.New(fault.Bug, "agg: a column of %d rows of %s does not fit", a.Len(), a.DataType())
	}
	if a.NullN() > 0 {
		c.valid, c.off = a.NullBitmapBytes(), a.Data().Offset()
	}
	switch a := a.(type) {
	case *array.Boolean:
		c.bools = a
	case *array.Int64:
		c.words = asWords(a.Int64Values())
	case *array.Timestamp:
		c.words = asWords(a.TimestampValues())
	case *array.Duration:
		c.words = asWords(a.DurationValues())
	case *array.Date32:
		c.days = arrow.Int32Traits.CastFromBytes(arrow.Date32Traits.CastToBytes(a.Date32Values()))
	case *array.Float64:
		c.words = asWords(a.Float64Values())
	case *array.String:
		c.text = a
	case *array.Dictionary:
		c.viewDict(a)
	case *array.Decimal128:
		if c.decs = a.Values(); k == text {
			c.spelt = spell(a)
		}
	default:
		c.spelt = spell(a)
	}
	return c, nil
}

// viewDict is viewOf for a dictionary, whose entries may be null too.
func (c *column) viewDict(a *array.Dictionary) {
	c.codes = make([]int32, 0)
	if a.Len() == 0 {
		return
	}
	c.codes = a.Indices().(*array.Int32).Int32Values()
	c.text = a.Dictionary().(*array.String)
	if c.text.NullN() == 0 {
		return
	}
	valid := make([]byte, (a.Len()+7)/8)
	for i, code := range c.codes {
		if !c.null(i) && !c.text.IsNull(int(code)) {
			valid[i>>3] |= 1 << (i & 7)
		}
	}
	c.valid, c.off = valid, 0
}

// fill returns the canonical words of rows lo to lo+len(dst) of a column that
// is not text, in dst or in place. Words of nulls are unspecified.
func (c *column) fill(lo int, dst []uint64) []uint64 {
	switch c.kind {
	case ints:
		return c.words[lo : lo+len(dst)]
	case floats:
		for i, f := range c.floats(lo, lo+len(dst)) {
			dst[i] = floatWord(f)
		}
	case days:
		for i, d := range c.days[lo : lo+len(dst)] {
			dst[i] = uint64(int64(d))
		}
	case bools:
		for i := range dst {
			dst[i] = 0
			if c.bools.Value(lo + i) {
				dst[i] = 1
			}
		}
	default: // text goes through an encoder
	}
	return dst
}

// floatWord returns the bits of the canonical form of f.
func floatWord(f float64) uint64 {
	if f != f {
		return canonicalNaN
	}
	return math.Float64bits(f + 0)
}

// orderWord maps canonical words to words in the order of their values.
func orderWord(k kind, w uint64) uint64 {
	if k == floats && w>>63 != 0 {
		return ^w
	}
	return w ^ 1<<63
}

// orderFloat is orderWord of a float.
func orderFloat(f float64) uint64 {
	w := floatWord(f)
	return w ^ (uint64(int64(w)>>63) | 1<<63)
}

// unorderWord is the inverse of orderWord.
func unorderWord(k kind, w uint64) uint64 {
	if k == floats && w>>63 == 0 {
		return ^w
	}
	return w ^ 1<<63
}

// encoder turns text into words: the number of the string in its interner, plus
// one. Word 0 is null.
type encoder struct {
	in    *kernel.Interner
	dicts dictionaries // the words of their entries
}

// fill writes the words of rows lo to lo+len(dst), nulls included.
func (e *encoder) fill(c *column, lo int, dst []uint64) {
	if c.codes == nil {
		for i := range dst {
			dst[i] = 0
			if !c.null(lo + i) {
				dst[i] = e.word(c.str(lo + i))
			}
		}
		return
	}
	words := e.dicts.of(c.text)
	codes := c.codes[lo : lo+len(dst)]
	if c.valid != nil {
		for i, code := range codes {
			dst[i] = 0
			if !c.null(lo + i) {
				dst[i] = e.entry(words, c.text, code)
			}
		}
		return
	}
	for i, code := range codes {
		w := uint64(words[code])
		if w == 0 {
			w = e.entry(words, c.text, code)
		}
		dst[i] = w
	}
}

func (e *encoder) word(s string) uint64 { return uint64(e.in.Intern(s)) + 1 }

func (e *encoder) entry(words []uint32, values *array.String, code int32) uint64 {
	if words[code] == 0 {
		words[code] = uint32(e.word(values.Value(int(code))))
	}
	return uint64(words[code])
}

// mix is the hash of tables inside one process: a folded multiplication, the one
// that kernel.HashRows documents for a further column.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0xa0761d6478bd642f, b^0xe7037ed1a0b428db)
	return hi ^ lo
}
