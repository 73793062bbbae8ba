package kernel

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Fixed lists the Go types behind fixed-width Arrow types.
type Fixed interface {
	~uint8 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~float64 | decimal128.Num
}

// NewFixed allocates n uninitialised values of type dt, whose width must be
// that of T. The caller writes vals and then calls done once, which returns
// the array. valid is the validity bitmap of [NewBitmap], owned by done from
// then on; nil means that no row is null.
func NewFixed[T Fixed](mem memory.Allocator, dt arrow.DataType, n int) (vals []T, done func(valid *memory.Buffer) arrow.Array) {
	var z T
	buf := memory.NewResizableBuffer(mem)
	buf.Resize(n * int(unsafe.Sizeof(z)))
	return view[T](buf.Bytes()), func(valid *memory.Buffer) arrow.Array {
		return wrap(dt, n, valid, nil, buf)
	}
}

// NewBool allocates a Boolean array of n uninitialised rows as words of 64
// bits, row 0 lowest. Bits past n are to be zero. done is that of [NewFixed].
func NewBool(mem memory.Allocator, n int) (ws []uint64, done func(valid *memory.Buffer) arrow.Array) {
	ws, buf := NewBitmap(mem, n)
	return ws, func(valid *memory.Buffer) arrow.Array {
		return wrap(arrow.FixedWidthTypes.Boolean, n, valid, nil, buf)
	}
}

// wrap makes an array of buffers, whose references it takes over. dict is
// borrowed; it is nil unless dt is a dictionary. Validity without a null is
// dropped, so that readers see at once that there is none.
func wrap(dt arrow.DataType, n int, valid *memory.Buffer, dict *array.Data, bufs ...*memory.Buffer) arrow.Array {
	return assemble(dt, n, valid, dict, nil, bufs)
}

// assemble is wrap for any array; kids, the data of the arrays that a nested
// one is made of, are borrowed.
func assemble(dt arrow.DataType, n int, valid *memory.Buffer, dict *array.Data, kids []arrow.ArrayData, bufs []*memory.Buffer) arrow.Array {
	nulls := 0
	if valid != nil {
		nulls = n - countOnes(view[uint64](valid.Bytes()))
		if nulls == 0 {
			valid.Release()
			valid = nil
		}
	}
	all := append(make([]*memory.Buffer, 0, 3), valid)
	all = append(all, bufs...)
	var data *array.Data
	if dict != nil {
		data = array.NewDataWithDictionary(dt, n, all, nulls, 0, dict)
	} else {
		data = array.NewData(dt, n, all, kids, nulls, 0)
	}
	for _, b := range all {
		if b != nil {
			b.Release()
		}
	}
	out := array.MakeFromData(data)
	data.Release()
	return out
}

// column is what a kernel needs to know of an array: its validity, its fixed
// part, and its dictionary where it has one.
type column struct {
	n     int
	dt    arrow.DataType
	valid bitmap
	raw   []byte // values, codes or bits, from the start of the buffer
	off   int    // rows to skip in raw
	dict  *array.Data
}

func columnOf(a arrow.Array) column {
	d := a.Data()
	c := column{n: a.Len(), dt: a.DataType(), valid: validity(a), off: d.Offset()}
	if bufs := d.Buffers(); len(bufs) > 1 && bufs[1] != nil {
		c.raw = bufs[1].Bytes()
	}
	if c.dt.ID() == arrow.DICTIONARY {
		c.dict, _ = d.Dictionary().(*array.Data)
	}
	return c
}

// values returns the n values of a fixed-width column, offset applied.
func values[T Fixed](c column) []T {
	if c.n == 0 {
		return nil
	}
	return view[T](c.raw)[c.off : c.off+c.n]
}

// bitWidth returns the width of a value of a fixed-width type, or of a code
// of a dictionary, and 0 for types of variable width.
func bitWidth(dt arrow.DataType) int {
	switch dt := dt.(type) {
	case *arrow.DictionaryType:
		return bitWidth(dt.IndexType)
	case arrow.FixedWidthDataType:
		return dt.BitWidth()
	}
	return 0
}

func badType(kernel string, dt arrow.DataType) string {
	return fmt.Sprintf("kernel: %s does not know type %s", kernel, dt)
}

// strings are the values of a String or Binary array.
type strs struct {
	valid   bitmap
	offsets []int32 // n+1 of them, nil when n is 0
	data    []byte
	n       int
}

func stringsOf(a arrow.Array) strs { return stringsOfData(a.Data(), validity(a)) }

func stringsOfData(d arrow.ArrayData, valid bitmap) strs {
	s := strs{valid: valid, n: d.Len()}
	bufs := d.Buffers()
	if s.n == 0 || bufs[1] == nil {
		return s
	}
	s.offsets = view[int32](bufs[1].Bytes())[d.Offset() : d.Offset()+s.n+1]
	if bufs[2] != nil {
		s.data = bufs[2].Bytes()
	}
	return s
}

// at returns the bytes of row i, borrowed.
func (s *strs) at(i int) []byte { return s.data[s.offsets[i]:s.offsets[i+1]] }

// dictStrings returns the values of a dictionary.
func dictStrings(dict *array.Data) strs {
	if dict == nil {
		return strs{}
	}
	var valid bitmap
	if b := dict.Buffers()[0]; b != nil && dict.NullN() != 0 {
		valid = bitmap{bits: b.Bytes(), off: dict.Offset()}
	}
	return stringsOfData(dict, valid)
}

func sizeOf[T Fixed](z T) int { return int(unsafe.Sizeof(z)) }
