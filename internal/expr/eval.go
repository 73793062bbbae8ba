package expr

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Eval evaluates the program over a batch of rows rows. cols are its columns
// by schema field index; those not in Columns may be nil. The arrays are
// borrowed, the result is the caller's; those that other goroutines read at the
// same time are settled (types.Settle). An error is fault.Bug for columns that
// do not fit the schema and fault.Invalid for strings of more than 2 GiB;
// whatever is wrong with single rows is in the result.
func (p *Program) Eval(env Env, cols []arrow.Array, rows int) (Result, error) {
	x := &exec{mem: env.Mem, now: env.Now.UnixMicro(), cols: cols, rows: rows}
	if c, ok := p.root.(*columnOp); ok {
		a, err := c.array(x)
		if err != nil {
			return Result{}, err
		}
		a.Retain()
		return Result{Values: a}, nil
	}
	if rows == 0 {
		return Result{Values: empty(env.Mem, p.Type())}, nil
	}
	if p.shared > 0 {
		x.shared = make([]vec, p.shared)
		defer releaseAll(x.shared)
	}
	v, err := p.root.eval(x)
	if err != nil {
		return Result{}, err
	}
	defer func() { v.release() }()
	x.flatten(&v)
	r := Result{Values: v.array()}
	if v.hard != nil {
		if r.Failed = x.rowSet(v.hard, nil); r.Failed != nil {
			r.Why = p.why
		}
	}
	if v.fail != nil {
		r.Nulled = x.rowSet(v.fail, v.hard)
	}
	return r, nil
}

// rowSet is the rows of set that are not in other, nil if there are none.
func (x *exec) rowSet(set, other *memory.Buffer) *array.Boolean {
	buf, bits := x.rawBitmap(x.rows)
	defer buf.Release()
	copy(bits, bitsOf(set, x.rows))
	if other != nil {
		bits.AndNot(bits, bitsOf(other, x.rows))
	}
	if !bits.Any(x.rows) {
		return nil
	}
	data := array.NewData(arrow.FixedWidthTypes.Boolean, x.rows, []*memory.Buffer{nil, buf}, nil, 0, 0)
	defer data.Release()
	return array.NewBooleanData(data)
}

func empty(mem memory.Allocator, dt arrow.DataType) arrow.Array {
	b := array.NewBuilder(mem, dt)
	defer b.Release()
	return b.NewArray()
}
