package sketch

import (
	"math"

	"github.com/idag/idag/internal/fault"
)

// CountMin counts rows by key (Cormode and Muthukrishnan, "An Improved Data Stream
// Summary: The Count-Min Sketch and its Applications", 2005), in depth rows of width
// counters. A row of the sketch takes in one counter the rows of a key and those of
// the keys that fall on it, on average 1/width of all; so, by Markov's inequality,
// more than twice that with probability 1/2 at most, and in all rows at once with
// probability 2^-depth.
//
// Up to a key for every fourth counter it counts each by itself, exactly.
type CountMin struct {
	grid
	total uint64
	few   tally
	count []uint64 // nil while counts are exact
}

// NewCountMin makes an empty sketch of ⌈2/err⌉ by ⌈log2 1/delta⌉ counters: an
// estimate is never too small, and with probability at least 1-delta it is too large
// by no more than err × Total. Parameters out of range are fault.Invalid.
func NewCountMin(err, delta float64, seed uint64) (*CountMin, error) {
	w, d, bad := sized(err, delta, 2/err, math.Log2(1/delta))
	if bad != nil {
		return nil, bad
	}
	return &CountMin{grid: newGrid(w, d, 2, seed)}, nil
}

// Fresh makes an empty sketch of the same shape and seed.
func (c *CountMin) Fresh() *CountMin { return &CountMin{grid: c.grid} }

// Add counts n more rows of a key.
func (c *CountMin) Add(key, n uint64) {
	c.total += n
	if c.count != nil {
		c.spread(key, n)
	} else if c.few.add(key, n) > c.exact() {
		c.approximate()
	}
}

// spread counts rows in every row of the sketch.
func (c *CountMin) spread(key, n uint64) {
	x := reduce(key)
	row := c.count
	for k := 0; k+1 < len(c.coeffs); k += 2 {
		row[bucket(mulAdd(c.coeffs[k], x, c.coeffs[k+1]), c.width)] += n
		row = row[c.width:]
	}
}

// approximate gives up exact counts.
func (c *CountMin) approximate() {
	if c.count != nil {
		return
	}
	c.count = make([]uint64, c.cells())
	for _, k := range c.few.keys {
		c.spread(k.key, k.n)
	}
	c.few = tally{}
}

// Count estimates the rows of a key.
func (c *CountMin) Count(key uint64) uint64 {
	if c.count == nil {
		return c.few.count(key)
	}
	x := reduce(key)
	least, row := c.total, c.count
	for k := 0; k+1 < len(c.coeffs); k += 2 {
		least = min(least, row[bucket(mulAdd(c.coeffs[k], x, c.coeffs[k+1]), c.width)])
		row = row[c.width:]
	}
	return least
}

// Total is the number of rows.
func (c *CountMin) Total() uint64 { return c.total }

// Exact says whether counts are.
func (c *CountMin) Exact() bool { return c.count == nil }

// Merge adds the rows of o, which must have the same shape and seed, else it is
// fault.Invalid.
func (c *CountMin) Merge(o *CountMin) error {
	if err := c.same(&o.grid); err != nil {
		return err
	}
	if o.count == nil {
		for _, k := range o.few.keys {
			c.Add(k.key, k.n)
		}
		return nil
	}
	c.approximate()
	c.total += o.total
	for i, n := range o.count {
		c.count[i] += n
	}
	return nil
}

// Bytes is about how much memory the sketch holds.
func (c *CountMin) Bytes() int64 { return int64(8*len(c.count)) + c.few.bytes() }

// AppendBinary appends the sketch: its shape, the number of rows, and the counters
// as varints or, while counts are exact, the keys with theirs.
func (c *CountMin) AppendBinary(b []byte) ([]byte, error) {
	w := writer{b}
	w.head(countMinKind, &c.grid)
	w.uint(c.total)
	if c.count == nil {
		w.uint(exactCounts)
		c.few.write(&w)
		return w.b, nil
	}
	w.uint(sketchCounts)
	for _, n := range c.count {
		w.uint(n)
	}
	return w.b, nil
}

// UnmarshalBinary makes c the sketch that AppendBinary wrote. What is no such thing
// is fault.Invalid.
func (c *CountMin) UnmarshalBinary(data []byte) error {
	r := reader{b: data}
	g, err := r.shape(countMinKind, 2)
	if err != nil {
		return err
	}
	fresh := CountMin{grid: g}
	if err := fresh.MergeBinary(data); err != nil {
		return err
	}
	*c = fresh
	return nil
}

// MergeBinary is Merge of a sketch that AppendBinary wrote. After an error the
// sketch is of no use.
func (c *CountMin) MergeBinary(data []byte) error {
	r := reader{b: data}
	if err := r.fits(countMinKind, &c.grid); err != nil {
		return err
	}
	total, how := r.uint(), r.uint()
	if how == exactCounts {
		return r.tally(c.exact(), total, c.Add)
	}
	if how != sketchCounts || c.cells() > len(r.b) {
		return damaged()
	}
	c.approximate()
	for lo := 0; lo < len(c.count); lo += c.width {
		sum := uint64(0)
		for i := lo; i < lo+c.width; i++ {
			n := r.uint()
			if n > total-sum {
				return fault.New(fault.Invalid, "a count-min sketch of %d rows counts more than that", total)
			}
			sum += n
			c.count[i] += n
		}
		if sum != total {
			return fault.New(fault.Invalid, "a count-min sketch of %d rows counts %d", total, sum)
		}
	}
	c.total += total
	return r.end()
}
