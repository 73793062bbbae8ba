package sketch

import (
	"cmp"
	"slices"

	"github.com/idag/idag/internal/fault"
)

// AppendBinary appends the sketch: its parameters, the number of rows, the keys in
// ascending order, each with its rank, its exact count if that is known, and its
// value; and the count-min sketch, if there is one.
func (h *Heavy) AppendBinary(b []byte) ([]byte, error) {
	h.settle()
	w := writer{b}
	w.head(heavyKind, &h.empty.grid)
	w.uint(uint64(h.keys.k))
	w.uint(h.total)
	how := uint64(exactCounts)
	if h.count != nil {
		how = sketchCounts
	}
	w.uint(how)
	w.uint(uint64(len(h.keys.entries)))
	entries := slices.Clone(h.keys.entries)
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	for i := range entries {
		e := &entries[i]
		w.word(e.key)
		w.word(e.rank)
		if h.count == nil {
			w.uint(e.rows)
		}
		w.bytes(h.keys.value(e))
	}
	if h.count == nil {
		return w.b, nil
	}
	return h.count.AppendBinary(w.b)
}

// UnmarshalBinary makes h the sketch that AppendBinary wrote. What is no such thing
// is fault.Invalid.
func (h *Heavy) UnmarshalBinary(data []byte) error {
	r := reader{b: data}
	g, err := r.shape(heavyKind, 2)
	if err != nil {
		return err
	}
	k := r.uint()
	if r.bad || k == 0 || k > maxCells {
		return damaged()
	}
	fresh := Heavy{seed: g.seed, empty: &CountMin{grid: g}, keys: newBottom(int(k)), Check: h.Check}
	if err := fresh.MergeBinary(data); err != nil {
		return err
	}
	*h = fresh
	return nil
}

// MergeBinary is Merge of a sketch that AppendBinary wrote. After an error the
// sketch is of no use.
func (h *Heavy) MergeBinary(data []byte) error {
	r := reader{b: data}
	if err := r.fits(heavyKind, &h.empty.grid); err != nil {
		return err
	}
	if r.uint() != uint64(h.keys.k) {
		return fault.New(fault.Invalid, "heavy keys of another share cannot be merged")
	}
	total, how, n := r.uint(), r.uint(), r.uint()
	keys := r.b
	if n > uint64(h.keys.k) || how == sketchCounts && n != uint64(h.keys.k) || how != exactCounts && how != sketchCounts {
		return damaged()
	}
	sum := r.skipKeys(n, how, h.Check)
	switch {
	case r.bad || how == exactCounts && (sum != total || len(r.b) > 0):
		return damaged()
	case how == sketchCounts:
		h.approximate()
		before := h.count.total
		if err := h.count.MergeBinary(r.b); err != nil {
			return err
		}
		if h.count.total-before != total {
			return damaged()
		}
	}
	h.total += total
	r = reader{b: keys}
	for range n {
		key, rank, rows := r.word(), r.word(), uint64(0)
		if how == exactCounts {
			rows = r.uint()
		}
		h.take(key, rank, rows, r.bytes(), how == exactCounts)
	}
	return nil
}

// skipKeys passes over n keys, which must ascend, checks their values and adds up
// their counts.
func (r *reader) skipKeys(n, how uint64, check func([]byte) bool) (sum uint64) {
	last := uint64(0)
	for i := range n {
		key := r.word()
		r.word()
		if how == exactCounts {
			rows := r.uint()
			if sum += rows; rows == 0 || sum < rows {
				r.fail()
			}
		}
		value := r.bytes()
		if r.bad || i > 0 && key <= last || check != nil && !check(value) {
			r.fail()
			return 0
		}
		last = key
	}
	return sum
}
