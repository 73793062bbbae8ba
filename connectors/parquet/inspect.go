package parquet

import (
	"context"
	"encoding/json"
	"errors"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// File is what the footer of a file says of it. Nothing of it was checked against
// the rows; Verify does that.
type File struct {
	Path   string  `json:"path"`
	Bytes  int64   `json:"bytes"`
	Rows   int64   `json:"rows"`
	Writer string  `json:"writer,omitempty"` // who wrote it, as it says itself
	Label  string  `json:"label,omitempty"`  // of all rows, in the footer or the directory's name
	Header string  `json:"header"`           // "bound", "none", or why it is not believed
	Groups []Group `json:"groups"`
}

// Group is a row group: one frame of the heterogeneous data frame.
type Group struct {
	Rows    int64    `json:"rows"`
	Bytes   int64    `json:"bytes"`          // compressed
	Done    []string `json:"done,omitempty"` // as the header has it, if it is bound to the footer
	Columns []Column `json:"columns"`
}

// Column is a top-level column of a row group. What is unknown is nil.
type Column struct {
	Name  string          `json:"name"`
	Type  string          `json:"type"` // the engine's, or why it is left out
	Bytes int64           `json:"bytes"`
	Min   json.RawMessage `json:"min,omitempty"` // as it is believed, in JSON
	Max   json.RawMessage `json:"max,omitempty"`
	Nulls *int64          `json:"nulls,omitempty"`
	NaNs  *int64          `json:"nans,omitempty"` // as our own writer counts them
	Times rdd.TimeRange   `json:"-"`              // Min and Max of a timestamp
}

// Inspect says of each file that path means what its footer does. It reads nothing else.
func Inspect(ctx context.Context, paths []string) iter.Seq2[*File, error] {
	return func(yield func(*File, error) bool) {
		err := eachFile(ctx, paths, func(at *files.Found, f *file, err error) error {
			if err == nil && !yield(describe(at, f), nil) {
				return errEnough
			}
			return err
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

// eachFile opens one file after the other, and says which cannot be.
func eachFile(ctx context.Context, paths []string, look func(*files.Found, *file, error) error) (err error) {
	h := newHandles(0, false)
	defer func() { _ = h.close() }() // nothing was written
	if paths, err = h.places.Add(paths); err != nil {
		return err
	}
	list, err := h.places.Find(ctx, paths, "Parquet files")
	if err != nil {
		return err
	}
	for i := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := h.acquire(ctx, list[i].Path)
		if err = look(&list[i], f, err); f != nil {
			h.release(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func describe(at *files.Found, f *file) *File {
	out := &File{Path: f.path, Bytes: f.size, Rows: f.meta.rows, Writer: f.meta.createdBy, Label: labelOf(f, at), Header: "none"}
	switch {
	case f.meta.unbound != nil:
		out.Header = f.meta.unbound.Error()
	case f.meta.bound != nil:
		out.Header = "bound"
	}
	for i := range f.meta.groups {
		g := &f.meta.groups[i]
		o := Group{Rows: g.rows, Bytes: g.bytes, Columns: make([]Column, 0, len(f.columns))}
		if f.meta.bound != nil {
			o.Done = f.meta.bound.groups[i].done
		}
		for j := range f.columns {
			o.Columns = append(o.Columns, describeColumn(f, g, &f.columns[j]))
		}
		out.Groups = append(out.Groups, o)
	}
	return out
}

func describeColumn(f *file, g *group, l *leaf) Column {
	out := Column{Name: l.name, Type: spellType(l.typ, l.why)}
	if l.typ == nil {
		return out
	}
	_ = l.each(func(leaf int) error { out.Bytes += g.chunks[leaf].compressed; return nil })
	if l.tree != nil {
		return out
	}
	k := &g.chunks[l.index]
	if n := k.stats.nulls; n >= 0 {
		out.Nulls = &n
	}
	if n := k.nans; n >= 0 && isFloat(l) {
		out.NaNs = &n
	}
	r := rangeOf(f.meta, k, l, g.rows)
	if r.Min != nil {
		out.Min, out.Max = json.RawMessage(spellLimit(r.Min)), json.RawMessage(spellLimit(r.Max))
	}
	if lo, ok := r.Min.(arrow.Timestamp); ok {
		out.Times = rdd.TimeRange{Known: true, Min: int64(lo), Max: int64(r.Max.(arrow.Timestamp))}
	}
	return out
}
