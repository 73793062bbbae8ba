package sketch

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/idag/idag/internal/fault"
)

// Sample is a reservoir: k rows of t, each there with probability k/t. Every row has
// a rank, drawn by its place, and the k smallest ranks are kept, so that reservoirs
// of parts of the rows make the reservoir of all. (Vitter's reservoir of 1985 draws
// by the position in the stream and depends on order; a rank does what his random
// number does.) Rows of equal rank are kept in the order of their values.
type Sample struct {
	k      int
	seed   uint64
	total  uint64
	limit  uint64 // ranks above it are not wanted
	rows   []drawn
	values []byte
	spare  []byte

	// Check, where it is not nil, says whether bytes that were read are a value.
	Check func(value []byte) bool
}

type drawn struct {
	rank     uint64
	from, to int
}

// NewSample makes an empty reservoir of k rows. A k below 1 or above 2^28 is
// fault.Invalid.
func NewSample(k int, seed uint64) (*Sample, error) {
	if k < 1 || k > maxCells {
		return nil, fault.New(fault.Invalid, "a sample has from 1 to %d rows, not %d", maxCells, k)
	}
	return &Sample{k: k, seed: seed, limit: math.MaxUint64}, nil
}

// Fresh makes an empty reservoir of the same size and seed.
func (s *Sample) Fresh() *Sample {
	return &Sample{k: s.k, seed: s.seed, limit: math.MaxUint64, Check: s.Check}
}

// Wants says whether Add would keep a row: where it would not, Pass counts the row
// and its value need not be made.
func (s *Sample) Wants(place uint64) bool { return Mix(place, s.seed) <= s.limit }

// Pass counts a row that Wants refused.
func (s *Sample) Pass() { s.total++ }

// Add takes a row: a number that no other row has, or few, and its value.
func (s *Sample) Add(place uint64, value []byte) {
	s.total++
	s.put(Mix(place, s.seed), value)
}

func (s *Sample) put(rank uint64, value []byte) {
	if rank > s.limit {
		return
	}
	from := len(s.values)
	s.values = append(s.values, value...)
	s.rows = append(s.rows, drawn{rank, from, len(s.values)})
	if len(s.rows) >= 2*s.k {
		s.prune()
	}
}

func (s *Sample) value(d *drawn) []byte { return s.values[d.from:d.to:d.to] }

// prune drops all but the k smallest, and puts those in order.
func (s *Sample) prune() {
	slices.SortFunc(s.rows, func(a, b drawn) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), bytes.Compare(s.value(&a), s.value(&b)))
	})
	if len(s.rows) < s.k {
		return
	}
	s.rows = s.rows[:s.k]
	s.limit = s.rows[s.k-1].rank
	kept := s.spare[:0]
	for i := range s.rows {
		d := &s.rows[i]
		from := len(kept)
		kept = append(kept, s.value(d)...)
		d.from, d.to = from, len(kept)
	}
	s.values, s.spare = kept, s.values
}

// Total is the number of rows t that the sample was drawn of.
func (s *Sample) Total() uint64 { return s.total }

// Values returns the values of the sample in the order of their ranks, which is a
// random one.
func (s *Sample) Values() [][]byte {
	s.prune()
	out := make([][]byte, len(s.rows))
	for i := range s.rows {
		out[i] = s.value(&s.rows[i])
	}
	return out
}

// Merge adds the rows of o, which must have the same size and seed, else it is
// fault.Invalid.
func (s *Sample) Merge(o *Sample) error {
	if s.k != o.k || s.seed != o.seed {
		return fault.New(fault.Invalid, "samples of %d rows (seed %d) and %d (seed %d) cannot be merged", s.k, s.seed, o.k, o.seed)
	}
	s.total += o.total
	for i := range o.rows {
		s.put(o.rows[i].rank, o.value(&o.rows[i]))
	}
	return nil
}

// Bytes is about how much memory the reservoir holds.
func (s *Sample) Bytes() int64 { return int64(24*cap(s.rows) + cap(s.values) + cap(s.spare)) }

// AppendBinary appends the reservoir: its parameters, the number of rows, and the
// rows in the order of their ranks.
func (s *Sample) AppendBinary(b []byte) ([]byte, error) {
	s.prune()
	w := writer{b}
	w.start(sampleKind)
	w.uint(uint64(s.k))
	w.word(s.seed)
	w.uint(s.total)
	w.uint(uint64(len(s.rows)))
	for i := range s.rows {
		w.word(s.rows[i].rank)
		w.bytes(s.value(&s.rows[i]))
	}
	return w.b, nil
}

// UnmarshalBinary makes s the reservoir that AppendBinary wrote. What is no such
// thing is fault.Invalid.
func (s *Sample) UnmarshalBinary(data []byte) error {
	r := reader{b: data}
	if err := r.start(sampleKind); err != nil {
		return err
	}
	k, seed := r.uint(), r.word()
	if r.bad || k == 0 || k > maxCells {
		return damaged()
	}
	fresh := Sample{k: int(k), seed: seed, limit: math.MaxUint64, Check: s.Check}
	if err := fresh.MergeBinary(data); err != nil {
		return err
	}
	*s = fresh
	return nil
}

// MergeBinary is Merge of a reservoir that AppendBinary wrote. After an error the
// reservoir is of no use.
func (s *Sample) MergeBinary(data []byte) error {
	r := reader{b: data}
	if err := r.start(sampleKind); err != nil {
		return err
	}
	if k, seed := r.uint(), r.word(); r.bad || k != uint64(s.k) || seed != s.seed {
		return fault.New(fault.Invalid, "a sample of another size or seed cannot be merged")
	}
	total, n := r.uint(), r.uint()
	if r.bad || n != min(total, uint64(s.k)) || n > uint64(len(r.b))/9 {
		return damaged()
	}
	s.total += total
	last, before := uint64(0), []byte(nil)
	for range n {
		rank := r.word()
		value := r.bytes()
		if r.bad || s.Check != nil && !s.Check(value) || rank < last || rank == last && bytes.Compare(value, before) < 0 {
			return damaged()
		}
		last, before = rank, value
		s.put(rank, value)
	}
	return r.end()
}
