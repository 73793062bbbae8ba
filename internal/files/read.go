package files

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// defaultFrameRows is the size of a frame where nobody says.
const defaultFrameRows = 16 << 10

// Read yields the rows that begin in the split, with the columns that the
// directories of its file make.
func (s *Source) Read(ctx context.Context, split rdd.Split, want rdd.Projection) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		r, err := s.reader(ctx, split, want)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.in.close()
		for f, err := range s.format.Read(ctx, r.in.Input, r.rows, r.inner) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !r.lend(f, yield) {
				return
			}
		}
		if err := r.in.verify(); err != nil { // it may have been rewritten under our hands
			yield(nil, err)
		}
	}
}

// reader reads one split.
type reader struct {
	split  rdd.Split
	in     *input
	rows   *arrow.Schema
	want   rdd.Projection
	inner  rdd.Projection // what the format is to read
	from   []int          // for each column, which of the format's it is, or
	fixed  []*constant    // the one value it has
	schema *arrow.Schema  // of the last frame
}

func (s *Source) reader(ctx context.Context, split rdd.Split, want rdd.Projection) (*reader, error) {
	var p place
	if err := json.Unmarshal(split.Payload, &p); err != nil {
		return nil, fault.New(fault.Invalid, "%s: not a split of this source: %v", split.Name, err)
	}
	d, err := s.planned(ctx)
	if err != nil {
		return nil, err
	}
	r := &reader{split: split, rows: d.rows, want: want}
	if r.want.Rows <= 0 {
		r.want.Rows = defaultFrameRows
	}
	if r.want.Mem == nil {
		r.want.Mem = memory.DefaultAllocator
	}
	if err := r.divide(p.Fixed); err != nil {
		return nil, err
	}
	r.in, err = p.open(ctx, &s.places, s.format.Lines(), &s.headers)
	return r, err
}

// divide tells the columns of the file from those of its directories.
func (r *reader) divide(fixed []constant) error {
	r.inner = r.want
	r.inner.Skip = nil // nothing is known of rows before they are read
	r.inner.Columns = nil
	for _, name := range r.want.Columns {
		i := slices.IndexFunc(fixed, func(c constant) bool { return c.Name == name })
		if i >= 0 {
			r.fixed, r.from = append(r.fixed, &fixed[i]), append(r.from, -1)
			continue
		}
		if !r.rows.HasField(name) {
			return fault.New(fault.Invalid, "%s: there is no column %q", r.split.Name, name)
		}
		r.fixed, r.from = append(r.fixed, nil), append(r.from, len(r.inner.Columns))
		r.inner.Columns = append(r.inner.Columns, name)
	}
	return nil
}

// lend hands on a frame of the format's.
func (r *reader) lend(f *rdd.Frame, yield func(*rdd.Frame, error) bool) bool {
	out := rdd.Frame{Header: f.Header, Batch: f.Batch}
	out.Header.Origin.Source, out.Header.Origin.Partition = r.split.Source, r.split.Partition
	if f.Batch != nil && len(r.inner.Columns) < len(r.want.Columns) {
		out.Batch = r.widen(f.Batch)
		defer out.Batch.Release()
	}
	return yield(&out, nil)
}

// widen adds the columns that directories make.
func (r *reader) widen(b arrow.RecordBatch) arrow.RecordBatch {
	columns := make([]arrow.Array, len(r.from))
	fields := make([]arrow.Field, len(r.from))
	for i, from := range r.from {
		if from >= 0 {
			columns[i] = b.Column(from)
			columns[i].Retain()
		} else {
			columns[i] = r.fixed[i].array(r.want.Mem, int(b.NumRows()))
		}
		fields[i] = arrow.Field{Name: r.want.Columns[i], Type: columns[i].DataType(), Nullable: true}
	}
	if r.schema == nil || !slices.EqualFunc(fields, r.schema.Fields(), func(a, b arrow.Field) bool { return arrow.TypeEqual(a.Type, b.Type) }) {
		r.schema = arrow.NewSchema(fields, nil)
	}
	out := array.NewRecordBatch(r.schema, columns, b.NumRows())
	for _, c := range columns {
		c.Release()
	}
	return out
}
