package kernel

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/idag/idag/internal/kernel/canon"
)

// Sort returns the rows of cols in order: by the first column, ties by the
// second, and so on; rows equal in all of them keep their order. Column k is
// descending where desc[k], and its nulls come before all values where
// nullsFirst[k], whichever the direction. NaN is the largest float; strings
// and Binary compare by bytes; FALSE is below TRUE. Lists, Maps and Structs have
// no order: they come in one that brings equal ones together and means no more. There is at least one column.
//
// Every key becomes a 64-bit word of the same order, strings by their rank
// among the distinct ones; then columns are sorted from the last to the first by
// a stable radix sort that skips what the keys have in common.
func Sort(cols []arrow.Array, desc, nullsFirst []bool) Sel {
	n := cols[0].Len()
	s := sorter{rows: make(Sel, n), spare: make(Sel, n), keys: make([]uint64, n), spareKeys: make([]uint64, n)}
	for i := range s.rows {
		s.rows[i] = int32(i)
	}
	words := make([]uint64, n)
	for k := len(cols) - 1; k >= 0; k-- {
		sameLen(n, cols[k])
		if cols[k].DataType().ID() == arrow.DECIMAL128 {
			s.byDecimals(cols[k], words, desc[k])
			s.split(validity(cols[k]), nullsFirst[k])
			continue
		}
		valid := orderWords(cols[k], words)
		levelNulls(words, valid)
		s.by(words, desc[k])
		s.split(valid, nullsFirst[k])
	}
	return s.rows
}

// byDecimals sorts by the lower words first, and then by the upper ones.
func (s *sorter) byDecimals(a arrow.Array, words []uint64, desc bool) {
	c := columnOf(a)
	vals := values[decimal128.Num](c)
	for i, v := range vals {
		words[i] = v.LowBits()
	}
	levelNulls(words, c.valid)
	s.by(words, desc)
	for i, v := range vals {
		words[i] = uint64(v.HighBits()) ^ 1<<63
	}
	levelNulls(words, c.valid)
	s.by(words, desc)
}

// orderWords fills words with words in the order of the values of a, and
// returns which are not null.
func orderWords(a arrow.Array, words []uint64) bitmap {
	c := columnOf(a)
	switch c.dt.ID() {
	case arrow.INT64, arrow.TIMESTAMP, arrow.DURATION:
		for i, v := range values[int64](c) {
			words[i] = uint64(v) ^ 1<<63
		}
	case arrow.DATE32, arrow.INT32:
		for i, v := range values[int32](c) {
			words[i] = uint64(int64(v)) ^ 1<<63
		}
	case arrow.FLOAT64:
		for i, v := range values[float64](c) {
			words[i] = floatOrder(v)
		}
	case arrow.BOOL:
		b := bitmap{c.raw, c.off}
		for i := range words {
			words[i] = b.bit(i)
		}
	case arrow.STRING, arrow.BINARY:
		return rankStrings(stringsOf(a), words)
	case arrow.DICTIONARY:
		return rankDict(c, words)
	case arrow.LIST, arrow.MAP, arrow.STRUCT:
		return rankNested(a, words)
	default:
		panic(badType("Sort", c.dt))
	}
	return c.valid
}

// floatOrder maps floats to words of the same order, NaN on top.
func floatOrder(f float64) uint64 {
	b := floatBits(f)
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

// rankStrings numbers the distinct values in order.
func rankStrings(s strs, words []uint64) bitmap {
	var in Interner
	for i := range words {
		words[i] = 0
		if s.valid.get(i) {
			words[i] = uint64(in.Intern(text(s.at(i))))
		}
	}
	if rank := ranks(&in); len(rank) > 0 {
		for i, w := range words {
			words[i] = rank[w]
		}
	}
	return s.valid
}

// rankNested numbers the distinct values in the order of their canonical bytes.
func rankNested(a arrow.Array, words []uint64) bitmap {
	var in Interner
	enc := canon.Of(a)
	var row []byte
	for i := range words {
		row = enc.Append(row[:0], i)
		words[i] = uint64(in.Intern(text(row)))
	}
	rank := ranks(&in)
	for i, w := range words {
		words[i] = rank[w]
	}
	return validity(a)
}

func rankDict(c column, words []uint64) bitmap {
	dict := dictStrings(c.dict)
	valid := rowsValid(c, dict)
	var in Interner
	seen := make([]int32, dict.n) // number+1 of each entry met
	codes := values[int32](c)
	for i, code := range codes {
		if valid.get(i) && seen[code] == 0 {
			seen[code] = in.Intern(text(dict.at(int(code)))) + 1
		}
	}
	rank := ranks(&in)
	for i, code := range codes {
		words[i] = 0
		if valid.get(i) {
			words[i] = rank[seen[code]-1]
		}
	}
	return valid
}

// ranks returns, for each number of in, its place in the order of strings. Most
// comparisons are decided by the eight bytes after what all strings have in common.
func ranks(in *Interner) []uint64 {
	type entry struct {
		prefix uint64
		id     int32
	}
	skip := commonPrefix(in)
	order := make([]entry, in.Len())
	for i := range order {
		var b [8]byte
		copy(b[:], in.Value(int32(i))[skip:])
		order[i] = entry{binary.BigEndian.Uint64(b[:]), int32(i)}
	}
	slices.SortFunc(order, func(a, b entry) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return strings.Compare(in.Value(a.id)[skip:], in.Value(b.id)[skip:])
	})
	rank := make([]uint64, len(order))
	for r, e := range order {
		rank[e.id] = uint64(r)
	}
	return rank
}

// commonPrefix returns how many bytes all strings begin with in common.
func commonPrefix(in *Interner) int {
	if in.Len() == 0 {
		return 0
	}
	first := in.Value(0)
	n := len(first)
	for id := 1; id < in.Len() && n > 0; id++ {
		s := in.Value(int32(id))
		n = min(n, len(s))
		for s[:n] != first[:n] {
			n--
		}
	}
	return n
}

// sorter holds a permutation that is made finer from the least significant
// key to the most.
type sorter struct {
	rows, spare     Sel
	keys, spareKeys []uint64
}

// by sorts the rows by their words, stably.
func (s *sorter) by(words []uint64, desc bool) {
	lo, hi := uint64(math.MaxUint64), uint64(0)
	for i, r := range s.rows {
		w := words[r]
		if desc {
			w = ^w
		}
		s.keys[i] = w
		lo, hi = min(lo, w), max(hi, w)
	}
	if lo >= hi {
		return
	}
	for i := range s.keys {
		s.keys[i] -= lo
	}
	for shift := uint(0); shift < 64 && (hi-lo)>>shift != 0; shift += 8 {
		s.pass(shift)
	}
}

// pass is one counting sort by 8 bits of the keys.
func (s *sorter) pass(shift uint) {
	var at [256]int32
	for _, k := range s.keys {
		at[uint8(k>>shift)]++
	}
	sum := int32(0)
	for d, c := range at {
		if int(c) == len(s.keys) {
			return // all alike
		}
		at[d] = sum
		sum += c
	}
	rows, keys := s.spare[:len(s.keys)], s.spareKeys[:len(s.keys)]
	for i, k := range s.keys {
		d := uint8(k >> shift)
		p := at[d]
		at[d] = p + 1
		keys[p], rows[p] = k, s.rows[i]
	}
	s.rows, s.spare = rows, s.rows
	s.keys, s.spareKeys = keys, s.keys
}

// levelNulls gives every null the word of the first value, so that nulls keep
// their order and do not widen the range of the words.
func levelNulls(words []uint64, valid bitmap) {
	if valid.all() {
		return
	}
	first := 0
	for first < len(words) && !valid.get(first) {
		first++
	}
	if first == len(words) {
		first = 0
	}
	for i := range words {
		if !valid.get(i) {
			words[i] = words[first]
		}
	}
}

// split moves the nulls to one end, stably.
func (s *sorter) split(valid bitmap, nullsFirst bool) {
	if valid.all() {
		return
	}
	out := s.spare[:0]
	for _, want := range [2]bool{!nullsFirst, nullsFirst} {
		for _, r := range s.rows {
			if valid.get(int(r)) == want {
				out = append(out, r)
			}
		}
	}
	s.rows, s.spare = out, s.rows
}
