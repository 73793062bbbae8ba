package parquet

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/parquet-go/parquet-go/format"
)

// decimalEncoder lays out decimals as 4 or 8 bytes where the precision allows it,
// else as 16, the highest first. It keeps no bounds.
type decimalEncoder struct {
	typ    *arrow.Decimal128Type
	values []byte
}

// physical is the type that decimals of a precision are written as.
func decimalPhysical(dt *arrow.Decimal128Type) format.Type {
	switch {
	case dt.Precision <= 9:
		return format.Int32
	case dt.Precision <= 18:
		return format.Int64
	}
	return format.FixedLenByteArray
}

func (e *decimalEncoder) size() (int, int) { return len(e.values), pageRows }

func (e *decimalEncoder) add(a arrow.Array, from, n int, valid []byte, off int) error {
	d, ok := a.(*array.Decimal128)
	if !ok || !arrow.TypeEqual(a.DataType(), e.typ) {
		return wrongType(a, e.typ)
	}
	physical := decimalPhysical(e.typ)
	for i := from; i < from+n; i++ {
		if valid != nil && !bitSet(valid, off+i) {
			continue
		}
		v := d.Value(i)
		switch physical {
		case format.Int32:
			e.values = binary.LittleEndian.AppendUint32(e.values, uint32(v.LowBits()))
		case format.Int64:
			e.values = binary.LittleEndian.AppendUint64(e.values, v.LowBits())
		default:
			e.values = binary.BigEndian.AppendUint64(e.values, uint64(v.HighBits()))
			e.values = binary.BigEndian.AppendUint64(e.values, v.LowBits())
		}
	}
	return nil
}

func (e *decimalEncoder) page() encodedPage {
	p := encodedPage{values: e.values, enc: format.Plain}
	e.values = e.values[:0]
	return p
}

func (e *decimalEncoder) chunk() encodedChunk { return encodedChunk{} }

func (e *decimalEncoder) reset() { e.values = e.values[:0] }
