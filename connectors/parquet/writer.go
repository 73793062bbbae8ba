package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/zeebo/xxh3"
)

// WriterOptions say how a file is written. The zero value is what the sink
// does by default.
type WriterOptions struct {
	Compression  string            // snappy (the default), zstd, gzip or none
	RowGroupRows int               // rows of a row group at the most; 0 is 131,072
	Metadata     map[string]string // for the footer
}

// Writer writes one Parquet file. It holds one row group, encoded, in memory,
// and keeps a reference to the last dictionary of each string column, which
// Close releases: Close must be called, after an error too. A Writer is not
// safe for concurrent use.
type Writer struct {
	out     io.Writer
	offset  int64
	schema  *arrow.Schema
	options WriterOptions
	parts   []*part        // by column
	columns []*chunkWriter // the leaves of all parts
	rows    int            // of the row group under way
	total   int64
	groups  []format.RowGroup
	indexes [][]chunkIndex
	pressed *compressor
	done    []string // of the rows of the row group under way
	header  fileHeader
	sum     *xxh3.Hasher // of the chunk under way
	err     error
}

// NewWriter starts a file of the schema on out, which it never closes. Fields
// that are not nullable are required columns. The types are the engine's.
func NewWriter(out io.Writer, schema *arrow.Schema, o WriterOptions) (*Writer, error) {
	if o.RowGroupRows <= 0 {
		o.RowGroupRows = defaultGroupRows
	}
	pressed, err := newCompressor(o.Compression)
	if err != nil {
		return nil, err
	}
	w := &Writer{out: out, schema: schema, options: o, pressed: pressed, sum: xxh3.New()}
	for _, f := range schema.Fields() {
		p, err := w.newPart(f, nil, 0, 0)
		if err == nil && !types.Supported(f.Type) {
			err = fmt.Errorf("type %s cannot be written", f.Type)
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "column %q: %w", f.Name, err)
		}
		w.parts = append(w.parts, p)
	}
	if len(w.columns) == 0 {
		return nil, fault.New(fault.Invalid, "a Parquet file needs a column")
	}
	return w, w.write([]byte("PAR1"))
}

// Write appends the rows of b, whose columns must be those of the schema, in
// order. A string column may come as a dictionary or plain, in each batch anew.
func (w *Writer) Write(b arrow.RecordBatch) error {
	if w.err != nil {
		return w.err
	}
	if int(b.NumCols()) != len(w.parts) {
		return fault.New(fault.Bug, "parquet: a batch of %d columns for a file of %d", b.NumCols(), len(w.parts))
	}
	for from, rows := 0, int(b.NumRows()); from < rows; {
		n := min(rows-from, w.options.RowGroupRows-w.rows)
		for i, p := range w.parts {
			if err := p.write(b.Column(i), from, n); err != nil {
				w.err = fault.New(fault.Invalid, "column %q: %w", w.schema.Field(i).Name, err)
				return w.err
			}
		}
		from += n
		w.rows += n
		if w.rows == w.options.RowGroupRows {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close writes what is left and the footer; without it there is no file. After
// an error it only releases what w holds and returns that error.
func (w *Writer) Close() error {
	defer w.release()
	if w.err != nil {
		return w.err
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.writeIndexes(); err != nil {
		return err
	}
	m := w.footer()
	if err := w.sign(m); err != nil {
		return err
	}
	slices.SortFunc(m.KeyValueMetadata, func(a, b format.KeyValue) int { return strings.Compare(a.Key, b.Key) })
	footer, err := thrift.Marshal(&thrift.CompactProtocol{}, m)
	if err != nil {
		return err
	}
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))
	if err := w.write(append(footer, "PAR1"...)); err != nil {
		return err
	}
	w.err = errWriterClosed
	return nil
}

var errWriterClosed = errors.New("parquet: the writer is closed")

// release lets go of what the columns hold.
func (w *Writer) release() {
	for _, c := range w.columns {
		c.reset()
	}
}

func (w *Writer) write(b []byte) error {
	n, err := w.out.Write(b)
	w.offset += int64(n)
	if err != nil {
		w.err = err
	}
	return err
}

// writeSummed writes bytes of a chunk.
func (w *Writer) writeSummed(b []byte) error {
	_, _ = w.sum.Write(b) // a hash takes everything
	return w.write(b)
}

// flush writes the row group under way.
func (w *Writer) flush() error {
	if w.rows == 0 {
		return nil
	}
	g := format.RowGroup{
		NumRows: int64(w.rows), FileOffset: w.offset, Ordinal: int16(min(len(w.groups), 1<<15-1)),
		Columns: make([]format.ColumnChunk, len(w.columns)),
	}
	indexes := make([]chunkIndex, len(w.columns))
	sums := make([]string, len(w.columns))
	for i, c := range w.columns {
		w.sum.Reset()
		meta, index, err := c.finish(w.offset, w.writeSummed)
		if err != nil {
			w.err = err
			return err
		}
		meta.PathInSchema = thrift.Slice[string](c.path)
		g.Columns[i] = format.ColumnChunk{MetaData: meta}
		g.TotalByteSize += meta.TotalUncompressedSize
		g.TotalCompressedSize += meta.TotalCompressedSize
		indexes[i], sums[i] = index, spellSum(w.sum.Sum64())
	}
	w.noteGroup(g.NumRows, sums)
	w.groups = append(w.groups, g)
	w.indexes = append(w.indexes, indexes)
	w.total += int64(w.rows)
	w.rows = 0
	return nil
}

// writeIndexes writes the page index: for every chunk the bounds of its pages,
// then for every chunk where they lie.
func (w *Writer) writeIndexes() error {
	for g := range w.groups {
		for i := range w.groups[g].Columns {
			if w.indexes[g][i].unbounded {
				continue
			}
			at := w.offset
			if err := w.marshal(&w.indexes[g][i].bounds); err != nil {
				return err
			}
			w.groups[g].Columns[i].ColumnIndexOffset = at
			w.groups[g].Columns[i].ColumnIndexLength = int32(w.offset - at)
		}
	}
	for g := range w.groups {
		for i := range w.groups[g].Columns {
			at := w.offset
			if err := w.marshal(&w.indexes[g][i].pages); err != nil {
				return err
			}
			w.groups[g].Columns[i].OffsetIndexOffset = at
			w.groups[g].Columns[i].OffsetIndexLength = int32(w.offset - at)
		}
	}
	return nil
}

func (w *Writer) marshal(v any) error {
	b, err := thrift.Marshal(&thrift.CompactProtocol{}, v)
	if err != nil {
		return err
	}
	return w.write(b)
}

func (w *Writer) footer() *format.FileMetaData {
	m := &format.FileMetaData{
		Version:   2,
		NumRows:   w.total,
		RowGroups: w.groups,
		CreatedBy: createdBy + " version 1.0.0 (build 0)",
	}
	if m.RowGroups == nil {
		m.RowGroups = []format.RowGroup{}
	}
	m.Schema = append(m.Schema, format.SchemaElement{Name: "schema", NumChildren: thrift.New(int32(len(w.parts)))})
	for _, p := range w.parts {
		m.Schema = p.elements(m.Schema)
	}
	var intervals []string
	for i, c := range w.columns {
		if c.typ.ID() == arrow.DURATION {
			intervals = append(intervals, strconv.Itoa(i))
		}
		m.ColumnOrders = append(m.ColumnOrders, format.ColumnOrder{Value: new(format.TypeDefinedOrder)})
	}
	if intervals != nil {
		m.KeyValueMetadata = append(m.KeyValueMetadata, format.KeyValue{Key: intervalKey, Value: strings.Join(intervals, ",")})
	}
	for k, v := range w.options.Metadata {
		m.KeyValueMetadata = append(m.KeyValueMetadata, format.KeyValue{Key: k, Value: v})
	}
	return m
}

func schemaElement(f arrow.Field) format.SchemaElement {
	e := format.SchemaElement{Name: f.Name, RepetitionType: thrift.New(format.Required)}
	if f.Nullable {
		e.RepetitionType = thrift.New(format.Optional)
	}
	e.Type = thrift.New(physicalType(f.Type))
	switch f.Type.ID() {
	case arrow.STRING, arrow.DICTIONARY:
		e.ConvertedType = thrift.New(deprecated.UTF8)
		e.LogicalType.Value = new(format.StringType)
	case arrow.TIMESTAMP:
		e.ConvertedType = thrift.New(deprecated.TimestampMicros)
		e.LogicalType.Value = &format.TimestampType{IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: new(format.MicroSeconds)}}
	case arrow.DECIMAL128:
		if d, ok := f.Type.(*arrow.Decimal128Type); ok {
			e.ConvertedType, e.Precision, e.Scale = thrift.New(deprecated.Decimal), thrift.New(d.Precision), thrift.New(d.Scale)
			e.LogicalType.Value = &format.DecimalType{Precision: d.Precision, Scale: d.Scale}
			if decimalPhysical(d) == format.FixedLenByteArray {
				e.TypeLength = thrift.New(int32(16))
			}
		}
	case arrow.DATE32:
		e.ConvertedType = thrift.New(deprecated.Date)
		e.LogicalType.Value = new(format.DateType)
	}
	return e
}

func physicalType(dt arrow.DataType) format.Type {
	switch dt.ID() {
	case arrow.BOOL:
		return format.Boolean
	case arrow.FLOAT64:
		return format.Double
	case arrow.DATE32:
		return format.Int32
	case arrow.STRING, arrow.DICTIONARY, arrow.BINARY:
		return format.ByteArray
	case arrow.DECIMAL128:
		if d, ok := dt.(*arrow.Decimal128Type); ok {
			return decimalPhysical(d)
		}
	}
	return format.Int64
}
