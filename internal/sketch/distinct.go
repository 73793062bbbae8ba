package sketch

import (
	"math"
	"slices"

	"github.com/idag/idag/internal/fault"
)

// Distinct counts keys by the k smallest of their hashes (Bar-Yossef, Jayram, Kumar,
// Sivakumar and Trevisan, "Counting Distinct Elements in a Data Stream", 2002). With
// fewer than k keys the count is exact. Else, were hashes drawn evenly from 0 to 1,
// the k-th smallest of n has the Beta(k, n-k+1) distribution, so (k-1)/hash has the
// mean n and a relative variance below 1/(k-2) (Beyer, Haas, Reinwald, Sismanis and
// Gemulla 2007): no constant is fitted, and no correction is needed for small counts.
//
// Decision: HyperLogLog takes an eighth of the bytes for the same error, but its
// error is known for large counts only and up to small oscillations, and it needs a
// second form for few keys, where this is exact as it stands.
type Distinct struct {
	k     int
	seed  uint64
	limit uint64 // hashes from it on are not wanted
	n     int
	slots []uint64 // hashes, 0 for none: open addressing
}

// NewDistinct makes an empty sketch whose estimates have a standard error of at
// most err, relatively: ⌈1/err²⌉+2 hashes of 8 bytes. Parameters out of range are
// fault.Invalid.
func NewDistinct(err float64, seed uint64) (*Distinct, error) {
	if !(err > 0 && err <= 1) || 1/(err*err) > maxCells {
		return nil, fault.New(fault.Invalid, "a distinct count needs an error from %v to 1, not %v", 1/math.Sqrt(maxCells), err)
	}
	return &Distinct{k: int(math.Ceil(1/(err*err))) + 2, seed: seed, limit: math.MaxUint64}, nil
}

// Fresh makes an empty sketch of the same parameters and seed.
func (d *Distinct) Fresh() *Distinct {
	return &Distinct{k: d.k, seed: d.seed, limit: math.MaxUint64}
}

// Add takes a row.
func (d *Distinct) Add(key uint64) {
	if h := max(Mix(key, d.seed), 1); h < d.limit {
		d.put(h)
	}
}

// put enters a hash that is wanted.
func (d *Distinct) put(h uint64) {
	if 4*(d.n+1) > 3*len(d.slots) {
		d.resize(max(8, 2*len(d.slots)))
	}
	mask := len(d.slots) - 1
	s := int(h) & mask
	for d.slots[s] != 0 {
		if d.slots[s] == h {
			return
		}
		s = (s + 1) & mask
	}
	d.slots[s] = h
	if d.n++; d.n >= d.k+d.k/2 {
		d.prune()
	}
}

// resize makes room for n slots.
func (d *Distinct) resize(n int) {
	held := d.hashes(make([]uint64, 0, d.n))
	d.slots = make([]uint64, n)
	d.fill(held)
}

// fill puts hashes into the empty slots.
func (d *Distinct) fill(hashes []uint64) {
	mask := len(d.slots) - 1
	for _, h := range hashes {
		s := int(h) & mask
		for d.slots[s] != 0 {
			s = (s + 1) & mask
		}
		d.slots[s] = h
	}
	d.n = len(hashes)
}

// hashes appends all hashes that are held.
func (d *Distinct) hashes(to []uint64) []uint64 {
	for _, h := range d.slots {
		if h != 0 {
			to = append(to, h)
		}
	}
	return to
}

// prune drops all but the k smallest.
func (d *Distinct) prune() {
	if d.n <= d.k {
		return
	}
	kept := d.smallest()
	clear(d.slots)
	d.fill(kept)
	d.limit = kept[d.k-1]
}

// smallest returns the k smallest hashes, ascending.
func (d *Distinct) smallest() []uint64 {
	held := d.hashes(make([]uint64, 0, d.n))
	slices.Sort(held)
	return held[:min(len(held), d.k)]
}

// Count is about the number of keys.
func (d *Distinct) Count() uint64 {
	if d.n < d.k {
		return uint64(d.n)
	}
	kth := d.smallest()[d.k-1]
	return uint64(math.Round(math.Min(float64(d.k-1)/(float64(kth)/(1<<64)), 1<<63)))
}

// Merge adds the rows of o, which must have the same parameters and seed, else it
// is fault.Invalid. A sketch merged with itself stays what it is.
func (d *Distinct) Merge(o *Distinct) error {
	if d.k != o.k || d.seed != o.seed {
		return fault.New(fault.Invalid, "distinct counts of %d hashes (seed %d) and %d (seed %d) cannot be merged", d.k, d.seed, o.k, o.seed)
	}
	for _, h := range o.smallest() {
		if h < d.limit {
			d.put(h)
		}
	}
	return nil
}

// Bytes is about how much memory the sketch holds.
func (d *Distinct) Bytes() int64 { return int64(8 * len(d.slots)) }

// AppendBinary appends the sketch: its parameters and the hashes, ascending.
func (d *Distinct) AppendBinary(b []byte) ([]byte, error) {
	w := writer{b}
	w.start(distinctKind)
	w.uint(uint64(d.k))
	w.word(d.seed)
	held := d.smallest()
	w.uint(uint64(len(held)))
	for _, h := range held {
		w.word(h)
	}
	return w.b, nil
}

// UnmarshalBinary makes d the sketch that AppendBinary wrote. What is no such thing
// is fault.Invalid.
func (d *Distinct) UnmarshalBinary(data []byte) error {
	r := reader{b: data}
	if err := r.start(distinctKind); err != nil {
		return err
	}
	k, seed := r.uint(), r.word()
	if r.bad || k < 3 || k > maxCells+3 {
		return damaged()
	}
	fresh := Distinct{k: int(k), seed: seed, limit: math.MaxUint64}
	if err := fresh.MergeBinary(data); err != nil {
		return err
	}
	*d = fresh
	return nil
}

// MergeBinary is Merge of a sketch that AppendBinary wrote. After an error the
// sketch is of no use.
func (d *Distinct) MergeBinary(data []byte) error {
	r := reader{b: data}
	if err := r.start(distinctKind); err != nil {
		return err
	}
	if k, seed := r.uint(), r.word(); r.bad || k != uint64(d.k) || seed != d.seed {
		return fault.New(fault.Invalid, "a distinct count of another error or seed cannot be merged")
	}
	n, last := r.uint(), uint64(0)
	if n > uint64(d.k) {
		return damaged()
	}
	for range n {
		h := r.word()
		if h <= last {
			return damaged()
		}
		if last = h; h < d.limit {
			d.put(h)
		}
	}
	return r.end()
}
