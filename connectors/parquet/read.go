package parquet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// defaultFrameRows is the size of a frame where nobody says.
const defaultFrameRows = 16 << 10

// Read implements connectors.Source.
func (s *source) Read(ctx context.Context, split rdd.Split, want rdd.Projection) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		r, err := s.reader(ctx, split, want)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.close()
		if err := r.enter(); err != nil {
			yield(nil, err)
			return
		}
		if r.done == nil && want.Skip != nil && want.Skip(r.allBounds()) {
			h := r.header(0, split.Rows)
			h.Bounds = r.all
			yield(&rdd.Frame{Header: h}, nil)
			return
		}
		if err := r.open(s.codecs); err != nil {
			yield(nil, err)
			return
		}
		for done := int64(0); done < split.Rows; {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			n := min(int64(r.want.Rows), split.Rows-done)
			batch, err := r.batch(int(n))
			if err != nil {
				yield(nil, err)
				return
			}
			more := yield(&rdd.Frame{Header: r.header(done, 0), Batch: batch}, nil)
			batch.Release()
			if !more {
				return
			}
			done += n
		}
	}
}

// reader reads one split.
type reader struct {
	split   rdd.Split
	at      place
	want    rdd.Projection
	files   *handles
	file    *file
	group   *group
	all     expr.Bounds // of every column, once somebody asked
	bounds  expr.Bounds // of the columns of want.Bounds
	done    []string    // of the group, where it was entered; want.Columns is what is read then
	unbound error       // why the group's done-list is not believed
	held    []held      // chunks that were read to be checked
	columns []column
	said    []*claim      // by column: what the statistics say of it
	arrays  []arrow.Array // of the frame under way
	schema  *arrow.Schema // of the last frame
}

func (s *source) reader(ctx context.Context, split rdd.Split, want rdd.Projection) (*reader, error) {
	r := &reader{split: split, want: want, files: s.files}
	if err := json.Unmarshal(split.Payload, &r.at); err != nil {
		return nil, fault.New(fault.Invalid, "%s: not a split of this source: %v", split.Name, err)
	}
	if r.want.Rows <= 0 {
		r.want.Rows = defaultFrameRows
	}
	if r.want.Mem == nil {
		r.want.Mem = memory.DefaultAllocator
	}
	f, err := s.files.acquire(ctx, r.at.Path)
	if err != nil {
		return nil, err
	}
	r.file = f
	if fmt.Sprintf("%016x", f.sum) != r.at.Sum {
		r.close()
		return nil, fault.New(fault.Invalid, "%s: the file has changed since the job planned to read it", r.at.Path)
	}
	if r.at.Group < 0 || r.at.Group >= len(f.meta.groups) {
		r.close()
		return nil, fault.New(fault.Invalid, "%s: there is no row group %d", r.at.Path, r.at.Group)
	}
	r.group = &f.meta.groups[r.at.Group]
	if r.at.From < 0 || split.Rows < 0 || r.at.From+split.Rows > r.group.rows {
		r.close()
		return nil, fault.New(fault.Invalid, "%s: row group %d has fewer rows than the split", r.at.Path, r.at.Group)
	}
	return r, nil
}

func (r *reader) close() {
	for _, c := range r.columns {
		c.close()
	}
	r.columns = nil
	r.drop()
	r.files.release(r.file)
}

// header of a frame that starts at row done of the split.
func (r *reader) header(done, pruned int64) rdd.Header {
	h := rdd.Header{
		Origin: rdd.Origin{Source: r.split.Source, Partition: r.split.Partition, First: r.split.First + done},
		Pruned: pruned,
		Bounds: r.bounds,
		Done:   r.done,
	}
	if r.done != nil {
		h.Columns = r.present()
	}
	if r.unbound != nil {
		h.Unbound = r.unbound.Error()
	}
	return h
}

// allBounds returns the bounds of every column.
func (r *reader) allBounds() expr.Bounds {
	if r.all == nil {
		r.all = bounds(r.file.meta, r.group, r.file.columns, r.at.Fixed)
	}
	return r.all
}

// open opens the wanted columns at the split's first row.
func (r *reader) open(c *codecs) error {
	for _, name := range r.want.Columns {
		col, err := r.column(name, c)
		if err != nil {
			return err
		}
		r.columns = append(r.columns, col)
		if err := r.guard(name, func() error { return col.skip(r.at.From) }); err != nil {
			return err
		}
	}
	r.arrays = make([]arrow.Array, len(r.columns))
	r.said = r.claims()
	return nil
}

func (r *reader) column(name string, c *codecs) (column, error) {
	for i := range r.at.Fixed {
		if k := &r.at.Fixed[i]; k.Name == name {
			n := min(int64(r.want.Rows), r.split.Rows)
			return &constantColumn{all: k.array(r.want.Mem, int(n))}, nil
		}
	}
	l := r.file.column(name)
	if l == nil || l.rule == unsupported {
		why := ""
		var have []string
		if l != nil {
			why = l.why
		}
		for i := range r.file.columns {
			have = append(have, r.file.columns[i].name)
		}
		return nil, unknownColumn(name, why, have, r.at.Path)
	}
	k := &r.group.chunks[l.index]
	outside := k.external || k.encrypted
	if l.tree != nil {
		_ = l.tree.each(func(nd *node) error {
			k := &r.group.chunks[nd.leaf.index]
			outside = outside || k.external || k.encrypted
			return nil
		})
	}
	if outside {
		return nil, r.fail(name, errors.New("its data is encrypted or lies in another file"))
	}
	if l.tree != nil {
		return newNested(r.bytes(), c, r.group, l, r.want.Mem), nil
	}
	return newColumn(r.bytes(), c, k, l, r.group.rows, r.want.Mem), nil
}

// batch reads the next n rows.
func (r *reader) batch(n int) (arrow.RecordBatch, error) {
	defer func() {
		for i, a := range r.arrays {
			if a != nil {
				a.Release()
				r.arrays[i] = nil
			}
		}
	}()
	for i, name := range r.want.Columns {
		if err := r.guard(name, func() (err error) {
			r.arrays[i], err = r.columns[i].read(n)
			if err == nil && r.said != nil && r.said[i] != nil {
				if err = r.said[i].check(r.arrays[i]); err != nil {
					err = fmt.Errorf("%w (rows may have been left out because of them; idag inspect --verify finds all that is wrong)", err)
				}
			}
			return err
		}); err != nil {
			return nil, err
		}
	}
	if !r.fits() {
		fields := make([]arrow.Field, len(r.arrays))
		for i, a := range r.arrays {
			fields[i] = arrow.Field{Name: r.want.Columns[i], Type: a.DataType(), Nullable: true}
		}
		r.schema = arrow.NewSchema(fields, nil)
	}
	return array.NewRecordBatch(r.schema, r.arrays, int64(n)), nil
}

// fits reports whether the last frame's schema is right for this one: strings
// change from dictionary to plain and nothing else changes.
func (r *reader) fits() bool {
	if r.schema == nil {
		return false
	}
	for i, a := range r.arrays {
		if r.schema.Field(i).Type.ID() != a.DataType().ID() {
			return false
		}
	}
	return true
}

// guard says where an error was met.
func (r *reader) guard(column string, decode func() error) error {
	if err := guarded(decode); err != nil {
		return r.fail(column, err)
	}
	return nil
}

// guarded decodes. The decoders below it were written for well-formed input and may
// panic on what is not; here, where a page of a foreign file meets them, a panic
// means a corrupt page.
func guarded(decode func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the data is corrupt: %v", p)
		}
	}()
	return decode()
}

// fail adds where err was met. Unless it says otherwise the file is at fault.
func (r *reader) fail(column string, err error) error {
	kind := fault.Of(err)
	if kind == fault.Bug {
		kind = fault.Invalid
	}
	return fault.New(kind, "%s: row group %d, column %q: %w", r.at.Path, r.at.Group, column, err)
}
