package executor

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
)

// blend takes value where mask is true and old elsewhere; old may be nil, for
// null.
func blend(mem memory.Allocator, mask *array.Boolean, value, old arrow.Array) arrow.Array {
	if old != nil {
		return kernel.Blend(mem, mask, value, old)
	}
	if value.NullN() == 0 && value.Data().Offset() == 0 && mask.Data().Offset() == 0 {
		return validIn(value, mask)
	}
	nulls := kernel.Nulls(mem, value.DataType(), value.Len())
	defer nulls.Release()
	return kernel.Blend(mem, mask, value, nulls)
}

// validIn returns value with the mask as its validity, sharing all buffers:
// the values of masked rows stay, and nobody can see them.
func validIn(value arrow.Array, mask *array.Boolean) arrow.Array {
	d := value.Data()
	bufs := append([]*memory.Buffer(nil), d.Buffers()...)
	bufs[0] = mask.Data().Buffers()[1]
	nulls := value.Len() - trueCount(mask)
	var data *array.Data
	if dict, ok := d.Dictionary().(*array.Data); ok && dict != nil {
		data = array.NewDataWithDictionary(value.DataType(), value.Len(), bufs, nulls, 0, dict)
	} else {
		data = array.NewData(value.DataType(), value.Len(), bufs, d.Children(), nulls, 0)
	}
	defer data.Release()
	return array.MakeFromData(data)
}

// trueCount counts the true rows of a bitmap without nulls.
func trueCount(b *array.Boolean) int {
	return bitutil.CountSetBits(b.Data().Buffers()[1].Bytes(), b.Data().Offset(), b.Len())
}

// trueRows appends the rows that are true in b and, where within is not nil,
// in within.
func trueRows(dst []int32, b, within *array.Boolean) []int32 {
	for i := range b.Len() {
		if b.IsValid(i) && b.Value(i) && (within == nil || within.Value(i)) {
			dst = append(dst, int32(i))
		}
	}
	return dst
}
