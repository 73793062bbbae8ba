package learn

import (
	"encoding/binary"
	"math"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn/exact"
)

// Moments are the statistics of features that a [Scaler] is made of. They are
// summed exactly, so they depend on the rows alone: not on their order, nor on how
// they were spread over Moments that were merged.
type Moments struct {
	count int64
	cols  []moments
}

type moments struct {
	sum, squares exact.Sum
	least, most  float64
}

// maxFeatures bounds what bytes may ask for.
const maxFeatures = 1 << 14

// NewMoments makes the moments of no rows with so many features.
func NewMoments(width int) (*Moments, error) {
	if width < 1 || width > maxFeatures {
		return nil, fault.New(fault.Invalid, "moments of %d features, expected 1 to %d", width, maxFeatures)
	}
	m := &Moments{cols: make([]moments, width)}
	for i := range m.cols {
		m.cols[i].least, m.cols[i].most = math.Inf(1), math.Inf(-1)
	}
	return m, nil
}

// Add counts rows in; all or, where one is bad, none.
func (m *Moments) Add(rows Rows) error {
	if err := rows.fits(len(m.cols), false); err != nil {
		return err
	}
	for at, v := range rows.X {
		c := &m.cols[at%rows.Width]
		c.sum.Add(v)
		c.squares.AddProduct(v, v)
		c.least, c.most = min(c.least, v), max(c.most, v)
	}
	m.count += int64(rows.Len())
	return nil
}

// Merge counts in what o has.
func (m *Moments) Merge(o *Moments) error {
	if len(o.cols) != len(m.cols) {
		return fault.New(fault.Invalid, "moments of %d features merged with those of %d", len(m.cols), len(o.cols))
	}
	for i := range m.cols {
		c, d := &m.cols[i], &o.cols[i]
		c.sum.Merge(&d.sum)
		c.squares.Merge(&d.squares)
		c.least, c.most = min(c.least, d.least), max(c.most, d.most)
	}
	m.count += o.count
	return nil
}

// Count is the number of rows.
func (m *Moments) Count() int64 { return m.count }

// Mean and Deviation (of the population) of feature i, and its Range; 0 without rows.
func (m *Moments) Mean(i int) float64 {
	if m.count == 0 {
		return 0
	}
	var n exact.Sum
	n.Add(float64(m.count))
	return m.cols[i].sum.Over(&n)
}

// Deviation is the root of the mean squared distance from the mean.
func (m *Moments) Deviation(i int) float64 {
	if m.count == 0 {
		return 0
	}
	// count²·variance = count·Σx² - (Σx)², all in sums that do not round: (Σx)² is
	// Σx times its two leading parts, the error is 2^-106 of it.
	c := &m.cols[i]
	hi := c.sum.Float()
	low := c.sum
	low.Add(-hi)
	lo := low.Float()
	n := float64(m.count)
	var s exact.Sum
	qh := c.squares.Float()
	rest := c.squares
	rest.Add(-qh)
	s.AddProduct(n, qh)
	s.AddProduct(n, rest.Float())
	s.AddProduct(-hi, hi)
	s.AddProduct(-2*hi, lo)
	s.AddProduct(-lo, lo)
	return math.Sqrt(max(s.Float(), 0)) / n
}

// Range returns the least and the largest value of feature i, 0 and 0 without rows.
func (m *Moments) Range(i int) (least, most float64) {
	if m.count == 0 {
		return 0, 0
	}
	return m.cols[i].least, m.cols[i].most
}

// Standard makes the scaler that brings these rows to mean 0 and deviation 1. A
// feature that is the same in all rows becomes 0.
func (m *Moments) Standard() *Scaler {
	return m.scaler(func(i int) (shift, size float64) { return m.Mean(i), m.Deviation(i) })
}

// Span makes the scaler that brings these rows to 0 to 1. A feature that is the
// same in all rows becomes 0.
func (m *Moments) Span() *Scaler {
	return m.scaler(func(i int) (shift, size float64) {
		least, most := m.Range(i)
		return least, most - least
	})
}

func (m *Moments) scaler(f func(int) (shift, size float64)) *Scaler {
	s := &Scaler{Shift: make([]float64, len(m.cols)), Scale: make([]float64, len(m.cols))}
	for i := range m.cols {
		shift, size := f(i)
		s.Shift[i], s.Scale[i] = shift, 1
		// A deviation within the rounding of the values is none.
		if size > math.Abs(shift)*0x1p-50 && !math.IsInf(1/size, 0) {
			s.Scale[i] = 1 / size
		}
	}
	return s
}

// Scaler scales features: (x - Shift) · Scale. All nodes of a job use one.
type Scaler struct {
	Shift []float64 `json:"shift"`
	Scale []float64 `json:"scale"`
}

// Apply writes the scaled features to out, which may be rows.X itself.
func (s *Scaler) Apply(rows Rows, out []float64) error {
	if len(s.Scale) != len(s.Shift) || len(out) != len(rows.X) {
		return fault.New(fault.Invalid, "a scaler of %d shifts and %d scales for %d numbers into %d", len(s.Shift), len(s.Scale), len(rows.X), len(out))
	}
	if err := rows.fits(len(s.Shift), false); err != nil {
		return err
	}
	for at := 0; at < len(out); at += rows.Width {
		row := rows.X[at : at+rows.Width]
		for j, v := range row {
			out[at+j] = (v - s.Shift[j]) * s.Scale[j]
		}
	}
	return nil
}

// momentsVersion is the first byte of moments.
const momentsVersion = 1

// AppendBinary appends bytes that are equal for moments of equal rows.
func (m *Moments) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, momentsVersion)
	b = binary.AppendUvarint(b, uint64(len(m.cols)))
	b = binary.AppendUvarint(b, uint64(m.count))
	for i := range m.cols {
		c := &m.cols[i]
		b = appendFloat(appendFloat(b, c.least), c.most)
		for _, s := range []*exact.Sum{&c.sum, &c.squares} {
			var err error
			if b, err = s.AppendBinary(b); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

// UnmarshalBinary reads what AppendBinary wrote; anything else is Invalid.
func (m *Moments) UnmarshalBinary(b []byte) error {
	r := reader{b: b}
	if v := r.byte(); v != momentsVersion {
		return fault.New(fault.Invalid, "moments of version %d, expected %d", v, momentsVersion)
	}
	width, count := r.uvarint(maxFeatures), r.uvarint(math.MaxInt64)
	if r.err != nil {
		return r.err
	}
	if width == 0 || width*22 > len(r.b) {
		return fault.New(fault.Invalid, "moments: %d features in %d bytes", width, len(r.b))
	}
	out := Moments{count: int64(count), cols: make([]moments, width)}
	for i := range out.cols {
		c := &out.cols[i]
		c.least, c.most = r.float(), r.float()
		for _, s := range []*exact.Sum{&c.sum, &c.squares} {
			rest, err := s.Read(r.b)
			if err != nil {
				return err
			}
			r.b = rest
		}
		empty := math.IsInf(c.least, 1) && math.IsInf(c.most, -1)
		if count == 0 && !empty || count > 0 && !(c.least >= -largestNumber && c.least <= c.most && c.most <= largestNumber) {
			return fault.New(fault.Invalid, "moments: feature %d goes from %v to %v", i, c.least, c.most)
		}
		if math.IsNaN(c.sum.Float()) || math.IsNaN(c.squares.Float()) {
			return fault.New(fault.Invalid, "moments: feature %d has no sum", i)
		}
	}
	if err := r.end(); err != nil {
		return err
	}
	*m = out
	return nil
}
