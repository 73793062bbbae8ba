package sketch

import (
	"math"
	"slices"

	"github.com/idag/idag/internal/fault"
)

// Moment estimates the second moment of a stream, the sum over all keys of the
// square of how often each came, after Alon, Matias and Szegedy, "The Space
// Complexity of Approximating the Frequency Moments" (1996); and the sum of products
// of two streams' counts, which is the number of rows of their join.
//
// A row of the sketch throws every key into one of its buckets, with a sign; the sum
// of the squares of the buckets has the second moment as its mean, and a variance of
// at most 2/width of its square, as has the mean of width numbers of the original,
// of which each takes every key (Thorup and Zhang 2004 prove it for signs and buckets
// from one hash that is independent for four keys, as here: a cubic polynomial). By
// Chebyshev's inequality a row is off by more than err with probability 1/8 at most,
// and by Hoeffding's the median of the rows with probability delta.
type Moment struct {
	grid
	total uint64
	few   tally
	cell  []int64 // nil while counts are exact
}

// NewMoment makes an empty sketch of ⌈16/err²⌉ by ⌈(32/9) ln(2/delta)⌉ numbers (an
// odd number of rows): with probability at least 1-delta the estimate is within err
// of the second moment, relatively. Parameters out of range are fault.Invalid.
func NewMoment(err, delta float64, seed uint64) (*Moment, error) {
	depth := math.Ceil(32 * math.Log(2/delta) / 9)
	if math.Mod(depth, 2) == 0 {
		depth++
	}
	w, d, bad := sized(err, delta, 16/(err*err), depth)
	if bad != nil {
		return nil, bad
	}
	return &Moment{grid: newGrid(w, d, 4, seed)}, nil
}

// Fresh makes an empty sketch of the same shape and seed.
func (m *Moment) Fresh() *Moment { return &Moment{grid: m.grid} }

// Add counts n more rows of a key.
func (m *Moment) Add(key, n uint64) {
	m.total += n
	if m.cell != nil {
		m.spread(key, n)
	} else if m.few.add(key, n) > m.exact() {
		m.approximate()
	}
}

// approximate gives up exact counts.
func (m *Moment) approximate() {
	if m.cell != nil {
		return
	}
	m.cell = make([]int64, m.cells())
	for _, k := range m.few.keys {
		m.spread(k.key, k.n)
	}
	m.few = tally{}
}

// spread adds rows, with the key's sign, to a number in every row of the sketch.
func (m *Moment) spread(key, n uint64) {
	x := reduce(key)
	row := m.cell
	for k := 0; k+3 < len(m.coeffs); k += 4 {
		p := m.coeffs[k : k+4 : k+4]
		v := mulAdd(mulAdd(mulAdd(p[0], x, p[1]), x, p[2]), x, p[3])
		sign := -int64(v & 1) // 0 or -1
		row[bucket(v&^1, m.width)] += int64(n) ^ sign - sign
		row = row[m.width:]
	}
}

// Total is the number of rows.
func (m *Moment) Total() uint64 { return m.total }

// Exact says whether all counts are.
func (m *Moment) Exact() bool { return m.cell == nil }

// Estimate is about the sum of the squares of the counts of all keys.
func (m *Moment) Estimate() float64 {
	if m.cell == nil {
		return m.exactly(&m.few)
	}
	return m.product(m)
}

// Product estimates the sum over all keys of the product of their counts in two
// streams: the number of rows of an equi-join. With probability at least 1-delta it
// is off by no more than err × √(the second moments' product). The sketches must
// have the same shape and seed, else it is fault.Invalid.
func (m *Moment) Product(o *Moment) (float64, error) {
	if err := m.same(&o.grid); err != nil {
		return 0, err
	}
	switch {
	case m.cell == nil && o.cell == nil:
		return m.exactly(&o.few), nil
	case m.cell == nil || o.cell == nil:
		m, o = m.spreadOut(), o.spreadOut()
	}
	return m.product(o), nil
}

// spreadOut is m, or one like it that counts nothing exactly.
func (m *Moment) spreadOut() *Moment {
	if m.cell != nil {
		return m
	}
	out := &Moment{grid: m.grid, few: m.few}
	out.approximate()
	return out
}

// exactly is the sum of products of exact counts, in the order of the keys, so that
// it is rounded in one way. The conversions keep compilers from fusing operations, so
// that every machine gives the same number.
func (m *Moment) exactly(o *tally) float64 {
	sum := 0.0
	for _, k := range m.few.sorted() {
		sum += float64(float64(k.n) * float64(o.count(k.key)))
	}
	return sum
}

// product multiplies row by row and takes the median.
func (m *Moment) product(o *Moment) float64 {
	sums := make([]float64, m.depth)
	for i := range m.cell {
		p := float64(float64(m.cell[i]) * float64(o.cell[i]))
		sums[i/m.width] += p
	}
	slices.Sort(sums)
	return sums[len(sums)/2]
}

// Merge adds the rows of o, which must have the same shape and seed, else it is
// fault.Invalid.
func (m *Moment) Merge(o *Moment) error {
	if err := m.same(&o.grid); err != nil {
		return err
	}
	if o.cell == nil {
		for _, k := range o.few.keys {
			m.Add(k.key, k.n)
		}
		return nil
	}
	m.approximate()
	m.total += o.total
	for i, n := range o.cell {
		m.cell[i] += n
	}
	return nil
}

// Bytes is about how much memory the sketch holds.
func (m *Moment) Bytes() int64 { return int64(8*len(m.cell)) + m.few.bytes() }

// AppendBinary appends the sketch: its shape, the number of rows, and its numbers as
// varints or, while counts are exact, the keys with theirs.
func (m *Moment) AppendBinary(b []byte) ([]byte, error) {
	w := writer{b}
	w.head(momentKind, &m.grid)
	w.uint(m.total)
	if m.cell == nil {
		w.uint(exactCounts)
		m.few.write(&w)
		return w.b, nil
	}
	w.uint(sketchCounts)
	for _, n := range m.cell {
		w.int(n)
	}
	return w.b, nil
}

// UnmarshalBinary makes m the sketch that AppendBinary wrote. What is no such thing
// is fault.Invalid.
func (m *Moment) UnmarshalBinary(data []byte) error {
	r := reader{b: data}
	g, err := r.shape(momentKind, 4)
	if err != nil {
		return err
	}
	fresh := Moment{grid: g}
	if err := fresh.MergeBinary(data); err != nil {
		return err
	}
	*m = fresh
	return nil
}

// MergeBinary is Merge of a sketch that AppendBinary wrote. After an error the
// sketch is of no use.
func (m *Moment) MergeBinary(data []byte) error {
	r := reader{b: data}
	if err := r.fits(momentKind, &m.grid); err != nil {
		return err
	}
	total, how := r.uint(), r.uint()
	if how == exactCounts {
		return r.tally(m.exact(), total, m.Add)
	}
	if how != sketchCounts || m.cells() > len(r.b) {
		return damaged()
	}
	m.approximate()
	for lo := 0; lo < len(m.cell); lo += m.width {
		left := total // what the numbers of a row may still sum up to
		for i := lo; i < lo+m.width; i++ {
			n := r.int()
			size := uint64(max(n, -n))
			if n == math.MinInt64 || size > left {
				return fault.New(fault.Invalid, "a second moment of %d rows holds more than that", total)
			}
			left -= size
			m.cell[i] += n
		}
		if left%2 != 0 { // keys of both signs cancel in pairs
			return fault.New(fault.Invalid, "a second moment of %d rows does not add up", total)
		}
	}
	m.total += total
	return r.end()
}
