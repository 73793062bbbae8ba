package sketch

import (
	"cmp"
	"math"
	"slices"

	"github.com/idag/idag/internal/fault"
)

// Heavy finds the keys that a large share of the rows have. Which keys are
// candidates does not go by counts, that change with the order of rows, but by a
// sample: every row has a rank, drawn by its place, and the k keys of the smallest
// ranks are held. A key of at least the given share of n rows is in none of k rows
// drawn without return with probability (1-share)^k at most, and there are 1/share
// such keys: with k = (1/share) ln(1/(share × delta)) all of them are among the k
// with probability 1-delta. The k keys here are those of the k rows of the smallest
// ranks, and more.
//
// As long as there are k keys at the most, they are all held, with exact counts. Then
// a [CountMin] takes over all that was counted.
type Heavy struct {
	total uint64
	seed  uint64
	count *CountMin // nil while counts are exact
	empty *CountMin // shape only
	keys  bottom

	// Check, where it is not nil, says whether bytes that were read are a value.
	Check func(value []byte) bool
}

// Item is a key, the value that it is the hash of, if that was given, and about how
// many rows have it.
type Item struct {
	Key   uint64
	Count uint64
	Value []byte
}

// NewHeavy makes an empty sketch that finds, with probability 1-delta, all keys of
// at least the given share of the rows; counts are those of NewCountMin(err, delta).
// Parameters out of range are fault.Invalid.
func NewHeavy(share, err, delta float64, seed uint64) (*Heavy, error) {
	w, d, bad := sized(err, delta, 2/err, math.Log2(1/delta))
	if bad != nil {
		return nil, bad
	}
	k, _, bad := sized(share, delta, max(1, math.Log(1/(share*delta)))/share, 1)
	if bad != nil {
		return nil, bad
	}
	return &Heavy{seed: seed, empty: &CountMin{grid: newGrid(w, d, 2, seed)}, keys: newBottom(k)}, nil
}

// Fresh makes an empty sketch of the same parameters and seed.
func (h *Heavy) Fresh() *Heavy {
	return &Heavy{seed: h.seed, empty: h.empty, keys: newBottom(h.keys.k), Check: h.Check}
}

// Add takes a row: its key, and a number that no other row has, or few. It says
// whether the key's value, if there is to be one, should be given by Name now.
func (h *Heavy) Add(key, place uint64) (wanted bool) {
	h.total++
	rank := Mix(place, h.seed)
	if h.count != nil {
		h.count.Add(key, 1)
		if rank > h.keys.limit {
			return false
		}
	}
	wanted = h.keys.add(key, rank, 1)
	if h.keys.full() {
		h.settle()
	}
	return wanted
}

// Name says which value a key is the hash of. Of two values of one hash that of the
// smallest rank stays, if Name is called whenever Add asks for it, and then only.
func (h *Heavy) Name(key uint64, value []byte) { h.keys.name(key, value) }

// Candidates is how many keys Items returns at the most.
func (h *Heavy) Candidates() int { return h.keys.k }

// settle gives up all keys but k, and with them exact counts.
func (h *Heavy) settle() {
	if len(h.keys.entries) <= h.keys.k {
		return
	}
	h.approximate()
	h.keys.prune()
}

// approximate has the count-min sketch take over.
func (h *Heavy) approximate() {
	if h.count != nil {
		return
	}
	h.count = h.empty.Fresh()
	for i := range h.keys.entries {
		e := &h.keys.entries[i]
		h.count.Add(e.key, e.rows)
	}
}

// Total is the number of rows.
func (h *Heavy) Total() uint64 { return h.total }

// Exact says whether the counts are.
func (h *Heavy) Exact() bool {
	h.settle()
	return h.count == nil || h.count.Exact()
}

// Items returns all candidates, by descending count, equal ones by key.
func (h *Heavy) Items() []Item {
	h.settle()
	out := make([]Item, 0, len(h.keys.entries))
	for i := range h.keys.entries {
		e := &h.keys.entries[i]
		item := Item{Key: e.key, Count: e.rows, Value: h.keys.value(e)}
		if h.count != nil {
			item.Count = h.count.Count(e.key)
		}
		out = append(out, item)
	}
	slices.SortFunc(out, func(a, b Item) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Key, b.Key))
	})
	return out
}

// Merge adds the rows of o, which must have the same parameters and seed, else it
// is fault.Invalid.
func (h *Heavy) Merge(o *Heavy) error {
	if o.keys.k != h.keys.k {
		return fault.New(fault.Invalid, "sketches of %d and %d heavy keys cannot be merged", h.keys.k, o.keys.k)
	}
	if err := h.empty.same(&o.empty.grid); err != nil {
		return err
	}
	if o.count != nil {
		h.approximate()
		if err := h.count.Merge(o.count); err != nil {
			return err
		}
	}
	h.total += o.total
	for i := range o.keys.entries {
		e := &o.keys.entries[i]
		h.take(e.key, e.rank, e.rows, o.keys.value(e), o.count == nil)
	}
	return nil
}

// take takes in a key of another sketch, and its rows if that counts exactly.
func (h *Heavy) take(key, rank, rows uint64, value []byte, counted bool) {
	if h.count != nil {
		if counted {
			h.count.Add(key, rows)
		}
		if rank > h.keys.limit {
			return
		}
	}
	if h.keys.add(key, rank, rows) {
		h.keys.name(key, value)
	}
	if h.keys.full() {
		h.settle()
	}
}

// Bytes is about how much memory the sketch holds.
func (h *Heavy) Bytes() int64 {
	n := h.keys.bytes()
	if h.count != nil {
		n += h.count.Bytes()
	}
	return n
}
