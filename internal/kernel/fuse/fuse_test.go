package fuse

import (
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"go.uber.org/goleak"
)

// What a Fusion computes is held to the programs that it is made of in the tests of
// internal/expr: here are its parts that nobody sees from there.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// twice is x * 2 + (y + 1) * (y + 1) of two float columns.
type twice struct{}

func (twice) Fuse(b *Builder, columns []Value) (Value, bool) {
	num := arrow.PrimitiveTypes.Float64
	x, ok := b.Load(columns[0])
	y, also := b.Load(columns[1])
	if !ok || !also {
		return 0, false
	}
	two, _ := b.Constant(num, 0x4000000000000000)
	one, _ := b.Constant(num, 0x3ff0000000000000)
	x, _ = b.Arithmetic('*', num, x, two)
	p, _ := b.Arithmetic('+', num, y, one)
	q, _ := b.Arithmetic('+', num, y, one)
	p, _ = b.Arithmetic('*', num, p, q)
	return b.Arithmetic('+', num, x, p)
}

// TestOnce: what two terms compute alike is computed once, and what they only
// compute for one another needs little room.
func TestOnce(t *testing.T) {
	num := arrow.PrimitiveTypes.Float64
	list := slices.Repeat([]Assignment{{Terms: []Term{twice{}}, Term: []int{0, -1}, From: []int{0, 1}, Mask: -1}}, 20)
	f, taken := Compile([]arrow.DataType{num, num}, list)
	if want := 2 + 2*20; taken != 20 || len(f.insts) != want {
		t.Errorf("%d terms are %d instructions, want %d", taken, len(f.insts), want)
	}
	if f.slots > 3 {
		t.Errorf("a block of them takes %d pieces of scratch", f.slots)
	}
	if in := f.Inputs(); !slices.Equal(slices.Sorted(slices.Values(in)), []int{0, 1}) {
		t.Errorf("they read columns %v", in)
	}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	b := array.NewFloat64Builder(mem)
	defer b.Release()
	b.AppendValues([]float64{1, 3}, []bool{true, false})
	x := b.NewArray()
	defer x.Release()
	b.AppendValues([]float64{0, 0}, nil)
	y := b.NewArray()
	defer y.Release()
	r, err := f.Eval(mem, []arrow.Array{x, y}, nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	want := 1.0
	for range 20 {
		want = want*2 + 1
	}
	got, _ := r.Values[f.Columns()[0].Value].(*array.Float64)
	if got.Value(0) != want || got.IsValid(1) || f.Columns()[1] != (Place{1, -1}) {
		t.Errorf("%v and %v, want %v and null", got, f.Columns()[1], want)
	}
}

// TestNone: terms that cannot be fused make no Fusion.
func TestNone(t *testing.T) {
	list := []Assignment{{Terms: []Term{twice{}}, Term: []int{0, -1}, From: []int{0, 1}, Mask: -1}}
	if f, taken := Compile([]arrow.DataType{arrow.BinaryTypes.String, arrow.PrimitiveTypes.Float64}, list); f != nil || taken != 0 {
		t.Errorf("%d terms over texts are fused", taken)
	}
}

// TestOthers: columns of other types, or lengths, are a fault.Bug.
func TestOthers(t *testing.T) {
	num := arrow.PrimitiveTypes.Float64
	f, _ := Compile([]arrow.DataType{num, num}, []Assignment{{Terms: []Term{twice{}}, Term: []int{0, -1}, From: []int{0, 1}, Mask: -1}})
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	b := array.NewInt64Builder(mem)
	defer b.Release()
	b.Append(1)
	whole := b.NewArray()
	defer whole.Release()
	for _, cols := range [][]arrow.Array{{whole, whole}, {nil, nil}} {
		if _, err := f.Eval(mem, cols, nil, 1); fault.Of(err) != fault.Bug {
			t.Errorf("%v: %v", cols, err)
		}
	}
}
