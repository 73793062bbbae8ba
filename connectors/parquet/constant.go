package parquet

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/types"
)

// constant is a column that has one value in all rows of a file: the key of a
// directory, or null for a column that other files have. It travels in the
// payload of a split.
type constant struct {
	Name  string  `json:"name"`
	Type  string  `json:"type"`            // as typeName spells it
	Value *string `json:"value,omitempty"` // nil is null
}

// typeOf is the type of that name, which typeName has spelled.
func typeOf(name string) arrow.DataType {
	dt, err := expr.ParseType(name)
	if err != nil {
		return arrow.BinaryTypes.String
	}
	return dt
}

func typeName(dt arrow.DataType) string { return types.Name(dt) }

func (c *constant) bounds() expr.Range {
	if c.Value == nil {
		return expr.Range{Nulls: true, AllNull: true}
	}
	if c.Type == "bigint" {
		v, _ := strconv.ParseInt(*c.Value, 10, 64)
		return expr.Range{Min: v, Max: v}
	}
	return expr.Range{Min: *c.Value, Max: *c.Value}
}

// array makes n rows of c. A string is a dictionary with one value.
func (c *constant) array(mem memory.Allocator, n int) arrow.Array {
	switch {
	case c.Value == nil:
		return kernel.Nulls(mem, typeOf(c.Type), n)
	case c.Type == "bigint":
		v, _ := strconv.ParseInt(*c.Value, 10, 64)
		buf := memory.NewResizableBuffer(mem)
		buf.Resize(8 * n)
		for i, vs := 0, view[int64](buf.Bytes()); i < n; i++ {
			vs[i] = v
		}
		valid := validity{mem: mem, n: n}
		return valid.array(arrow.PrimitiveTypes.Int64, nil, buf)
	}
	one := textBuilder{mem: mem, valid: validity{mem: mem, n: 1}}
	one.start()
	_ = one.room(len(*c.Value)) // a directory's name is short
	copy(one.data.Bytes(), *c.Value)
	one.size = len(*c.Value)
	view[int32](one.offsets.Bytes())[1] = int32(one.size)
	dict := one.finish(nil)
	defer dict.Release()
	all := textBuilder{mem: mem, valid: validity{mem: mem, n: n}, codes: memory.NewResizableBuffer(mem)}
	all.codes.Resize(4 * n)
	clear(all.codes.Bytes())
	return all.finish(dict.(*array.String))
}

// slices of a constant for frames of any size up to what it was made for.
type constantColumn struct{ all arrow.Array }

func (c *constantColumn) read(n int) (arrow.Array, error) {
	return array.NewSlice(c.all, 0, int64(n)), nil
}

func (c *constantColumn) skip(int64) error { return nil }

func (c *constantColumn) close() { c.all.Release() }
