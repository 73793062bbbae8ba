package files

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/rdd"
)

// bufferBytes gather the many small writes of a file; larger ones pass by.
const bufferBytes = 64 << 10

// Stage writes the rows of one block where no reader can see them: one file a label into this sink's
// staging directory. It runs in an executor's slot and leaves to Publish what
// makes the files durable: a staged part need not outlive its process.
func (k *Sink) Stage(ctx context.Context, at rdd.Block, in rdd.Stream) (out rdd.Staged, err error) {
	st := &stage{sink: k, at: at}
	defer func() {
		if err != nil {
			st.drop()
		}
	}()
	for f, err := range in {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && f.Batch != nil && f.Batch.NumRows() > 0 {
			err = st.write(f)
		}
		if err != nil {
			return rdd.Staged{}, err
		}
	}
	return st.finish()
}

// stage is one Stage under way.
type stage struct {
	sink  *Sink
	at    rdd.Block
	files map[int]*stagedFile // by label
	rows  int64
}

// stagedFile is a file being written.
type stagedFile struct {
	label  string
	path   string
	f      *os.File
	size   *counter
	buffer *bufio.Writer
	w      RowWriter
	schema *arrow.Schema
	order  []int // columns of the last frame's batch, -1 for one it lacks
	last   *arrow.Schema

	arranged *arrow.Schema // of batches like the last: the file's columns, as strings happen to be spelled
}

func (st *stage) write(f *rdd.Frame) error {
	label := f.Header.Labels.First()
	if f.Header.Labels.Len() != 1 || label >= len(st.sink.env.Labels) {
		return fault.New(fault.Bug, "files: a frame for a sink bears labels %#x", uint64(f.Header.Labels))
	}
	out := st.files[label]
	if out == nil {
		var err error
		if out, err = st.open(label, f.Batch.Schema()); err != nil {
			return err
		}
	}
	if w, ok := out.w.(interface{ Done(list []string) error }); ok {
		if err := w.Done(f.Header.Done); err != nil {
			return wrapWrite(out.path, err)
		}
	}
	st.rows += f.Batch.NumRows()
	b := out.arrange(f.Batch, st.sink.env)
	defer b.Release()
	return wrapWrite(out.path, out.w.Write(b))
}

// name of the files once they are published, each in its label's directory.
func (st *stage) name() string {
	return fmt.Sprintf("part-%d-%d-%05d-%05d", st.at.Stage, st.at.Outlet, st.at.Task, st.at.Partition) + st.sink.encoder.Extension()
}

// open starts the file of a label. Its schema is the one announced for the
// label or, if none was, that of its first frame.
func (st *stage) open(label int, first *arrow.Schema) (*stagedFile, error) {
	schema := st.sink.env.Schemas[label]
	if schema == nil {
		schema = first
	}
	out := &stagedFile{label: st.sink.env.Labels[label], schema: schema}
	out.path = filepath.Join(st.sink.own, fmt.Sprintf("%06d-%s%d-%s", st.at.Batch, st.sink.prefix, st.sink.staged.Add(1), st.name()))
	f, err := os.OpenFile(out.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, wrapWrite(out.path, err)
	}
	out.f, out.size = f, &counter{w: f}
	out.buffer = st.sink.buffer(out.size)
	if st.files == nil {
		st.files = map[int]*stagedFile{}
	}
	st.files[label] = out
	out.w, err = st.sink.encoder.Open(out.buffer, out.label, schema)
	return out, wrapWrite(out.path, err)
}

// arrange returns the batch with the columns of the file's schema in order;
// those it lacks are null.
func (o *stagedFile) arrange(b arrow.RecordBatch, env Env) arrow.RecordBatch {
	if o.last != b.Schema() {
		o.last, o.arranged = b.Schema(), nil
		o.order = o.order[:0]
		for _, f := range o.schema.Fields() {
			at := -1
			if found := b.Schema().FieldIndices(f.Name); len(found) > 0 {
				at = found[0]
			}
			o.order = append(o.order, at)
		}
	}
	columns := make([]arrow.Array, len(o.order))
	for i, at := range o.order {
		if at < 0 {
			columns[i] = nulls(env.Mem, o.schema.Field(i).Type, int(b.NumRows()))
		} else {
			columns[i] = b.Column(at)
			columns[i].Retain()
		}
	}
	if o.arranged == nil {
		fields := make([]arrow.Field, len(columns))
		for i, c := range columns {
			fields[i] = o.schema.Field(i)
			fields[i].Type = c.DataType()
		}
		o.arranged = arrow.NewSchema(fields, nil)
	}
	out := array.NewRecordBatch(o.arranged, columns, b.NumRows())
	for _, c := range columns {
		c.Release()
	}
	return out
}

// nulls makes n nulls of an engine type; strings come plain.
func nulls(mem memory.Allocator, dt arrow.DataType, n int) arrow.Array {
	if dt.ID() == arrow.DICTIONARY {
		dt = arrow.BinaryTypes.String
	}
	return kernel.Nulls(mem, dt, n)
}

// finish ends the files and says where they lie.
func (st *stage) finish() (rdd.Staged, error) {
	var p part
	out := rdd.Staged{Rows: st.rows}
	for label := range st.sink.env.Labels {
		f := st.files[label]
		if f == nil {
			continue
		}
		err := f.w.Close()
		if f.w = nil; err == nil {
			err = f.buffer.Flush()
		}
		if err != nil {
			return out, wrapWrite(f.path, err)
		}
		writeBack(f.f)
		if err := f.f.Close(); err != nil {
			return out, wrapWrite(f.path, err)
		}
		st.sink.giveBack(f.buffer)
		out.Bytes += f.size.n
		rel, err := filepath.Rel(st.sink.desk, f.path)
		if err != nil {
			return out, err
		}
		p.Files = append(p.Files, partFile{Path: filepath.ToSlash(rel), Label: f.label, Name: st.name()})
	}
	var err error
	out.Part, err = json.Marshal(p)
	return out, err
}

// drop removes what was written.
func (st *stage) drop() {
	for _, f := range st.files {
		if f.w != nil {
			_ = f.w.Close() // it only has to let go of what it holds
		}
		_ = f.f.Close()
		_ = os.Remove(f.path)
	}
}

// buffer returns an empty buffer in front of w.
func (k *Sink) buffer(w io.Writer) *bufio.Writer {
	if b, ok := k.buffers.Get().(*bufio.Writer); ok {
		b.Reset(w)
		return b
	}
	return bufio.NewWriterSize(w, bufferBytes)
}

// counter counts the bytes of a file.
type counter struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// giveBack keeps a buffer for the next file.
func (k *Sink) giveBack(b *bufio.Writer) {
	b.Reset(nil)
	k.buffers.Put(b)
}
