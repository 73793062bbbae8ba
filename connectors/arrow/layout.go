package arrow

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// layout is how the values of a type lie in buffers.
type layout struct {
	buffers  []part
	nullable bool // the first buffer says which rows are not null
	views    bool // more buffers follow, as many as the batch says
	unknown  bool
	fixed    int64 // rows of the child per row; -1 where offsets tell
}

// part is what a buffer holds.
type part uint8

const (
	validity part = iota
	values        // of the type's width
	bitmap
	offsets32
	offsets64
	sizes32
	sizes64
	bytesOf
	opaque // not looked at
)

// kind is what buffer i holds.
func (l *layout) kind(i int) part {
	if i < len(l.buffers) {
		return l.buffers[i]
	}
	return opaque
}

// kidRows is how many rows the children of n rows have, -1 if that is not given.
func (l *layout) kidRows(n int64) int64 {
	if l.fixed < 0 {
		return -1
	}
	return n * l.fixed
}

func layoutOf(dt arrow.DataType) layout {
	switch dt := dt.(type) {
	case arrow.ExtensionType:
		return layoutOf(dt.StorageType())
	case *arrow.DictionaryType:
		return layoutOf(dt.IndexType)
	case *arrow.BooleanType:
		return layout{nullable: true, buffers: []part{validity, bitmap}}
	case *arrow.StructType:
		return layout{nullable: true, buffers: []part{validity}, fixed: 1}
	case *arrow.FixedSizeListType:
		return layout{nullable: true, buffers: []part{validity}, fixed: int64(dt.Len())}
	case arrow.FixedWidthDataType:
		return layout{nullable: true, buffers: []part{validity, values}}
	}
	switch dt.ID() {
	case arrow.NULL:
		return layout{}
	case arrow.STRING, arrow.BINARY:
		return layout{nullable: true, buffers: []part{validity, offsets32, bytesOf}}
	case arrow.LARGE_STRING, arrow.LARGE_BINARY:
		return layout{nullable: true, buffers: []part{validity, offsets64, bytesOf}}
	case arrow.STRING_VIEW, arrow.BINARY_VIEW:
		return layout{nullable: true, buffers: []part{validity, opaque}, views: true}
	case arrow.LIST, arrow.MAP:
		return layout{nullable: true, buffers: []part{validity, offsets32}, fixed: -1}
	case arrow.LARGE_LIST:
		return layout{nullable: true, buffers: []part{validity, offsets64}, fixed: -1}
	case arrow.LIST_VIEW:
		return layout{nullable: true, buffers: []part{validity, opaque, sizes32}, fixed: -1}
	case arrow.LARGE_LIST_VIEW:
		return layout{nullable: true, buffers: []part{validity, opaque, sizes64}, fixed: -1}
	case arrow.SPARSE_UNION:
		return layout{buffers: []part{opaque}, fixed: 1}
	case arrow.DENSE_UNION:
		return layout{buffers: []part{opaque, opaque}, fixed: -1}
	case arrow.RUN_END_ENCODED:
		return layout{fixed: -1}
	}
	return layout{unknown: true}
}

// check proves that the buffers hold n values, so that nothing behind it reads
// beyond them.
func (l *layout) check(dt arrow.DataType, n, nulls int, bufs []*memory.Buffer, kids []arrow.ArrayData) error {
	if x, ok := dt.(arrow.ExtensionType); ok {
		dt = x.StorageType()
	}
	size := func(i int) int {
		if bufs[i] == nil {
			return 0
		}
		return bufs[i].Len()
	}
	for i, p := range l.buffers {
		var err error
		switch p {
		case validity:
			if nulls > 0 && size(i) < (n+7)/8 {
				err = errShort
			}
		case bitmap:
			if size(i) < (n+7)/8 {
				err = errShort
			}
		case values:
			if d, ok := dt.(*arrow.DictionaryType); ok {
				dt = d.IndexType
			}
			if w, _ := dt.(arrow.FixedWidthDataType); int64(size(i)) < int64(n)*int64(w.Bytes()) {
				err = errShort
			}
		case offsets32, offsets64:
			err = checkOffsets(bufs[i], n, p == offsets64, behind(i, bufs, kids))
		case bytesOf:
		case opaque, sizes32, sizes64:
			err = l.checkViews(dt, n, bufs, kids)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var errShort = errors.New("a buffer is too short for its column")

// behind is how much there is for the offsets of buffer i to point into.
func behind(i int, bufs []*memory.Buffer, kids []arrow.ArrayData) int {
	switch {
	case len(kids) > 0:
		return kids[0].Len()
	case i+1 < len(bufs) && bufs[i+1] != nil:
		return bufs[i+1].Len()
	}
	return 0
}

// checkOffsets proves that n+1 offsets rise from 0 or more to limit or less.
func checkOffsets(b *memory.Buffer, n int, wide bool, limit int) error {
	if wide {
		if b.Len() < 8*(n+1) {
			return errShort
		}
		return rising(arrow.Int64Traits.CastFromBytes(b.Bytes())[:n+1], int64(limit))
	}
	if b.Len() < 4*(n+1) {
		return errShort
	}
	return rising(arrow.Int32Traits.CastFromBytes(b.Bytes())[:n+1], int64(limit))
}

func rising[T int32 | int64](v []T, limit int64) error {
	last := T(0)
	for _, x := range v {
		if x < last {
			return errors.New("offsets do not rise")
		}
		last = x
	}
	if int64(last) > limit {
		return errors.New("offsets lead beyond the values")
	}
	return nil
}

// checkViews checks what arrow-go checks of arrays that point at random into
// others; of unions nothing more is read.
func (l *layout) checkViews(dt arrow.DataType, n int, bufs []*memory.Buffer, kids []arrow.ArrayData) error {
	switch dt.ID() {
	case arrow.STRING_VIEW, arrow.BINARY_VIEW:
		if bufs[1].Len() < n*arrow.ViewHeaderSizeBytes {
			return errShort
		}
		heads := arrow.ViewHeaderTraits.CastFromBytes(bufs[1].Bytes())[:n]
		for i := range heads {
			h := &heads[i]
			if h.Len() < 0 {
				return errors.New("a view has a negative length")
			}
			if h.IsInline() {
				continue
			}
			at := int64(h.BufferIndex()) + 2
			if at < 2 || at >= int64(len(bufs)) || h.BufferOffset() < 0 || int64(h.BufferOffset())+int64(h.Len()) > int64(bufs[at].Len()) {
				return errors.New("a view leads beyond the values")
			}
		}
	case arrow.LIST_VIEW, arrow.LARGE_LIST_VIEW:
		return checkListView(dt.ID() == arrow.LARGE_LIST_VIEW, n, bufs, kids[0].Len())
	}
	return nil
}

func checkListView(wide bool, n int, bufs []*memory.Buffer, limit int) error {
	w := 4
	if wide {
		w = 8
	}
	if bufs[1].Len() < n*w || bufs[2].Len() < n*w {
		return errShort
	}
	if wide {
		return within(arrow.Int64Traits.CastFromBytes(bufs[1].Bytes())[:n], arrow.Int64Traits.CastFromBytes(bufs[2].Bytes())[:n], int64(limit))
	}
	return within(arrow.Int32Traits.CastFromBytes(bufs[1].Bytes())[:n], arrow.Int32Traits.CastFromBytes(bufs[2].Bytes())[:n], int64(limit))
}

func within[T int32 | int64](offsets, sizes []T, limit int64) error {
	for i, o := range offsets {
		if o < 0 || sizes[i] < 0 || int64(o) > limit || int64(sizes[i]) > limit-int64(o) {
			return errors.New("a list leads beyond its values")
		}
	}
	return nil
}

// checkCodes proves that the codes of rows that are not null are those of a
// dictionary of size values.
func checkCodes(dt arrow.DataType, n int, bufs []*memory.Buffer, size int) error {
	valid := bufs[0]
	bad := func(i int) bool { return valid == nil || valid.Bytes()[i>>3]>>(i&7)&1 != 0 }
	b := bufs[1].Bytes()
	d, _ := dt.(*arrow.DictionaryType)
	ok := true
	switch d.IndexType.ID() {
	case arrow.INT8:
		ok = codes(arrow.Int8Traits.CastFromBytes(b)[:n], size, bad)
	case arrow.UINT8:
		ok = codes(arrow.Uint8Traits.CastFromBytes(b)[:n], size, bad)
	case arrow.INT16:
		ok = codes(arrow.Int16Traits.CastFromBytes(b)[:n], size, bad)
	case arrow.UINT16:
		ok = codes(arrow.Uint16Traits.CastFromBytes(b)[:n], size, bad)
	case arrow.INT32:
		ok = codes(arrow.Int32Traits.CastFromBytes(b)[:n], size, bad)
	case arrow.UINT32:
		ok = codes(arrow.Uint32Traits.CastFromBytes(b)[:n], size, bad)
	case arrow.INT64:
		ok = codes(arrow.Int64Traits.CastFromBytes(b)[:n], size, bad)
	case arrow.UINT64:
		ok = codes(arrow.Uint64Traits.CastFromBytes(b)[:n], size, bad)
	default:
		return fmt.Errorf("codes of type %s are not supported", d.IndexType)
	}
	if !ok {
		return errors.New("a code is beyond its dictionary")
	}
	return nil
}

func codes[T int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64](v []T, size int, bad func(i int) bool) bool {
	for i, c := range v {
		if (c < 0 || uint64(c) >= uint64(size)) && bad(i) {
			return false
		}
	}
	return true
}
