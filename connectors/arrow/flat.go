package arrow

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	flatbuffers "github.com/google/flatbuffers/go"
)

// The tables of Arrow's metadata (format/Message.fbs, Schema.fbs and File.fbs)
// are read here by their slots: what is needed of them is little, and the
// generated code is not to be imported. An offset that leads out of the bytes
// panics, which guard turns into an error.

// slot is the place of a table's field n in its vtable.
func slot(n int) flatbuffers.VOffsetT { return flatbuffers.VOffsetT(4 + 2*n) }

// table is a flatbuffer table.
type table struct{ flatbuffers.Table }

func root(b []byte) table {
	return table{flatbuffers.Table{Bytes: b, Pos: flatbuffers.GetUOffsetT(b)}}
}

func (t *table) sub(n int) (table, bool) {
	o := flatbuffers.UOffsetT(t.Offset(slot(n)))
	if o == 0 {
		return table{}, false
	}
	return table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(o + t.Pos)}}, true
}

func (t *table) union(n int) (table, bool) {
	o := flatbuffers.UOffsetT(t.Offset(slot(n)))
	if o == 0 {
		return table{}, false
	}
	var out table
	t.Union(&out.Table, o)
	return out, true
}

func (t *table) int64(n int) int64 { return t.GetInt64Slot(slot(n), 0) }

// vector returns where a vector begins and how many elements it has; size is
// that of one.
func (t *table) vector(n, size int) (at flatbuffers.UOffsetT, length int) {
	o := flatbuffers.UOffsetT(t.Offset(slot(n)))
	if o == 0 {
		return 0, 0
	}
	length, at = t.VectorLen(o), t.Vector(o)
	if length < 0 || int64(at)+int64(length)*int64(size) > int64(len(t.Bytes)) {
		panic("a vector is longer than its message")
	}
	return at, length
}

// tables returns a vector of tables.
func (t *table) tables(n int) []table {
	at, length := t.vector(n, 4)
	out := make([]table, length)
	for i := range out {
		out[i] = table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(at + flatbuffers.UOffsetT(4*i))}}
	}
	return out
}

// pair is a FieldNode (length and null count) or a Buffer (offset and length).
type pair struct{ a, b int64 }

func (t *table) pairs(n int) []pair {
	at, length := t.vector(n, 16)
	out := make([]pair, length)
	for i := range out {
		p := t.Bytes[int(at)+16*i:]
		out[i] = pair{int64(binary.LittleEndian.Uint64(p)), int64(binary.LittleEndian.Uint64(p[8:]))}
	}
	return out
}

// block is where a message lies in a file.
type block struct {
	at   int64 // of its body's first byte
	body int64 // bytes
	meta []byte
}

func (t *table) blocks(n int) []pair {
	at, length := t.vector(n, 24)
	out := make([]pair, length)
	for i := range out {
		p := t.Bytes[int(at)+24*i:]
		out[i] = pair{int64(binary.LittleEndian.Uint64(p)), int64(binary.LittleEndian.Uint32(p[8:]))}
	}
	return out
}

// Kinds of messages.
const (
	msgSchema     = 1
	msgDictionary = 2
	msgBatch      = 3
)

// message is the metadata of one.
type message struct {
	kind   byte
	header table
	body   int64
}

func readMessage(meta []byte) (m message, err error) {
	err = guard(func() error {
		t := root(meta)
		var ok bool
		m.kind, m.body = t.GetByteSlot(slot(1), 0), t.int64(3)
		if m.header, ok = t.union(2); !ok || m.body < 0 {
			return errors.New("a message has no header")
		}
		return nil
	})
	return m, err
}

// guard calls f; a panic there means bytes that are not what they should be.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it is corrupt: %v", p)
		}
	}()
	return f()
}

// schemaOf reads the schema message, whose types arrow-go decodes, and the
// number of each dictionary.
func schemaOf(meta []byte) (*arrow.Schema, []node, error) {
	var schema *arrow.Schema
	var nodes []node
	err := guard(func() error {
		m, err := readMessage(meta)
		if err != nil {
			return err
		}
		if err := verify(m.header); err != nil {
			return err
		}
		framed := binary.LittleEndian.AppendUint32([]byte{0xff, 0xff, 0xff, 0xff}, uint32(len(meta)))
		r, err := ipc.NewReader(bytes.NewReader(append(framed, meta...)), ipc.WithEnsureNativeEndian(false))
		if err != nil {
			return err
		}
		defer r.Release()
		schema = r.Schema()
		if m.header.GetInt16Slot(slot(0), 0) != 0 {
			return errors.New("it was written on a machine with the highest byte first, which is not supported")
		}
		fields := m.header.tables(1)
		if len(fields) != schema.NumFields() {
			return errors.New("its schema contradicts itself")
		}
		for i, f := range fields {
			nodes = append(nodes, nodeOf(f, schema.Field(i).Type, 0))
		}
		return nil
	})
	return schema, nodes, err
}

// maxFields is how many fields a schema has at the most, nested ones counted.
const maxFields = 1 << 17

// verify proves that the vectors of a schema end where its message does, before
// arrow-go makes room for what they claim to have.
func verify(schema table) error {
	schema.tables(2) // metadata
	return verifyFields(schema.tables(1), 0, new(int))
}

func verifyFields(fields []table, depth int, seen *int) error {
	const union = 14
	if *seen += len(fields); *seen > maxFields || depth > maxDepth {
		return errors.New("its schema has too many fields")
	}
	for _, f := range fields {
		f.tables(6) // metadata
		if t, ok := f.union(3); ok && f.GetByteSlot(slot(2), 0) == union {
			t.vector(1, 4)
		}
		if err := verifyFields(f.tables(5), depth+1, seen); err != nil {
			return err
		}
	}
	return nil
}

// node is a type with the numbers of the dictionaries in it.
type node struct {
	typ      arrow.DataType
	dict     int64 // its dictionary, if it is of a DictionaryType
	children []node
}

const maxDepth = 64

func nodeOf(f table, dt arrow.DataType, depth int) node {
	if depth > maxDepth {
		panic("its types are nested too deep")
	}
	n := node{typ: dt, dict: -1}
	if e, ok := f.sub(4); ok {
		n.dict = e.int64(0)
	}
	if d, ok := dt.(*arrow.DictionaryType); ok {
		dt = d.ValueType
	}
	if x, ok := dt.(arrow.ExtensionType); ok {
		dt = x.StorageType()
	}
	if d, ok := dt.(*arrow.DictionaryType); ok { // the storage of an extension
		dt = d.ValueType
	}
	nested, ok := dt.(arrow.NestedType)
	if !ok {
		return n
	}
	kids, fields := f.tables(5), nested.Fields()
	if len(kids) != len(fields) {
		panic("its schema contradicts itself")
	}
	for i, k := range kids {
		n.children = append(n.children, nodeOf(k, fields[i].Type, depth+1))
	}
	return n
}
