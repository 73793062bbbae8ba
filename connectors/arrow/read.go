package arrow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/rdd"
)

const defaultFrameRows = 16 << 10

// Read implements connectors.Source.
func (s *source) Read(ctx context.Context, split rdd.Split, want rdd.Projection) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		r, err := s.reader(ctx, split, want)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = r.file.Close() }() // nothing was written
		columns, err := r.columns()
		if err != nil {
			yield(nil, err)
			return
		}
		defer releaseArrays(columns)
		r.yield(ctx, columns, yield)
	}
}

// reader reads one batch.
type reader struct {
	*index
	codecs *codecs
	split  rdd.Split
	want   rdd.Projection
	all    *arrow.Schema // of the data set
	file   *files.Handle
	at     int // batch
}

func (s *source) reader(ctx context.Context, split rdd.Split, want rdd.Projection) (*reader, error) {
	var p place
	d, err := s.planned(ctx)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(split.Payload, &p); err != nil || p.File < 0 || p.File >= len(d.files) {
		return nil, fault.New(fault.Invalid, "%s: not a split of this source", split.Name)
	}
	r := &reader{index: d.files[p.File], codecs: &s.codecs, split: split, want: want, all: d.schema, at: p.Batch}
	if r.want.Rows <= 0 {
		r.want.Rows = defaultFrameRows
	}
	if r.want.Mem == nil {
		r.want.Mem = memory.DefaultAllocator
	}
	if r.file, err = s.places.Open(ctx, r.path); err != nil {
		return nil, err
	}
	if r.file.Size != p.Size || r.file.Changed != p.Changed || r.size != p.Size || r.changed != p.Changed || p.Batch < 0 || p.Batch >= len(r.batches) {
		_ = r.file.Close()
		return nil, fault.New(fault.Invalid, "%s: the file has changed since the job planned to read it", r.path)
	}
	return r, nil
}

// columns reads the wanted columns of the batch.
func (r *reader) columns() ([]arrow.Array, error) {
	out := make([]arrow.Array, len(r.want.Columns))
	fail := func(column string, err error) ([]arrow.Array, error) {
		releaseArrays(out)
		kind := fault.Of(err)
		if kind == fault.Bug {
			kind = fault.Invalid
		}
		return nil, fault.New(kind, "%s: batch %d, column %q: %w", r.path, r.at, column, err)
	}
	for i, name := range r.want.Columns {
		if !r.all.HasField(name) {
			return fail(name, fmt.Errorf("there is none of that name"))
		}
		if !r.schema.HasField(name) {
			f, _ := r.all.FieldsByName(name)
			out[i] = kernel.Nulls(r.want.Mem, f[0].Type, int(r.batches[r.at].rows))
		}
	}
	var b *body
	if err := guard(func() error {
		b = newBody(r.file, r.codecs, r.batches[r.at].block, r.batches[r.at].data, r.want.Mem)
		b.dicts = r.values
		return nil
	}); err != nil {
		return fail("", err)
	}
	for i := range r.nodes {
		name := r.schema.Field(i).Name
		at := slices.Index(r.want.Columns, name)
		b.skip = at < 0
		if err := guard(func() error {
			a, err := b.column(&r.nodes[i], r.batches[r.at].rows)
			if at >= 0 {
				out[at] = a
			}
			return err
		}); err != nil {
			return fail(name, err)
		}
	}
	return out, nil
}

// column reads the next column in the engine's type; nil where it is passed
// over.
func (b *body) column(n *node, rows int64) (arrow.Array, error) {
	d, err := b.array(n, rows)
	if err != nil || d == nil {
		return nil, err
	}
	defer d.Release()
	a := array.MakeFromData(d)
	defer a.Release()
	out, unfit, err := types.WidenArray(b.mem, a)
	if err == nil && len(unfit) > 0 {
		out.Release()
		return nil, fmt.Errorf("row %d: %s", unfit[0].Row, unfit[0].Why)
	}
	return out, err
}

// values returns the dictionary of a column as it is when the batch comes.
func (r *reader) values(n *node) (arrow.ArrayData, error) {
	var parts []arrow.Array
	defer func() { releaseArrays(parts) }()
	dt, _ := storage(n.typ).(*arrow.DictionaryType)
	plain := node{typ: dt.ValueType, dict: -1, children: n.children}
	for i := range r.dicts {
		d := &r.dicts[i]
		if d.id != n.dict || d.before > r.at {
			continue
		}
		if !d.delta {
			releaseArrays(parts)
			parts = nil
		}
		b := newBody(r.file, r.codecs, d.block, d.data, r.want.Mem)
		b.dicts = r.values
		v, err := b.array(&plain, -1)
		if err != nil {
			return nil, fmt.Errorf("dictionary %d: %w", n.dict, err)
		}
		parts = append(parts, array.MakeFromData(v))
		v.Release()
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("there is no dictionary %d", n.dict)
	}
	if len(parts) == 1 {
		parts[0].Data().Retain()
		return parts[0].Data(), nil
	}
	whole, err := array.Concatenate(parts, r.want.Mem)
	if err != nil {
		return nil, err
	}
	defer whole.Release()
	whole.Data().Retain()
	return whole.Data(), nil
}

func storage(dt arrow.DataType) arrow.DataType {
	if x, ok := dt.(arrow.ExtensionType); ok {
		return x.StorageType()
	}
	return dt
}

// yield lends the rows, some at a time.
func (r *reader) yield(ctx context.Context, columns []arrow.Array, yield func(*rdd.Frame, error) bool) {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: r.want.Columns[i], Type: c.DataType(), Nullable: true}
	}
	all := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, r.split.Rows)
	defer all.Release()
	for done := int64(0); done < r.split.Rows; {
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		n := min(int64(r.want.Rows), r.split.Rows-done)
		part := all.NewSlice(done, done+n)
		f := &rdd.Frame{Batch: part, Header: rdd.Header{Origin: rdd.Origin{Source: r.split.Source, Partition: r.split.Partition, First: r.split.First + done}}}
		more := yield(f, nil)
		part.Release()
		if !more {
			return
		}
		done += n
	}
}

func releaseArrays(list []arrow.Array) {
	for _, a := range list {
		if a != nil {
			a.Release()
		}
	}
}
