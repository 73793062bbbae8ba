package node

import (
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/state"
)

const columns = how.Width + 1

// Examples gathers rows to learn from: arguments are the features and the result,
// all DOUBLE. Rows with a null, a number that is none, or a result that is neither 0
// nor 1 are no examples. What it writes is the same for the same rows, whatever
// their order; it implements fn.State.
type Examples struct {
	flat   []float32 // row after row
	sorted bool
}

// Update adds rows.
func (e *Examples) Update(in []arrow.Array, rows []int32) error {
	if len(in) != columns {
		return fault.New(fault.Invalid, "rows to learn from have %d columns, expected %d", len(in), columns)
	}
	var cols [columns][]float64
	for j, a := range in {
		f, ok := a.(*array.Float64)
		if !ok {
			return fault.New(fault.Invalid, "rows to learn from: column %d is %s, expected DOUBLE", j+1, a.DataType())
		}
		cols[j] = f.Float64Values()
	}
	e.flat = slices.Grow(e.flat, len(rows)*columns)
next:
	for _, i := range rows {
		at := len(e.flat)
		for j := range cols {
			v := float32(cols[j][i])
			if in[j].IsNull(int(i)) || !(math.Abs(float64(v)) <= math.MaxFloat32) {
				e.flat = e.flat[:at]
				continue next
			}
			e.flat = append(e.flat, v+0) // -0 is 0
		}
		if y := e.flat[len(e.flat)-1]; y != 0 && y != 1 {
			e.flat = e.flat[:at]
		}
	}
	e.sorted = false
	return nil
}

// Merge adds the rows of another.
func (e *Examples) Merge(b []byte) error {
	flat, err := state.Flat(b, how.Width, e.flat)
	if err != nil {
		return err
	}
	e.flat, e.sorted = flat, false
	return nil
}

// AppendState appends the rows, sorted.
func (e *Examples) AppendState(b []byte) []byte {
	e.sort()
	return state.AppendRows(b, how.Width, e.flat)
}

// Result appends the rows' bytes.
func (e *Examples) Result(b array.Builder) {
	if out, ok := b.(*array.BinaryBuilder); ok {
		out.Append(e.AppendState(nil))
		return
	}
	b.AppendNull()
}

// Size is the memory held.
func (e *Examples) Size() int64 { return int64(4*cap(e.flat)) + 32 }

// sort brings the rows into the order of their numbers.
func (e *Examples) sort() {
	if e.sorted {
		return
	}
	e.sorted = true
	at := make([]int32, len(e.flat)/columns)
	for i := range at {
		at[i] = int32(i) * columns
	}
	slices.SortFunc(at, func(a, b int32) int { return slices.Compare(e.flat[a:a+columns], e.flat[b:b+columns]) })
	out := make([]float32, 0, len(e.flat))
	for _, i := range at {
		out = append(out, e.flat[i:i+columns]...)
	}
	e.flat = out
}
