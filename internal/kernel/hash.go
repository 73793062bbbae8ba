package kernel

import (
	"math"
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"

	"github.com/idag/idag/internal/kernel/canon"
)

// nullHash is what a null hashes to, and what rows of no columns hash to.
const nullHash = 0x9e3779b97f4a7c15

// canonicalNaN is the one NaN of the engine.
const canonicalNaN = 0x7ff8000000000000

// HashRows returns the hash of each row of cols, by value: a plain String and
// a dictionary hash alike, -0 as 0, and every NaN as one. It fills dst if that
// has room. The number of rows is that of the columns; without columns it is
// len(dst).
//
// The hash is part of what the engine promises to keep, across processes and
// versions, since shuffles and tags use it. A value hashes to the xxh3-64 of
// its bytes: of a String those of its UTF-8; of a Binary its own; of a Decimal128
// the 16 of its unscaled value; of a List, Map or Struct what package canon spells;
// of every other type 8 bytes, little endian: the integer (of Timestamp and
// Duration, microseconds; of Date32, days; sign extended), 0 or 1, or the bits of
// the float. A null hashes to
// 0x9e3779b97f4a7c15. The row's hash is that of its first column, and from then
// on, for each column in turn, high ^ low of the 128-bit product
// (row ^ 0xa0761d6478bd642f) * (column ^ 0xe7037ed1a0b428db).
func HashRows(cols []arrow.Array, dst []uint64) []uint64 {
	if len(cols) == 0 {
		for i := range dst {
			dst[i] = nullHash
		}
		return dst
	}
	n := cols[0].Len()
	dst = slices.Grow(dst[:0], n)[:n]
	for k, a := range cols {
		sameLen(n, a)
		hashColumn(a, dst, k > 0)
	}
	return dst
}

// combine folds the hash of a further column into that of a row.
func combine(row, col uint64) uint64 {
	hi, lo := bits.Mul64(row^0xa0761d6478bd642f, col^0xe7037ed1a0b428db)
	return hi ^ lo
}

// hashWord is xxh3-64 of the 8 bytes of w, little endian.
func hashWord(w uint64) uint64 {
	h := bits.RotateLeft64(w, 32) ^ (0x1cad21f72c81017c ^ 0xdb979083e96dd4de)
	h ^= bits.RotateLeft64(h, 49) ^ bits.RotateLeft64(h, 24)
	h *= 0x9fb21c651e98df25
	h ^= h>>35 + 8
	h *= 0x9fb21c651e98df25
	return h ^ h>>28
}

// floatBits returns the bits of the canonical form of f.
func floatBits(f float64) uint64 {
	if f != f {
		return canonicalNaN
	}
	return math.Float64bits(f + 0) // -0 + 0 is +0
}

// hashChunk is how many rows are hashed at a time: their words stay in the
// first-level cache between one loop and the next.
const hashChunk = 512

// hashColumn hashes a column, into dst or, if it is a further one, with what is
// there.
func hashColumn(a arrow.Array, dst []uint64, further bool) {
	c := columnOf(a)
	fill := hasher(a, c)
	var buf [hashChunk]uint64
	for lo := 0; lo < len(dst); lo += hashChunk {
		rows := dst[lo:min(len(dst), lo+hashChunk)]
		hashes := rows
		if further {
			hashes = buf[:len(rows)]
		}
		fill(hashes, lo)
		if !c.valid.all() {
			for i := range hashes {
				if !c.valid.get(lo + i) {
					hashes[i] = nullHash
				}
			}
		}
		if further {
			for i, h := range hashes {
				rows[i] = combine(rows[i], h)
			}
		}
	}
}

// hasher returns a function that hashes rows from lo on. What it writes for nulls
// is not used.
func hasher(a arrow.Array, c column) func(dst []uint64, lo int) {
	switch c.dt.ID() {
	case arrow.INT64, arrow.TIMESTAMP, arrow.DURATION, arrow.UINT64:
		vals := values[uint64](c)
		return func(dst []uint64, lo int) {
			for i, v := range vals[lo : lo+len(dst)] {
				dst[i] = hashWord(v)
			}
		}
	case arrow.FLOAT64:
		vals := values[float64](c)
		return func(dst []uint64, lo int) {
			for i, v := range vals[lo : lo+len(dst)] {
				dst[i] = hashWord(floatBits(v))
			}
		}
	case arrow.DATE32, arrow.INT32:
		vals := values[int32](c)
		return func(dst []uint64, lo int) {
			for i, v := range vals[lo : lo+len(dst)] {
				dst[i] = hashWord(uint64(int64(v)))
			}
		}
	case arrow.BOOL:
		vals, hash := bitmap{c.raw, c.off}, [2]uint64{hashWord(0), hashWord(1)}
		return func(dst []uint64, lo int) {
			for i := range dst {
				dst[i] = hash[vals.bit(lo+i)&1]
			}
		}
	case arrow.STRING, arrow.BINARY:
		s := stringsOf(a)
		return func(dst []uint64, lo int) {
			for i := range dst {
				dst[i] = xxh3.Hash(s.at(lo + i))
			}
		}
	case arrow.DICTIONARY:
		return dictHasher(c)
	case arrow.DECIMAL128:
		raw := c.raw[min(16*c.off, len(c.raw)):]
		return func(dst []uint64, lo int) {
			for i := range dst {
				dst[i] = xxh3.Hash(raw[16*(lo+i):][:16])
			}
		}
	case arrow.LIST, arrow.MAP, arrow.STRUCT:
		return nestedHasher(a)
	default:
		panic(badType("HashRows", c.dt))
	}
}

func nestedHasher(a arrow.Array) func(dst []uint64, lo int) {
	enc := canon.Of(a)
	var row []byte
	return func(dst []uint64, lo int) {
		for i := range dst {
			row = enc.Append(row[:0], lo+i)
			dst[i] = xxh3.Hash(row)
		}
	}
}

// dictHasher hashes each entry once, or, where the dictionary is longer than the
// column, the entry of each row.
func dictHasher(c column) func(dst []uint64, lo int) {
	dict, codes := dictStrings(c.dict), values[int32](c)
	entry := func(code int) uint64 {
		if !dict.valid.get(code) {
			return nullHash
		}
		return xxh3.Hash(dict.at(code))
	}
	if dict.n > len(codes) {
		return func(dst []uint64, lo int) {
			for i := range dst {
				if c.valid.get(lo + i) {
					dst[i] = entry(int(codes[lo+i]))
				}
			}
		}
	}
	table := make([]uint64, dict.n)
	for e := range table {
		table[e] = entry(e)
	}
	return func(dst []uint64, lo int) {
		for i, code := range codes[lo : lo+len(dst)] {
			if uint(code) < uint(len(table)) { // the code of a null may be anything
				dst[i] = table[code]
			}
		}
	}
}
