package arrow

import (
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/internal/kernel"
)

// batchRows is how many rows small batches are joined to.
const batchRows = 64 << 10

// encoder begins the files of a sink.
type encoder struct{ compression, form string }

var _ files.Encoder = encoder{}

// Extension implements files.Encoder.
func (e encoder) Extension() string {
	if e.form == "stream" {
		return ".arrows"
	}
	return ".arrow"
}

// Open implements files.Encoder. The label is in the schema's metadata.
func (e encoder) Open(w io.Writer, label string, schema *arrow.Schema) (files.RowWriter, error) {
	fields := make([]arrow.Field, schema.NumFields())
	for i, f := range schema.Fields() {
		if f.Type.ID() == arrow.DICTIONARY {
			f.Type = arrow.BinaryTypes.String
		}
		fields[i] = arrow.Field{Name: f.Name, Type: f.Type, Nullable: true}
	}
	md := arrow.NewMetadata([]string{"idag.label"}, []string{label})
	out := &writer{mem: memory.DefaultAllocator, schema: arrow.NewSchema(fields, &md)}
	opts := []ipc.Option{ipc.WithSchema(out.schema), ipc.WithAllocator(out.mem)}
	switch e.compression {
	case "lz4", "":
		opts = append(opts, ipc.WithLZ4())
	case "zstd":
		opts = append(opts, ipc.WithZstd())
	}
	if e.form == "stream" {
		out.to = ipc.NewWriter(w, opts...)
		return out, nil
	}
	to, err := ipc.NewFileWriter(w, opts...)
	if err != nil {
		return nil, err
	}
	out.to = to
	return out, nil
}

// writer writes one file. It keeps batches until they are enough for one.
type writer struct {
	mem    memory.Allocator
	schema *arrow.Schema
	to     interface {
		Write(arrow.RecordBatch) error
		Close() error
	}
	kept []arrow.RecordBatch
	rows int64
}

// Write implements files.RowWriter.
func (w *writer) Write(b arrow.RecordBatch) error {
	b.Retain()
	w.kept = append(w.kept, b)
	if w.rows += b.NumRows(); w.rows < batchRows {
		return nil
	}
	return w.flush()
}

// flush writes what was kept as one batch.
func (w *writer) flush() error {
	kept := w.kept
	defer func() {
		for _, b := range kept {
			b.Release()
		}
	}()
	w.kept = nil
	if w.rows == 0 {
		return nil
	}
	columns := make([]arrow.Array, w.schema.NumFields())
	defer releaseArrays(columns)
	for i := range columns {
		var err error
		if columns[i], err = w.join(kept, i); err != nil {
			return err
		}
	}
	out := array.NewRecordBatch(w.schema, columns, w.rows)
	defer out.Release()
	w.rows = 0
	return w.to.Write(out)
}

// join returns column i of all batches, with texts plain.
func (w *writer) join(list []arrow.RecordBatch, i int) (arrow.Array, error) {
	parts := make([]arrow.Array, len(list))
	defer releaseArrays(parts)
	for k, b := range list {
		parts[k] = w.plain(b.Column(i))
	}
	if len(parts) == 1 {
		parts[0].Retain()
		return parts[0], nil
	}
	return kernel.Concat(w.mem, parts)
}

// plain spells a dictionary as its texts.
func (w *writer) plain(a arrow.Array) arrow.Array {
	d, ok := a.(*array.Dictionary)
	if !ok {
		a.Retain()
		return a
	}
	texts, _ := d.Dictionary().(*array.String)
	b := array.NewStringBuilder(w.mem)
	defer b.Release()
	b.Reserve(d.Len())
	for i := range d.Len() {
		if c := d.GetValueIndex(i); d.IsNull(i) || texts.IsNull(c) {
			b.AppendNull()
		} else {
			b.Append(texts.Value(c))
		}
	}
	return b.NewArray()
}

// Close implements files.RowWriter.
func (w *writer) Close() error {
	return errors.Join(w.flush(), w.to.Close())
}
