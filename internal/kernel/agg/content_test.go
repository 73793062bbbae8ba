package agg

import (
	"math"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/idag/idag/internal/kernel"
)

// A row hashes by what it holds: the order of columns, nulls, absent columns and the
// spelling of strings do not matter, names and values do.
func TestContentHashes(t *testing.T) {
	mem := checked(t)
	ints := array.NewInt64Builder(mem)
	defer ints.Release()
	ints.AppendValues([]int64{9, 1, 2, 1, 0}, []bool{true, true, true, true, false})
	long := ints.NewInt64Array()
	defer long.Release()
	a := array.NewSlice(long, 1, 5) // 1, 2, 1, null
	defer a.Release()
	floats := array.NewFloat64Builder(mem)
	defer floats.Release()
	floats.AppendValues([]float64{0, math.NaN(), math.Copysign(0, -1), 1}, nil)
	b := floats.NewFloat64Array()
	defer b.Release()
	none := kernel.Nulls(mem, arrow.BinaryTypes.String, 4)
	defer none.Release()

	got := ContentHashes([]string{"a", "b"}, []arrow.Array{a, b}, 4)
	if again := ContentHashes([]string{"b", "c", "a"}, []arrow.Array{b, none, a}, 4); !slices.Equal(again, got) {
		t.Errorf("other columns: %x, %x", again, got)
	}
	if got[0] != got[2] || got[0] == got[1] {
		t.Errorf("equal rows: %x", got)
	}
	if only := ContentHashes([]string{"b"}, []arrow.Array{b}, 4); only[3] != got[3] || only[0] == got[0] {
		t.Errorf("nulls: %x, %x", only, got)
	}
	if swapped := ContentHashes([]string{"b", "a"}, []arrow.Array{a, b}, 4); swapped[0] == got[0] {
		t.Errorf("names do not count: %x", swapped)
	}
	if empty := ContentHashes(nil, nil, 2); !slices.Equal(empty, []uint64{0, 0}) {
		t.Errorf("no columns: %x", empty)
	}
}
