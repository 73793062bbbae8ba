package codec

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	flatbuffers "github.com/google/flatbuffers/go"
)

// MessageKind is what a message of an Arrow stream is (format/Message.fbs).
type MessageKind byte

// The kinds of messages.
const (
	SchemaMessage     MessageKind = 1
	DictionaryMessage MessageKind = 2
	BatchMessage      MessageKind = 3
)

// Limits of a schema.
const (
	maxFields = 1 << 16
	maxDepth  = 64
)

var errMessage = errors.New("its metadata is corrupt")

// Verify returns the kind of a message, of which meta is the metadata, and the length of
// its body, after every vector in it that arrow-go makes room for has been found to end
// where the message does.
func Verify(meta []byte) (kind MessageKind, body int64, err error) {
	defer func() {
		if recover() != nil { // an offset leads out of the bytes
			err = errMessage
		}
	}()
	if len(meta) < 8 {
		return 0, 0, errMessage
	}
	m := table{flatTable(meta)}
	kind, body = MessageKind(m.GetByteSlot(slot(1), 0)), m.GetInt64Slot(slot(3), 0)
	m.tables(4) // its own metadata
	header := m.union(2)
	if header == nil || body < 0 {
		return 0, 0, errMessage
	}
	if kind == SchemaMessage {
		header.tables(2) // metadata
		return kind, body, verifyFields(header.tables(1), 0, new(int))
	}
	return kind, body, nil
}

func verifyFields(fields []table, depth int, seen *int) error {
	const union = 14
	if *seen += len(fields); *seen > maxFields || depth > maxDepth {
		return errMessage
	}
	for _, f := range fields {
		f.tables(6) // metadata
		if t := f.union(3); t != nil && f.GetByteSlot(slot(2), 0) == union {
			t.vector(1, 4)
		}
		if err := verifyFields(f.tables(5), depth+1, seen); err != nil {
			return err
		}
	}
	return nil
}

// table is a flatbuffer table. Its methods panic where it leads out of the bytes.
type table struct{ flatbuffers.Table }

// flatTable is the outermost table of a message's metadata.
func flatTable(meta []byte) flatbuffers.Table {
	return flatbuffers.Table{Bytes: meta, Pos: flatbuffers.GetUOffsetT(meta)}
}

// slot is the place of a table's field n in its vtable.
func slot(n int) flatbuffers.VOffsetT { return flatbuffers.VOffsetT(4 + 2*n) }

func (t *table) union(n int) *table {
	o := flatbuffers.UOffsetT(t.Offset(slot(n)))
	if o == 0 {
		return nil
	}
	var out table
	t.Union(&out.Table, o)
	return &out
}

// vector returns where a vector begins and how many elements it has; size is that of one.
func (t *table) vector(n, size int) (at flatbuffers.UOffsetT, length int) {
	o := flatbuffers.UOffsetT(t.Offset(slot(n)))
	if o == 0 {
		return 0, 0
	}
	length, at = t.VectorLen(o), t.Vector(o)
	if length < 0 || int64(at)+int64(length)*int64(size) > int64(len(t.Bytes)) {
		panic(errMessage)
	}
	return at, length
}

func (t *table) tables(n int) []table {
	at, length := t.vector(n, 4)
	out := make([]table, length)
	for i := range out {
		out[i] = table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(at + flatbuffers.UOffsetT(4*i))}}
	}
	return out
}

// Checker finds out whether arrays of another process are what they say: kernels trust
// offsets, codes and numbers of nulls. Dictionaries that many batches share are looked at
// once. The zero value is ready.
type Checker struct{ known map[arrow.ArrayData]bool }

// Batch returns an error for a batch that is not what it says or not of the engine's types.
func (c *Checker) Batch(b arrow.RecordBatch) error {
	for i, a := range b.Columns() {
		if err := c.array(a, 0); err != nil {
			return fmt.Errorf("column %s: %w", b.ColumnName(i), err)
		}
		if int64(a.Len()) != b.NumRows() {
			return fmt.Errorf("column %s has %d rows of %d", b.ColumnName(i), a.Len(), b.NumRows())
		}
	}
	return nil
}

func (c *Checker) array(a arrow.Array, depth int) error {
	if depth > maxDepth {
		return errMessage
	}
	if err := nulls(a); err != nil {
		return err
	}
	switch a := a.(type) {
	case *array.String:
		return offsets(a.ValueOffsets(), a.Len(), dataLen(a.Data(), 2))
	case *array.Binary:
		return offsets(a.ValueOffsets(), a.Len(), dataLen(a.Data(), 2))
	case *array.Boolean:
		if int64(a.Data().Offset()+a.Len()) > 8*int64(dataLen(a.Data(), 1)) {
			return errors.New("there are fewer values than rows")
		}
	case *array.Dictionary:
		return c.dictionary(a, depth)
	case *array.Struct:
		for i := range a.NumField() {
			if a.Field(i).Len() < a.Len() {
				return errors.New("a field has fewer rows than its struct")
			}
			if err := c.array(a.Field(i), depth+1); err != nil {
				return err
			}
		}
	case *array.Map:
		return c.list(a.List.Offsets(), a, a.ListValues(), depth)
	case *array.List:
		return c.list(a.Offsets(), a, a.ListValues(), depth)
	default:
		// What has a fixed width is as long as it has to be, or no array could be made of it.
		if _, ok := a.DataType().(arrow.FixedWidthDataType); !ok {
			return fmt.Errorf("the engine has no type %s", a.DataType())
		}
	}
	return nil
}

// nulls compares the validity of rows with how many are said to be null.
func nulls(a arrow.Array) error {
	d := a.Data()
	valid := d.Buffers()[0]
	if valid == nil || valid.Len() == 0 {
		if a.NullN() != 0 {
			return errors.New("there are nulls, but not where")
		}
		return nil
	}
	end := d.Offset() + d.Len()
	if int64(end) > 8*int64(valid.Len()) {
		return errors.New("there are fewer valid bits than rows")
	}
	if n := d.Len() - bitutil.CountSetBits(valid.Bytes(), d.Offset(), d.Len()); n != a.NullN() {
		return fmt.Errorf("%d rows are null, not %d", n, a.NullN())
	}
	return nil
}

func dataLen(d arrow.ArrayData, buffer int) int {
	if b := d.Buffers()[buffer]; b != nil {
		return b.Len()
	}
	return 0
}

// offsets checks the offsets of n values in bytes or in the values of a list.
func offsets(o []int32, n, size int) error {
	if n == 0 {
		return nil
	}
	if len(o) < n+1 {
		return errors.New("there are fewer offsets than rows")
	}
	last := int32(0)
	for _, x := range o[:n+1] {
		if x < last {
			return errors.New("offsets do not ascend")
		}
		last = x
	}
	if int64(last) > int64(size) {
		return errors.New("an offset lies behind the end")
	}
	return nil
}

func (c *Checker) list(o []int32, a arrow.Array, values arrow.Array, depth int) error {
	if from := a.Data().Offset(); a.Len() > 0 {
		if len(o) < from+a.Len()+1 {
			return errors.New("there are fewer offsets than rows")
		}
		if err := offsets(o[from:], a.Len(), values.Len()); err != nil {
			return err
		}
	}
	return c.array(values, depth+1)
}

func (c *Checker) dictionary(a *array.Dictionary, depth int) error {
	codes, ok := a.Indices().(*array.Int32)
	if !ok {
		return fmt.Errorf("the engine has no type %s", a.DataType())
	}
	size := uint32(a.Dictionary().Len())
	for i, code := range codes.Int32Values() {
		if uint32(code) >= size && codes.IsValid(i) {
			return fmt.Errorf("code %d is not in the dictionary", code)
		}
	}
	d := a.Dictionary().Data()
	if c.known[d] {
		return nil
	}
	if c.known == nil {
		c.known = map[arrow.ArrayData]bool{}
	}
	c.known[d] = true // before it is looked at: one that is bad ends everything
	return c.array(a.Dictionary(), depth+1)
}
