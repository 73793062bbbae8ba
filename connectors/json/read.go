package json

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// Bounds of a frame besides its rows.
const (
	defaultRows  = 16 << 10
	maxSpan      = 64 << 20 // bytes of lines
	maxNested    = 1 << 22  // values in lists and maps
	maxBadBytes  = 16 << 20
	byteOrder    = "\uFEFF"
	byteOrderLen = len(byteOrder)
)

// format reads JSON lines.
type format struct {
	opts *settings

	mu    sync.Mutex
	plain map[string]bool // columns whose strings were not worth a dictionary
}

var _ files.Format = (*format)(nil)

func newFormat(s *settings) *format { return &format{opts: s, plain: map[string]bool{}} }

// Lines implements files.Format: every row is one line.
func (f *format) Lines() bool { return true }

// Read implements files.Format.
func (f *format) Read(ctx context.Context, in files.Input, schema *arrow.Schema, want rdd.Projection) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		r, err := f.reader(in, schema, want)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.close()
		for {
			fr, err := r.frame(ctx)
			if fr != nil {
				more := yield(fr, nil)
				if fr.Batch != nil {
					fr.Batch.Release()
				}
				if !more {
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					yield(nil, err)
				}
				return
			}
		}
	}
}

// reader reads one input.
type reader struct {
	format  *format
	want    rdd.Projection
	lines   lines
	dec     decoder
	columns []*node // in the order of want
	schema  *arrow.Schema

	held  line // a line read too early, if b is not nil
	first int64
	rows  []int32
	bad   []rdd.BadRow
	heavy int // bytes of bad
	raw   []byte
	ends  []int
}

func (f *format) reader(in files.Input, schema *arrow.Schema, want rdd.Projection) (*reader, error) {
	if want.Rows <= 0 {
		want.Rows = defaultRows
	}
	if want.Mem == nil {
		want.Mem = memory.DefaultAllocator
	}
	m := builder{mem: want.Mem, opts: f.opts, plain: f.isPlain}
	root, err := m.root(schema, want.Columns)
	if err != nil {
		return nil, err
	}
	r := &reader{format: f, want: want, dec: newDecoder(root, f.opts.strict)}
	r.lines = lines{r: in.R, max: f.opts.maxLine, at: in.At}
	for _, name := range want.Columns {
		i := schema.FieldIndices(name)
		if len(i) == 0 {
			root.release()
			return nil, unknownColumn(in.Path, name)
		}
		r.columns = append(r.columns, root.fields[i[0]])
	}
	return r, nil
}

func (r *reader) close() { r.dec.root.release() }

// frame reads the next frame. With an error comes what was read before it, or nil.
func (r *reader) frame(ctx context.Context) (*rdd.Frame, error) {
	r.rows, r.bad, r.raw, r.ends = nil, nil, nil, r.ends[:0]
	r.heavy, r.dec.rows, r.dec.total = 0, 0, 0
	begun := false
	for r.dec.rows < r.want.Rows && len(r.bad) < r.want.Rows && r.dec.total < maxNested && r.heavy < maxBadBytes {
		l, err := r.next(ctx)
		if err != nil {
			return r.finish(), err
		}
		if !begun {
			r.first, begun = l.off, true
			r.rows = make([]int32, 0, min(r.want.Rows, 1024))
		}
		if l.off-r.first > maxSpan {
			r.held = l // still valid: nothing is read before it is used
			break
		}
		r.take(&l)
	}
	return r.finish(), nil
}

// next returns the next line, without the byte order mark that a file may begin
// with.
func (r *reader) next(ctx context.Context) (line, error) {
	if l := r.held; l.b != nil {
		r.held = line{}
		return l, nil
	}
	for {
		l, err := r.lines.next(ctx)
		if err != nil || l.off != 0 || !hasLiteral(l.b, 0, byteOrder) {
			return l, err
		}
		l.b = l.b[byteOrderLen:]
		l.off += int64(byteOrderLen)
		if !blank(l.b) {
			return l, nil
		}
	}
}

func (r *reader) take(l *line) {
	good := !l.long
	if good {
		good = r.dec.row(l.b)
	} else {
		r.dec.wrong = complaint{flaw: tooLong}
	}
	if !good {
		b := append([]byte(nil), l.raw()...)
		r.heavy += len(b)
		r.bad = append(r.bad, rdd.BadRow{Seq: l.off, Raw: b, Text: r.dec.wrong.text(l.b, l.off)})
		return
	}
	r.rows = append(r.rows, int32(l.off-r.first))
	if r.want.Raw {
		r.raw = append(r.raw, l.raw()...)
		r.ends = append(r.ends, len(r.raw))
	}
}

// finish makes a frame of the rows since the last, or returns nil if there are
// none.
func (r *reader) finish() *rdd.Frame {
	n := r.dec.rows
	if n == 0 && len(r.bad) == 0 {
		return nil
	}
	f := &rdd.Frame{Header: rdd.Header{Bad: r.bad, Origin: rdd.Origin{First: r.first, Rows: r.rows}}}
	if n == 0 {
		return f
	}
	arrays := make([]arrow.Array, len(r.columns))
	same := r.schema != nil
	for i, c := range r.columns {
		arrays[i] = c.take(n)
		defer arrays[i].Release()
		same = same && arrow.TypeEqual(r.schema.Field(i).Type, arrays[i].DataType())
	}
	if !same {
		r.shape(arrays)
	}
	f.Batch = array.NewRecordBatch(r.schema, arrays, int64(n))
	if r.want.Raw {
		f.Header.Raw = make([][]byte, n)
		from := 0
		for i, to := range r.ends {
			f.Header.Raw[i] = r.raw[from:to:to]
			from = to
		}
	}
	return f
}

// shape makes the schema of frames with these columns, and remembers which
// strings are not worth a dictionary.
func (r *reader) shape(arrays []arrow.Array) {
	fields := make([]arrow.Field, len(arrays))
	for i, a := range arrays {
		fields[i] = arrow.Field{Name: r.want.Columns[i], Type: a.DataType(), Nullable: true}
		if r.columns[i].kind == kindText && r.columns[i].terms == nil {
			r.format.setPlain(r.want.Columns[i])
		}
	}
	r.schema = arrow.NewSchema(fields, nil)
}

func (f *format) isPlain(column string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.plain[column]
}

func (f *format) setPlain(column string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plain[column] = true
}
