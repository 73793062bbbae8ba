package parquet

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
)

// Lie is what a file says and its rows deny.
type Lie struct {
	Path   string `json:"path"`
	Group  int    `json:"group"`            // -1: of the file as a whole
	Column string `json:"column,omitempty"` // "": of the group as a whole
	What   string `json:"what"`
}

var errEnough = errors.New("nobody wants more")

// Verify decodes all files that paths mean and tells each lie that it finds: of
// statistics, counts of nulls, NaNs and rows, checksums, headers and labels. If label
// is not "", it is the column that holds the label, which must be that of the footer
// in every row. An error says that it could not go on; a file that cannot be read at
// all is a lie.
func Verify(ctx context.Context, paths []string, label string, tell func(Lie)) error {
	c := &codecs{}
	defer c.close()
	return eachFile(ctx, paths, func(at *files.Found, f *file, err error) error {
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				return err
			}
			tell(Lie{Path: at.Path, Group: -1, What: err.Error()})
			return nil
		}
		v := &verifier{file: f, codecs: c, tell: tell, label: label}
		return v.all(ctx, at)
	})
}

// verifier checks one file.
type verifier struct {
	file   *file
	codecs *codecs
	tell   func(Lie)
	label  string // column
	group  int
}

func (v *verifier) lie(column, format string, args ...any) {
	v.tell(Lie{Path: v.file.path, Group: v.group, Column: column, What: fmt.Sprintf(format, args...)})
}

func (v *verifier) all(ctx context.Context, at *files.Found) error {
	m := v.file.meta
	v.group = -1
	if m.unbound != nil {
		v.lie("", "its header is not believed: %v", m.unbound)
	}
	for _, k := range at.Keys {
		if k.Name == "label" && m.label != "" && k.Value != m.label {
			v.lie("", "its footer says that its label is %q, its directory that it is %q", m.label, k.Value)
		}
	}
	if v.label != "" && v.file.column(v.label) == nil {
		v.lie("", "it has no column %q for the label", v.label)
	}
	for v.group = range m.groups {
		if err := v.sums(); err != nil {
			return err
		}
		for i := range v.file.columns {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := v.column(&v.file.columns[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// column checks the chunks of one column. What cannot be read is a lie unless it
// might be read another time.
func (v *verifier) column(l *leaf) error {
	if l.rule == unsupported {
		return nil
	}
	g := &v.file.meta.groups[v.group]
	t := &tally{claim: claim{Range: rangeOf(v.file.meta, &g.chunks[l.index], l, g.rows)}, nested: l.tree != nil}
	err := v.read(l, g, t)
	switch {
	case err != nil && fault.Of(err) != fault.Invalid && fault.Of(err) != fault.Bug:
		return err
	case err != nil:
		v.lie(l.name, "%v", err)
		return nil
	case t.nested:
		return nil
	}
	k := &g.chunks[l.index]
	switch {
	case k.values != g.rows:
		v.lie(l.name, "it says that it holds %d rows, and its row group %d", k.values, g.rows)
	case k.stats.nulls >= 0 && k.stats.nulls != t.nulls:
		v.lie(l.name, "its statistics are wrong: they say that it holds %d nulls, and it holds %d", k.stats.nulls, t.nulls)
	case k.nans >= 0 && isFloat(l) && k.nans != t.nans:
		v.lie(l.name, "its statistics are wrong: they say that it holds %d NaNs, and it holds %d", k.nans, t.nans)
	case t.err != nil:
		v.lie(l.name, "%v", t.err)
	}
	if label := v.file.meta.label; l.name == v.label && label != "" && t.other != nil {
		v.lie(l.name, "the file's label is %q, and a row has %q", label, *t.other)
	}
	return nil
}

// sums compares the bytes of a group's chunks with the header.
func (v *verifier) sums() error {
	h := v.file.meta.bound
	if h == nil {
		return nil
	}
	g, name := &v.file.meta.groups[v.group], ""
	for leaf := range g.chunks {
		for i := range v.file.columns {
			if l := &v.file.columns[i]; l.index <= leaf {
				name = l.name
			}
		}
		k := &g.chunks[leaf]
		if k.external || k.encrypted {
			continue
		}
		sum, err := sumFrom(v.file, k, memory.DefaultAllocator)
		if err != nil {
			return err
		}
		if sum != h.groups[v.group].sums[leaf] {
			v.lie(name, "%v", errOtherBytes)
		}
	}
	return nil
}

// read decodes a column of a group from its first row to its last.
func (v *verifier) read(l *leaf, g *group, t *tally) error {
	r := &reader{file: v.file, group: g, at: place{Path: v.file.path, Group: v.group}}
	r.want.Mem, r.want.Rows = memory.DefaultAllocator, defaultFrameRows
	col, err := r.column(l.name, v.codecs)
	if err != nil {
		return err
	}
	defer col.close()
	label := ""
	if l.name == v.label {
		label = v.file.meta.label
	}
	for left := g.rows; left > 0; {
		n := min(left, defaultFrameRows)
		var a arrow.Array
		if err := guarded(func() (err error) { a, err = col.read(int(n)); return err }); err != nil {
			return err
		}
		t.add(a, label)
		a.Release()
		left -= n
	}
	return nil
}

// tally is what the values of a column come to.
type tally struct {
	claim
	nested      bool
	err         error // the first value that the statistics deny
	nulls, nans int64
	other       *string // a value that is not the label
}

func (t *tally) add(a arrow.Array, label string) {
	t.nulls += int64(a.NullN())
	if f, ok := a.(*array.Float64); ok {
		for i, v := range f.Float64Values() {
			if v != v && f.IsValid(i) {
				t.nans++
			}
		}
	}
	if t.err == nil && !t.nested {
		t.err = t.check(a)
	}
	if label == "" || t.other != nil {
		return
	}
	for i := range a.Len() {
		if s := a.ValueStr(i); a.IsNull(i) || s != label {
			t.other = &s
			return
		}
	}
}
