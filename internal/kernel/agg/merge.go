package agg

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/idag/idag/internal/fault"
)

// stateColumns are the columns of an aggregate's partial states.
type stateColumns struct {
	cols []column
	blob *array.Binary // of count_distinct and sketches
}

func (a *aggregate) viewStates(states []arrow.Array, rows int) (stateColumns, error) {
	var v stateColumns
	if a.fn == distinct || a.blobs != nil {
		b, ok := states[0].(*array.Binary)
		if !ok || b.Len() != rows {
			return v, fault.New(fault.Bug, "agg: the state of a set or a sketch does not fit")
		}
		v.blob = b
		return v, nil
	}
	v.cols = make([]column, len(states))
	for i, s := range states {
		k, _ := kindOf(a.states[i])
		c, err := viewOf(s, a.states[i], k, rows)
		if err != nil {
			return v, err
		}
		v.cols[i] = c
	}
	return v, nil
}

// merge adds a chunk of partial states from lo on.
func (a *aggregate) merge(t *Table, in *stateColumns, lo int, ids []int32) error {
	st := states{t.index.rows, t.index.stride, t.index.kw + a.off}
	switch a.fn {
	case count:
		addWords(st, in.cols[0].words[lo:], ids)
	case sum, avg:
		a.mergeSum(st, in, lo, ids)
	case minimum, maximum, first, last:
		a.mergeHeld(t, st, in, lo, ids)
	case stddev:
		mergeDeviation(st, in, lo, ids)
	case distinct:
		for i, g := range ids {
			if in.blob.IsNull(lo + i) {
				continue
			}
			if err := a.set.decode(st, g, in.blob.Value(lo+i)); err != nil {
				return err
			}
		}
		a.set.flush(st)
	default:
		return a.blobs.merge(in.blob, lo, ids)
	}
	return nil
}

func (a *aggregate) mergeSum(st states, in *stateColumns, lo int, ids []int32) {
	if a.kind == decimals {
		mergeDecimals(st, in, lo, ids)
		return
	}
	if a.width == 3 {
		addWords(states{st.rows, st.stride, st.off + 2}, in.cols[2].words[lo:], ids)
	}
	if a.kind == floats {
		mergeFloats(st, in, lo, ids)
		return
	}
	x, y := in.cols[0].words[lo:], in.cols[1].words[lo:]
	for i, g := range ids {
		s := st.at(g)
		var carry uint64
		s[0], carry = bits.Add64(s[0], x[i], 0)
		s[1], _ = bits.Add64(s[1], y[i], carry)
	}
}

func mergeFloats(st states, in *stateColumns, lo int, ids []int32) {
	sums, corrections := in.cols[0].floats(lo, lo+len(ids)), in.cols[1].floats(lo, lo+len(ids))
	his := asFloats(st.rows[st.off:])
	los := his[1:]
	for i, g := range ids {
		if in.cols[0].valid != nil && in.cols[0].null(lo+i) {
			continue
		}
		at, e := int(g)*st.stride, 0.0
		his[at], e = twoSum(his[at], sums[i])
		los[at] = los[at] + e + corrections[i]
	}
}

// addWords adds to a word of each group.
func addWords(st states, words []uint64, ids []int32) {
	sums := st.rows[st.off:]
	words = words[:len(ids)]
	for i, g := range ids {
		sums[int(g)*st.stride] += words[i]
	}
}

func mergeDeviation(st states, in *stateColumns, lo int, ids []int32) {
	for i, g := range ids {
		s := st.at(g)[:7]
		f := asFloats(s)
		for k := range 6 {
			add3((*[3]float64)(f[k/3*3:]), in.cols[k].floats(lo+i, lo+i+1)[0])
		}
		s[6] += in.cols[6].words[lo+i]
	}
}

// mergeHeld merges values as if they were rows: states of min and max are
// values, those of first and last values with their position.
func (a *aggregate) mergeHeld(t *Table, st states, in *stateColumns, lo int, ids []int32) {
	c := &in.cols[0]
	if a.fn == minimum || a.fn == maximum {
		if a.kind == text {
			a.updateText(t, st, c, lo, ids)
		} else {
			a.updateExtreme(st, c, lo, ids, c.fill(lo, t.arg[:len(ids)]))
		}
		return
	}
	ord := orders{time: in.cols[1], part: in.cols[2].words, seq: in.cols[3].words, child: in.cols[4].words, row: in.cols[2]}
	a.updatePlaced(t, st, c, &ord, lo, ids)
}
