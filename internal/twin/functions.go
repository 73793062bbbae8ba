package twin

import (
	"context"
	"encoding/binary"
	"errors"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/rdd/fn"
)

// Functions are those that drawn jobs call: one that keeps all rows, one that drops
// some, one that multiplies them, and an aggregate of two arguments. The
// interpreter has them again, row by row, in own.go.
func Functions() fn.Set { return fn.NewSet(weighed(), positive(), repeated(), spread()) }

func ints(name string) fn.Column  { return fn.Column{Name: name, Type: arrow.PrimitiveTypes.Int64} }
func texts(name string) fn.Column { return fn.Column{Name: name, Type: arrow.BinaryTypes.String} }

// weighed gives 10 times a number plus the length of a text.
func weighed() fn.Func {
	return fn.Func{Name: "own_weighed", Version: "1", Rows: fn.Keeps,
		Reads: []fn.Column{ints("x"), texts("s")}, Writes: []fn.Column{ints("y")},
		Run: func(_ context.Context, in fn.Input) (fn.Output, error) {
			xs, ok := in.Columns[0].(*array.Int64)
			text, is := in.Columns[1].(*array.String)
			if !ok || !is {
				return fn.Output{}, errors.New("other columns than declared")
			}
			b := array.NewInt64Builder(in.Mem)
			defer b.Release()
			for i, x := range xs.Int64Values() {
				switch {
				case xs.IsNull(i):
					b.AppendNull()
				case text.IsNull(i):
					b.Append(10 * x)
				default:
					b.Append(10*x + int64(len(text.Value(i))))
				}
			}
			return fn.Output{Columns: []arrow.Array{b.NewArray()}}, nil
		}}
}

// positive drops the rows whose number is null or NaN, and says of the others whether
// it is positive.
func positive() fn.Func {
	return fn.Func{Name: "own_positive", Version: "1", Rows: fn.Drops,
		Reads:  []fn.Column{{Name: "f", Type: arrow.PrimitiveTypes.Float64}},
		Writes: []fn.Column{{Name: "is", Type: arrow.FixedWidthTypes.Boolean}},
		Run: func(_ context.Context, in fn.Input) (fn.Output, error) {
			fs, ok := in.Columns[0].(*array.Float64)
			if !ok {
				return fn.Output{}, errors.New("another column than declared")
			}
			from, b := []int32{}, array.NewBooleanBuilder(in.Mem)
			defer b.Release()
			for i, f := range fs.Float64Values() {
				if fs.IsValid(i) && !math.IsNaN(f) {
					from = append(from, int32(i))
					b.Append(f > 0)
				}
			}
			return fn.Output{Columns: []arrow.Array{b.NewArray()}, From: from}, nil
		}}
}

// repeated makes 0 to 2 rows of each, by the remainder of a number, and counts them.
func repeated() fn.Func {
	return fn.Func{Name: "own_repeated", Version: "1", Rows: fn.Multiplies,
		Reads: []fn.Column{ints("x")}, Writes: []fn.Column{ints("k"), texts("s")},
		Run: func(_ context.Context, in fn.Input) (fn.Output, error) {
			xs, ok := in.Columns[0].(*array.Int64)
			if !ok {
				return fn.Output{}, errors.New("another column than declared")
			}
			from, k, s := []int32{}, array.NewInt64Builder(in.Mem), array.NewStringBuilder(in.Mem)
			defer k.Release()
			defer s.Release()
			for i := range xs.Len() {
				times := int64(1)
				if xs.IsValid(i) {
					times = (xs.Value(i)%3 + 3) % 3
				}
				for n := range times {
					from = append(from, int32(i))
					k.Append(n)
					if xs.IsNull(i) {
						s.AppendNull()
					} else {
						s.Append("aé"[:3*n])
					}
				}
			}
			return fn.Output{Columns: []arrow.Array{k.NewArray(), s.NewArray()}, From: from}, nil
		}}
}

// spread is, modulo 2^64, the sum of the numbers, each times 1 plus the length of the
// text beside it, and null of no numbers.
func spread() fn.Aggregate {
	return fn.Aggregate{Name: "own_spread", Version: "1", Args: []fn.Column{ints("x"), texts("s")},
		Result: arrow.PrimitiveTypes.Int64, Init: func() fn.State { return &spreadState{} }}
}

type spreadState struct{ n, sum uint64 }

func (s *spreadState) Update(in []arrow.Array, rows []int32) error {
	xs, ok := in[0].(*array.Int64)
	text, is := in[1].(*array.String)
	if !ok || !is {
		return errors.New("other arguments than declared")
	}
	for _, i := range rows {
		if xs.IsValid(int(i)) {
			weight := uint64(1)
			if text.IsValid(int(i)) {
				weight += uint64(text.ValueLen(int(i)))
			}
			s.n, s.sum = s.n+1, s.sum+uint64(xs.Value(int(i)))*weight
		}
	}
	return nil
}

func (s *spreadState) Merge(state []byte) error {
	if len(state) != 16 {
		return errors.New("a state has 16 bytes")
	}
	s.n, s.sum = s.n+binary.LittleEndian.Uint64(state), s.sum+binary.LittleEndian.Uint64(state[8:])
	return nil
}

func (s *spreadState) AppendState(b []byte) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, s.n), s.sum)
}

func (s *spreadState) Result(b array.Builder) {
	if n, ok := b.(*array.Int64Builder); ok && s.n > 0 {
		n.Append(int64(s.sum))
		return
	}
	b.AppendNull()
}

func (s *spreadState) Size() int64 { return 16 }
