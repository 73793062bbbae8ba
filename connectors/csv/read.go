package csv

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

const (
	defaultFrameRows = 16 << 10
	frameBytes       = 64 << 20 // a frame of very long rows ends before it has all of them
	maxRaw           = 64 << 10 // bytes of a bad row that are kept
)

// format reads CSV files. Several reads may be under way at the same time;
// parsers are only for Infer.
type format struct {
	*settings
	parsers
	buffers sync.Pool   // of *[]byte
	headed  atomic.Bool // the files that Infer looked at have headers
}

var _ files.Format = (*format)(nil)

// Lines implements files.Format. A header behind other lines is not to be found
// from the middle of the file, so that such a file is read as a whole.
func (f *format) Lines() bool {
	return !f.multiline && f.encoding.whole == nil && (f.header == headerFalse && !f.auto || f.skip == 0 && f.comment == none)
}

// Read implements files.Format.
func (f *format) Read(ctx context.Context, in files.Input, schema *arrow.Schema, want rdd.Projection) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		r := &reader{format: f, path: in.Path, schema: schema, want: want, blocks: newBlocks(f.encoding.reader(in.R), in.At, &f.buffers)}
		defer r.release()
		if err := r.open(in); err != nil {
			yield(nil, err)
			return
		}
		for {
			more, err := r.step(), ctx.Err()
			if frame := r.frame(!more); frame != nil && err == nil {
				ok := yield(frame, nil)
				if frame.Batch != nil {
					frame.Batch.Release()
				}
				if !ok {
					return
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !more {
				if err := r.blocks.done; err != nil && !errors.Is(err, io.EOF) {
					yield(nil, err)
				}
				return
			}
		}
	}
}

// reader reads one part of a file.
type reader struct {
	*format
	path   string
	schema *arrow.Schema
	want   rdd.Projection
	blocks *blocks
	tokens *tokens
	at     []int         // by column of the file: that of the schema, or -1
	check  []source      // columns of the file of which something is to be read
	out    []column      // by wanted column
	made   *arrow.Schema // of the last frame

	n     int // rows of the frame under way
	first int64
	size  int // bytes of its rows
	rows  []int32
	raw   [][]byte
	bad   []rdd.BadRow
}

// source is a column of the file.
type source struct {
	column
	j    int  // in the file
	kept bool // it is wanted
}

// open reads the head of the file and prepares its columns.
func (r *reader) open(in files.Input) error {
	if r.want.Rows <= 0 {
		r.want.Rows = defaultFrameRows
	}
	if r.want.Mem == nil {
		r.want.Mem = memory.DefaultAllocator
	}
	r.blocks.fill()
	row, at, next := bytes.TrimRight(in.First[bom(in.First):], "\r\n"), 0, 0
	if in.At == 0 {
		row, at, next = r.firstRow(r.blocks.rest())
		if next == 0 && !r.blocks.ended() {
			return fault.New(fault.Invalid, "%s: its first row is longer than %d bytes", r.path, blockBytes)
		}
		if next == 0 { // no row at all
			r.blocks.from = r.blocks.to
			return nil
		}
	} else if r.blocks.ended() && len(r.blocks.rest()) == 0 { // a line that began before has all of the split
		return nil
	} else if in.First == nil && (r.header != headerFalse || r.auto) {
		return fault.New(fault.Invalid, "%s: its first row is too long to be found again from the middle of the file", r.path)
	}
	sh, err := r.shapeOf(r.path, row, r.schema)
	if err != nil {
		return err
	}
	r.blocks.from = at
	if sh.header {
		r.blocks.from = next
	}
	return r.columns(sh)
}

// columns makes what collects or checks each column of the file.
func (r *reader) columns(sh *shape) error {
	if sh.cols > math.MaxUint16-1 {
		return fault.New(fault.Invalid, "%s: it has %d columns, which are too many", r.path, sh.cols)
	}
	r.tokens = newTokens(sh.dialect, sh.cols)
	r.out = make([]column, len(r.want.Columns))
	wanted := map[int]int{}
	for i, name := range r.want.Columns {
		at := r.schema.FieldIndices(name)
		if len(at) == 0 {
			return fault.New(fault.Invalid, "%s: there is no column %q; there are %s", r.path, name, listed(namesOf(r.schema)))
		}
		wanted[at[0]] = i
	}
	for j, at := range sh.at {
		if at < 0 {
			continue
		}
		i, kept := wanted[at]
		dt := r.schema.Field(at).Type
		if !kept && dt.ID() == arrow.STRING {
			continue // every text is one
		}
		c := r.column(r.want.Mem, dt, !kept)
		r.check = append(r.check, source{c, j, kept})
		if kept {
			r.out[i] = c
		}
	}
	for i, c := range r.out {
		if c == nil {
			r.out[i] = &absent{mem: r.want.Mem, typ: r.schema.Field(r.schema.FieldIndices(r.want.Columns[i])[0]).Type}
		}
	}
	r.at = sh.at
	return nil
}
