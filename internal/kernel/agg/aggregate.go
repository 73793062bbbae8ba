package agg

import (
	"math"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
)

// aggregate is one Spec of a table: where its words lie in the row of a group,
// and what does not fit in words.
//
//	count             n
//	sum, avg of ints  low, high, n; of decimals low, middle, high, n
//	sum of floats     sum, -0 before the first value; correction
//	avg of floats     sum, correction, n
//	min, max          value in order (max) or in reverse (min), 0 before the first
//	                  value; of ints, which have no word to spare, seen; text: seen
//	stddev            3 words of the sum, 3 of that of squares, n
//	first, last       seen, position (5), value (not for text)
//	count_distinct    n
type aggregate struct {
	fn     function
	kind   kind
	arg    arrow.DataType
	states []arrow.DataType
	off    int // after the key
	width  int
	text   [][]byte // by group: the value held by min, max, first, last of text
	held   int64    // bytes of text
	set    *set     // of count_distinct
	blobs  *blobs   // of what is a sketch
}

// What the first word of first and last says.
const (
	seen     = 1
	nullSeen = 2 // the value held is null
)

func newAggregate(s Spec, off int) (aggregate, error) {
	fn, k, err := s.parse()
	if err != nil {
		return aggregate{}, err
	}
	a := aggregate{fn: fn, kind: k, arg: s.Arg, states: s.StateTypes(), off: off}
	switch fn {
	case count:
		a.width = 1
	case distinct:
		a.width = 1
		a.set = newSet(k)
	case sum, avg:
		a.width = 3
		switch {
		case fn == sum && k == floats:
			a.width = 2
		case k == decimals:
			a.width = 4
		}
	case minimum, maximum:
		a.width = 1
		if k == ints {
			a.width = 2
		}
	case stddev, first, last:
		a.width = 7
	default:
		if a.blobs, err = newBlobs(fn, s); err != nil {
			return aggregate{}, err
		}
	}
	return a, nil
}

// zero is the first word of a group without rows.
func (a *aggregate) zero() uint64 {
	if a.fn == sum && a.kind == floats {
		return 1 << 63
	}
	return 0
}

// update adds a chunk of rows from lo on.
func (a *aggregate) update(t *Table, c *column, ord *orders, lo int, ids []int32) {
	st := states{t.index.rows, t.index.stride, t.index.kw + a.off}
	switch a.fn {
	case count:
		updateCount(st, c, lo, ids)
	case sum, avg:
		switch a.kind {
		case ints:
			updateSumInt(st, c, lo, ids)
		case decimals:
			updateSumDecimal(st, c, lo, ids)
		default:
			updateSumFloat(st, c, lo, ids, a.fn == avg)
		}
	case stddev:
		a.updateDeviation(st, c, lo, ids)
	case minimum, maximum:
		if a.kind == text {
			a.updateText(t, st, c, lo, ids)
		} else {
			a.updateExtreme(st, c, lo, ids, c.fill(lo, t.arg[:len(ids)]))
		}
	case first, last:
		a.updatePlaced(t, st, c, ord, lo, ids)
	case distinct:
		a.set.add(st, c, lo, ids, t.arg[:len(ids)])
	default:
		a.blobs.update(lo, ids)
	}
}

// states is where the words of one aggregate lie.
type states struct {
	rows        []uint64
	stride, off int
}

func (s *states) at(g int32) []uint64 { return s.rows[int(g)*s.stride+s.off:] }

func updateCount(st states, c *column, lo int, ids []int32) {
	if c.valid == nil {
		for _, g := range ids {
			st.rows[int(g)*st.stride+st.off]++
		}
		return
	}
	for i, g := range ids {
		if !c.null(lo + i) {
			st.at(g)[0]++
		}
	}
}

func updateSumInt(st states, c *column, lo int, ids []int32) {
	vals := c.words[lo : lo+len(ids)]
	lows := st.rows[st.off:]
	highs, counts, stride := lows[1:], lows[2:], st.stride
	for i, g := range ids {
		if c.valid != nil && c.null(lo+i) {
			continue
		}
		at, carry := int(g)*stride, uint64(0)
		lows[at], carry = bits.Add64(lows[at], vals[i], 0)
		highs[at], _ = bits.Add64(highs[at], uint64(int64(vals[i])>>63), carry)
		counts[at]++
	}
}

func updateSumFloat(st states, c *column, lo int, ids []int32, counted bool) {
	vals := c.floats(lo, lo+len(ids))
	rows := asFloats(st.rows)
	for i, g := range ids {
		if c.valid != nil && c.null(lo+i) {
			continue
		}
		p := int(g)*st.stride + st.off
		add2((*[2]float64)(rows[p:]), vals[i]+0) // never -0, which is no value
		if counted {
			st.rows[p+2]++
		}
	}
}

func (a *aggregate) updateDeviation(st states, c *column, lo int, ids []int32) {
	rows := asFloats(st.rows)
	for i, g := range ids {
		if c.valid != nil && c.null(lo+i) {
			continue
		}
		p := int(g)*st.stride + st.off
		v := math.Float64frombits(c.words[lo+i])
		if a.kind == ints {
			v = float64(int64(c.words[lo+i]))
		}
		add3((*[3]float64)(rows[p:]), v)
		addSquare((*[3]float64)(rows[p+3:]), v)
		st.rows[p+6]++
	}
}

// flip turns order around for min, so that both keep the largest word.
func (a *aggregate) flip() uint64 {
	if a.fn == minimum {
		return ^uint64(0)
	}
	return 0
}

func (a *aggregate) updateExtreme(st states, c *column, lo int, ids []int32, words []uint64) {
	flip, kind := a.flip(), a.kind
	extremes, stride := st.rows[st.off:], st.stride
	words = words[:len(ids)]
	for i, g := range ids {
		if c.valid != nil && c.null(lo+i) {
			continue
		}
		at := int(g) * stride
		if w := orderWord(kind, words[i]) ^ flip; w > extremes[at] {
			extremes[at] = w
		}
		if kind == ints {
			extremes[at+1] = seen
		}
	}
}

// updateText keeps the smallest or largest string.
func (a *aggregate) updateText(t *Table, st states, c *column, lo int, ids []int32) {
	a.growText(t.index.n)
	for i, g := range ids {
		if c.valid != nil && c.null(lo+i) {
			continue
		}
		s, v := st.at(g), c.str(lo+i)
		held := a.text[g]
		if s[0] == 0 || (a.fn == minimum && v < string(held)) || (a.fn == maximum && v > string(held)) {
			s[0] = seen
			a.hold(g, v)
		}
	}
}

// updatePlaced keeps the value of the first or last position.
func (a *aggregate) updatePlaced(t *Table, st states, c *column, ord *orders, lo int, ids []int32) {
	words := t.arg[:len(ids)]
	if a.kind == text {
		a.growText(t.index.n)
	} else {
		words = c.fill(lo, words)
	}
	for i, g := range ids {
		if ord.row.null(lo + i) {
			continue
		}
		p := ord.at(lo+i, a.fn)
		s := st.at(g)[:7]
		if s[0] != 0 && !p.wins(s[1:], a.fn) {
			continue
		}
		place(s, &p, c.null(lo+i), words[i])
		if a.kind == text && s[0]&nullSeen == 0 {
			a.hold(g, c.str(lo+i))
		}
	}
}

func place(s []uint64, p *position, null bool, word uint64) {
	s[0], s[6] = seen, word
	if null {
		s[0], s[6] = seen|nullSeen, 0
	}
	for k, v := range p {
		s[1+k] = uint64(v)
	}
}

// growText makes room for the strings of n groups.
func (a *aggregate) growText(n int) {
	if n > len(a.text) {
		grown := make([][]byte, n+n/2)
		copy(grown, a.text)
		a.text = grown
	}
}

// hold copies the string of a group.
func (a *aggregate) hold(g int32, v string) {
	old := cap(a.text[g])
	a.text[g] = append(a.text[g][:0], v...)
	a.held += int64(cap(a.text[g]) - old)
}

// keep follows index.keep for n groups.
func (a *aggregate) keep(sel []int32, n int) {
	if a.set != nil {
		a.set.keep(sel, n)
	}
	if a.blobs != nil {
		a.blobs.keep(sel)
	}
	if a.text == nil {
		return
	}
	a.growText(n)
	kept := make([][]byte, len(sel))
	a.held = 0
	for i, g := range sel {
		kept[i] = a.text[g]
		a.held += int64(cap(kept[i]))
	}
	a.text = kept
}

func (a *aggregate) bytes() int64 {
	n := a.held + int64(24*cap(a.text))
	if a.set != nil {
		n += a.set.index.bytes() + encoderBytes(&a.set.text)
	}
	if a.blobs != nil {
		n += a.blobs.bytes()
	}
	return n
}
