package agg

import (
	"cmp"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/sketch"
)

// The aggregates that are sketches. Their seeds are fixed, one a function, so that
// states of different tables can be merged; bounds hold with probability 1-approxDelta.
const (
	approxDelta = 0.01
	approxSeed  = 0x1da6
	// maxSample is the largest k of a sample.
	maxSample = 1 << 20
)

// defaultError is the error of a function whose Spec has none.
func (f function) defaultError() float64 {
	switch f {
	case approxDistinct: // as Spark's
		return 0.05
	case approxMoment:
		return 0.1
	default:
		return 0.01
	}
}

// isSketch says whether the state of the function is a sketch.
func (f function) isSketch() bool {
	return f == approxDistinct || f == approxTop || f == approxCount || f == approxMoment || f == sampled
}

// newBlobs checks the parameters of a sketch and prepares its states.
func newBlobs(f function, s Spec) (*blobs, error) {
	e := cmp.Or(s.Error, f.defaultError())
	b := &blobs{}
	var err error
	switch f {
	case approxDistinct:
		var p *sketch.Distinct
		p, err = sketch.NewDistinct(e, approxSeed)
		b.result, b.fresh = arrow.PrimitiveTypes.Int64, func() groupState { return &distinctState{p.Fresh()} }
	case approxCount:
		var p *sketch.CountMin
		p, err = sketch.NewCountMin(e, approxDelta, approxSeed)
		b.result, b.fresh = arrow.PrimitiveTypes.Int64, func() groupState { return &countState{p.Fresh(), s.Key} }
	case approxMoment:
		var p *sketch.Moment
		p, err = sketch.NewMoment(e, approxDelta, approxSeed)
		b.result, b.fresh = arrow.PrimitiveTypes.Float64, func() groupState { return &momentState{p.Fresh()} }
	case approxTop:
		var p *sketch.Heavy
		if p, err = sketch.NewHeavy(e, e, approxDelta, approxSeed); err == nil {
			err = fewEnough(s.K, p.Candidates(), e)
			p.Check = spelledBy(plain(s.Arg))
		}
		b.places, b.result, b.fresh = true, topType(s.Arg), func() groupState { return &topState{p.Fresh(), s.K} }
	case sampled:
		var p *sketch.Sample
		if p, err = sketch.NewSample(s.K, approxSeed); err == nil {
			p.Check = spelledBy(plain(s.Arg))
		}
		if s.K > maxSample {
			err = fault.New(fault.Invalid, "a sample has from 1 to %d values, not %d", maxSample, s.K)
		}
		b.places, b.result, b.fresh = true, arrow.ListOf(plain(s.Arg)), func() groupState { return &sampleState{p.Fresh()} }
	case owned:
		b.own = new(ownRows)
		b.result, b.fresh = s.Own.Result, func() groupState { return &ownState{of: s.Own, s: s.Own.Init()} }
		if _, ok := s.Arg.(*arrow.StructType); !ok {
			err = fault.New(fault.Bug, "agg: the argument of %s is %s, not a struct of all arguments", s.Func, s.Arg)
		}
	default:
		return nil, fault.New(fault.Bug, "agg: %s is no sketch", s.Func)
	}
	return b, err
}

// fewEnough checks how many values an approx_top is to give.
func fewEnough(k, candidates int, e float64) error {
	if k < 1 || k > candidates {
		return fault.New(fault.Invalid, "with an error of %v it finds from 1 to %d values, not %d", e, candidates, k)
	}
	return nil
}

// topType is the type of what approx_top gives.
func topType(arg arrow.DataType) arrow.DataType {
	return arrow.ListOf(arrow.StructOf(
		arrow.Field{Name: "value", Type: plain(arg), Nullable: true},
		arrow.Field{Name: "count", Type: arrow.PrimitiveTypes.Int64, Nullable: true}))
}

type distinctState struct{ d *sketch.Distinct }

func (s *distinctState) update(in *input, lo, hi int) {
	if !in.nulls {
		for _, h := range in.hashes[lo:hi] {
			s.d.Add(h)
		}
		return
	}
	for i := lo; i < hi; i++ {
		if !in.null(i) {
			s.d.Add(in.hashes[i])
		}
	}
}

func (s *distinctState) merge(state []byte) error { return s.d.MergeBinary(state) }
func (s *distinctState) state(b []byte) []byte    { return written(s.d.AppendBinary(b)) }
func (s *distinctState) bytes() int64             { return s.d.Bytes() }
func (s *distinctState) result(b array.Builder)   { whole(b, s.d.Count()) }

type countState struct {
	c   *sketch.CountMin
	key uint64
}

func (s *countState) update(in *input, lo, hi int) {
	for i := lo; i < hi; i++ {
		if !in.null(i) {
			s.c.Add(in.hashes[i], 1)
		}
	}
}

func (s *countState) merge(state []byte) error { return s.c.MergeBinary(state) }
func (s *countState) state(b []byte) []byte    { return written(s.c.AppendBinary(b)) }
func (s *countState) bytes() int64             { return s.c.Bytes() }
func (s *countState) result(b array.Builder)   { whole(b, s.c.Count(s.key)) }

type momentState struct{ m *sketch.Moment }

func (s *momentState) update(in *input, lo, hi int) {
	for i := lo; i < hi; i++ {
		if !in.null(i) {
			s.m.Add(in.hashes[i], 1)
		}
	}
}

func (s *momentState) merge(state []byte) error { return s.m.MergeBinary(state) }
func (s *momentState) state(b []byte) []byte    { return written(s.m.AppendBinary(b)) }
func (s *momentState) bytes() int64             { return s.m.Bytes() }
func (s *momentState) result(b array.Builder) {
	if b, ok := b.(*array.Float64Builder); ok {
		b.Append(s.m.Estimate())
	}
}

type topState struct {
	h *sketch.Heavy
	k int
}

func (s *topState) update(in *input, lo, hi int) {
	for i := lo; i < hi; i++ {
		if in.null(i) {
			continue
		}
		if s.h.Add(in.hashes[i], in.places[i]) {
			s.h.Name(in.hashes[i], in.value(i))
		}
	}
}

func (s *topState) merge(state []byte) error { return s.h.MergeBinary(state) }
func (s *topState) state(b []byte) []byte    { return written(s.h.AppendBinary(b)) }
func (s *topState) bytes() int64             { return s.h.Bytes() }

func (s *topState) result(b array.Builder) {
	list, ok := b.(*array.ListBuilder)
	if !ok || s.h.Total() == 0 {
		b.AppendNull()
		return
	}
	list.Append(true)
	items, _ := list.ValueBuilder().(*array.StructBuilder)
	for i, it := range s.h.Items() {
		if i == s.k {
			break
		}
		items.Append(true)
		appendValue(items.FieldBuilder(0), it.Value)
		whole(items.FieldBuilder(1), it.Count)
	}
}

type sampleState struct{ s *sketch.Sample }

func (s *sampleState) update(in *input, lo, hi int) {
	for i := lo; i < hi; i++ {
		switch {
		case in.null(i):
		case s.s.Wants(in.places[i]):
			s.s.Add(in.places[i], in.value(i))
		default:
			s.s.Pass()
		}
	}
}

func (s *sampleState) merge(state []byte) error { return s.s.MergeBinary(state) }
func (s *sampleState) state(b []byte) []byte    { return written(s.s.AppendBinary(b)) }
func (s *sampleState) bytes() int64             { return s.s.Bytes() }

func (s *sampleState) result(b array.Builder) {
	list, ok := b.(*array.ListBuilder)
	if !ok || s.s.Total() == 0 {
		b.AppendNull()
		return
	}
	list.Append(true)
	for _, v := range s.s.Values() {
		appendValue(list.ValueBuilder(), v)
	}
}

// written is what a sketch has appended; that cannot fail.
func written(b []byte, err error) []byte {
	if err != nil {
		panic("agg: " + err.Error())
	}
	return b
}
