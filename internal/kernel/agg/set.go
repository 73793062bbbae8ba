package agg

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
)

// set is the distinct values of all groups: pairs of a group and the word of
// a value. The group's own state only counts them.
type set struct {
	kind   kind
	text   encoder
	index  *index
	groups [chunk]uint64
	words  [chunk]uint64
	ids    [chunk]int32
	n      int // pairs waiting in groups and words
}

func newSet(k kind) *set {
	return &set{kind: k, text: encoder{in: new(kernel.Interner)}, index: newIndex(2, 2)}
}

// add puts a chunk of rows into the sets of their groups.
func (s *set) add(st states, c *column, lo int, ids []int32, words []uint64) {
	if s.kind == text {
		s.text.fill(c, lo, words)
	} else {
		words = c.fill(lo, words)
	}
	for i, g := range ids {
		if c.valid == nil || !c.null(lo+i) {
			s.push(st, g, words[i])
		}
	}
	s.flush(st)
}

func (s *set) push(st states, g int32, w uint64) {
	if s.n == chunk {
		s.flush(st)
	}
	s.groups[s.n], s.words[s.n] = uint64(g), w
	s.n++
}

// flush enters what was pushed and counts what is new.
func (s *set) flush(st states) {
	before := s.index.n
	s.index.find([][]uint64{s.groups[:s.n], s.words[:s.n]}, s.ids[:s.n])
	s.n = 0
	for p := before; p < s.index.n; p++ {
		st.at(int32(s.index.rows[2*p]))[0]++
	}
}

// keep drops the sets of all groups but those of sel, of n groups.
func (s *set) keep(sel []int32, n int) {
	to := make([]uint64, n) // new number+1
	for i, g := range sel {
		to[g] = uint64(i) + 1
	}
	var pairs []int32
	for p := range s.index.n {
		if g := &s.index.rows[2*p]; to[*g] != 0 {
			*g = to[*g] - 1
			pairs = append(pairs, int32(p))
		}
	}
	s.compactText(pairs)
	s.index.keep(pairs)
}

// compactText renumbers strings once most of them are in no set.
func (s *set) compactText(pairs []int32) {
	if s.kind != text || s.text.in.Len() < 1024+2*len(pairs) {
		return
	}
	old := s.text.in
	s.text.dicts.forget()
	s.text.in = new(kernel.Interner)
	for _, p := range pairs {
		w := &s.index.rows[2*p+1]
		*w = s.text.word(old.Value(int32(*w) - 1))
	}
}

// byGroup returns the words of each of n groups.
func (s *set) byGroup(n int) [][]uint64 {
	ends := make([]int, n+1)
	for p := range s.index.n {
		ends[s.index.rows[2*p]+1]++
	}
	for g := range n {
		ends[g+1] += ends[g]
	}
	words := make([]uint64, s.index.n)
	at := slices.Clone(ends)
	for p := range s.index.n {
		g := s.index.rows[2*p]
		words[at[g]] = s.index.rows[2*p+1]
		at[g]++
	}
	out := make([][]uint64, n)
	for g := range out {
		out[g] = words[ends[g]:ends[g+1]]
	}
	return out
}

// encode appends the canonical bytes of a set; Spec.StateTypes says what they
// are. It sorts words.
func (s *set) encode(b []byte, words []uint64) []byte {
	if s.kind != text {
		slices.SortFunc(words, func(x, y uint64) int {
			if orderWord(s.kind, x) < orderWord(s.kind, y) {
				return -1
			}
			return 1
		})
		for _, w := range words {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
		return b
	}
	value := func(w uint64) string { return s.text.in.Value(int32(w) - 1) }
	slices.SortFunc(words, func(x, y uint64) int { return strings.Compare(value(x), value(y)) })
	for _, w := range words {
		v := value(w)
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(v))), v...)
	}
	return b
}

// decode adds an encoded set to that of group g. Values wait to be flushed.
func (s *set) decode(st states, g int32, b []byte) error {
	for len(b) > 0 {
		size := 8
		if s.kind == text {
			if len(b) < 4 {
				return damaged()
			}
			size = int(binary.LittleEndian.Uint32(b))
			b = b[4:]
		}
		if size > len(b) {
			return damaged()
		}
		w := uint64(0)
		if s.kind == text {
			w = s.text.word(string(b[:size]))
		} else if w = binary.LittleEndian.Uint64(b); !s.canonical(w) {
			return damaged()
		}
		s.push(st, g, w)
		b = b[size:]
	}
	return nil
}

// canonical says whether w is the word of a value.
func (s *set) canonical(w uint64) bool {
	switch s.kind {
	case bools:
		return w <= 1
	case days:
		return int64(w) == int64(int32(w))
	case floats:
		return w == floatWord(math.Float64frombits(w))
	default:
		return true
	}
}

func damaged() error { return fault.New(fault.Invalid, "the state of a count_distinct is damaged") }
