package json

import (
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// flushAt is how many bytes of lines are written at a time.
const flushAt = 64 << 10

// encoder writes JSON lines.
type encoder struct {
	nulls       bool // are written
	compression string
}

var _ files.Encoder = encoder{}

// Extension implements files.Encoder.
func (e encoder) Extension() string {
	switch e.compression {
	case "gzip":
		return ".jsonl.gz"
	case "zstd":
		return ".jsonl.zst"
	}
	return ".jsonl"
}

// Open implements files.Encoder.
func (e encoder) Open(w io.Writer, _ string, schema *arrow.Schema) (files.RowWriter, error) {
	rw := &rowWriter{w: w, nulls: e.nulls}
	for _, f := range schema.Fields() {
		c, err := newCell(f.Name, f.Type)
		if err != nil {
			return nil, err
		}
		rw.cells = append(rw.cells, c)
	}
	switch e.compression {
	case "gzip":
		rw.pack = gzip.NewWriter(w)
	case "zstd":
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		rw.pack = z
	}
	if rw.pack != nil {
		rw.w = rw.pack
	}
	return rw, nil
}

// rowWriter writes the rows of one file.
type rowWriter struct {
	w     io.Writer
	pack  io.WriteCloser // that w is, or nil
	nulls bool
	cells []*cell
	buf   []byte
}

// Write implements files.RowWriter.
func (w *rowWriter) Write(b arrow.RecordBatch) error {
	if int(b.NumCols()) != len(w.cells) {
		return fault.New(fault.Bug, "json: a batch of %d columns for a file of %d", b.NumCols(), len(w.cells))
	}
	for i, c := range w.cells {
		if err := c.set(b.Column(i)); err != nil {
			return err
		}
	}
	for i := range int(b.NumRows()) {
		w.buf = appendFields(w.buf, w.cells, i, w.nulls)
		w.buf = append(w.buf, '\n')
		if len(w.buf) >= flushAt {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	for _, c := range w.cells {
		c.forget()
	}
	return w.flush()
}

// Close implements files.RowWriter.
func (w *rowWriter) Close() error {
	if w.pack == nil {
		return nil
	}
	return w.pack.Close()
}

func (w *rowWriter) flush() error {
	_, err := w.w.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// cell is a column that is being written, or one within a nested column.
type cell struct {
	kind  kind
	typ   arrow.DataType
	key   []byte // "name":
	cells []*cell

	a       arrow.Array // borrowed during a Write
	nulls   bool
	ints    []int64
	floats  []float64
	texts   *array.String
	codes   *array.Dictionary
	offsets []int32
	from    int // of values of a struct in its fields
}

func newCell(name string, dt arrow.DataType) (*cell, error) {
	c := &cell{kind: kindOf(dt), typ: dt, key: append(appendQuoted(nil, []byte(name)), ':')}
	inner := []arrow.Field{}
	switch dt := dt.(type) {
	case *arrow.StructType:
		inner = dt.Fields()
	case *arrow.ListType:
		inner = append(inner, arrow.Field{Name: name, Type: dt.Elem()})
	case *arrow.MapType:
		if k := kindOf(dt.KeyType()); k >= kindStruct {
			c.kind = 0
		}
		inner = append(inner, arrow.Field{Name: name, Type: dt.KeyType()}, arrow.Field{Name: name, Type: dt.ItemType()})
	}
	if c.kind == 0 {
		return nil, fault.New(fault.Invalid, "json: column %s is of type %s, which JSON lines cannot hold", name, dt)
	}
	for _, f := range inner {
		f, err := newCell(f.Name, f.Type)
		if err != nil {
			return nil, err
		}
		c.cells = append(c.cells, f)
	}
	return c, nil
}

// set makes a the array that values are written of.
func (c *cell) set(a arrow.Array) error {
	c.a, c.nulls = a, a.NullN() > 0
	var inner []arrow.Array
	switch a := a.(type) {
	case *array.Int64:
		c.ints = a.Int64Values()
	case *array.Float64:
		c.floats = a.Float64Values()
	case *array.String:
		c.texts, c.codes = a, nil
	case *array.Dictionary:
		d, ok := a.Dictionary().(*array.String)
		if !ok {
			return fault.New(fault.Bug, "json: a dictionary of %s", a.Dictionary().DataType())
		}
		c.texts, c.codes = d, a
		c.nulls = c.nulls || d.NullN() > 0
	case *array.Struct:
		c.from = 0 // Field has the offset applied
		for i := range a.NumField() {
			inner = append(inner, a.Field(i))
		}
	case *array.Map:
		c.offsets = offsetsOf(a)
		inner = append(inner, a.Keys(), a.Items())
	case *array.List:
		c.offsets = offsetsOf(a)
		inner = append(inner, a.ListValues())
	}
	if kindOf(a.DataType()) != c.kind || len(inner) != len(c.cells) {
		return fault.New(fault.Bug, "json: an array of %s for a column of %s", a.DataType(), c.typ)
	}
	for i, in := range inner {
		if err := c.cells[i].set(in); err != nil {
			return err
		}
	}
	return nil
}

// offsetsOf returns where the values of a list begin, the offset of the array
// itself applied.
func offsetsOf(a array.ListLike) []int32 {
	out := make([]int32, a.Len()+1)
	for i := range a.Len() {
		from, to := a.ValueOffsets(i)
		out[i], out[i+1] = int32(from), int32(to)
	}
	return out
}

func (c *cell) forget() {
	*c = cell{kind: c.kind, typ: c.typ, key: c.key, cells: c.cells}
	for _, f := range c.cells {
		f.forget()
	}
}

func (c *cell) null(i int) bool {
	if !c.nulls {
		return false
	}
	return c.a.IsNull(i) || c.codes != nil && c.texts.IsNull(c.codes.GetValueIndex(i))
}

// appendFields writes an object of the values number i of cells.
func appendFields(dst []byte, cells []*cell, i int, nulls bool) []byte {
	dst = append(dst, '{')
	empty := len(dst)
	for _, c := range cells {
		null := c.null(i)
		if null && !nulls {
			continue
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dst = append(dst, c.key...)
		if null {
			dst = append(dst, "null"...)
			continue
		}
		dst = c.value(dst, i, nulls)
	}
	return append(dst, '}')
}

// value writes value i, which is not null.
func (c *cell) value(dst []byte, i int, nulls bool) []byte {
	switch c.kind {
	case kindInt:
		return appendInt(dst, c.ints[i])
	case kindFloat:
		return appendFloat(dst, c.floats[i])
	case kindText:
		if c.codes != nil {
			i = c.codes.GetValueIndex(i)
		}
		return appendQuoted(dst, bytesOf(c.texts.Value(i)))
	case kindStruct:
		return appendFields(dst, c.cells, i, nulls)
	case kindList:
		dst = append(dst, '[')
		for k := c.offsets[i]; k < c.offsets[i+1]; k++ {
			if k > c.offsets[i] {
				dst = append(dst, ',')
			}
			dst = c.cells[0].orNull(dst, int(k), nulls)
		}
		return append(dst, ']')
	case kindMap:
		return c.mapping(dst, i, nulls)
	default:
		return c.scalar(dst, i)
	}
}

func (c *cell) orNull(dst []byte, i int, nulls bool) []byte {
	if c.null(i) {
		return append(dst, "null"...)
	}
	return c.value(dst, i, nulls)
}

// mapping writes a map as an object; keys are strings, whatever they are.
func (c *cell) mapping(dst []byte, i int, nulls bool) []byte {
	dst = append(dst, '{')
	for k := c.offsets[i]; k < c.offsets[i+1]; k++ {
		if k > c.offsets[i] {
			dst = append(dst, ',')
		}
		at := len(dst)
		dst = c.cells[0].orNull(dst, int(k), nulls)
		if dst[at] != '"' {
			dst = append(slices.Insert(dst, at, '"'), '"')
		}
		dst = append(dst, ':')
		dst = c.cells[1].orNull(dst, int(k), nulls)
	}
	return append(dst, '}')
}
