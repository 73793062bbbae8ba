package arrow

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/rdd"
	"github.com/zeebo/xxh3"
)

// source reads Arrow files. All methods may be called at the same time.
type source struct {
	settings settings
	codecs   codecs
	places   files.Places

	mu   sync.Mutex
	data *dataset // nil until the first call that needs it
}

var _ connectors.Source = (*source)(nil)

// dataset is the files with one schema.
type dataset struct {
	files  []*index
	schema *arrow.Schema
	starts []int // number of the first batch of each file, among all
	sum    string
}

// planned returns the data set, which the first call reads. A call that failed
// is tried anew.
func (s *source) planned(ctx context.Context) (*dataset, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		d, err := s.plan(ctx)
		if err != nil {
			return nil, err
		}
		s.data = d
	}
	return s.data, nil
}

func (s *source) plan(ctx context.Context) (*dataset, error) {
	list, err := s.places.Find(ctx, s.settings.paths, "Arrow files")
	if err != nil {
		return nil, err
	}
	d := &dataset{}
	sum, n := xxh3.New(), 0
	for _, f := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x, err := openIndex(ctx, &s.places, f.Path)
		if err != nil {
			return nil, err
		}
		d.files, d.starts = append(d.files, x), append(d.starts, n)
		n += len(x.batches)
		_, _ = fmt.Fprintf(sum, "%q %d %d\n", x.path, x.size, x.changed)
	}
	d.sum = fmt.Sprintf("%016x", sum.Sum64())
	d.schema, err = d.merge(s.settings)
	return d, err
}

// merge finds the columns of all files, in the engine's types.
func (d *dataset) merge(s settings) (*arrow.Schema, error) {
	var fields []arrow.Field
	at, left := map[string]int{}, map[string]string{}
	for i, x := range d.files {
		seen := map[string]bool{}
		for _, f := range x.schema.Fields() {
			if seen[f.Name] {
				return nil, fault.New(fault.Invalid, "%s: two columns are called %q", x.path, f.Name)
			}
			seen[f.Name] = true
			dt, err := types.Widen(f.Type)
			if err != nil {
				left["left_out:"+f.Name] = err.Error()
				continue
			}
			j, known := at[f.Name]
			switch {
			case known && !types.Same(fields[j].Type, dt):
				return nil, fault.New(fault.Invalid, "%s: its column %q is %s, in %s it is %s", x.path, f.Name, dt, d.files[0].path, fields[j].Type)
			case !known && i > 0 && !s.union:
				return nil, fault.New(fault.Invalid, "%s: its column %q is not in %s (union_by_name: true takes it for null there)", x.path, f.Name, d.files[0].path)
			case !known:
				at[f.Name] = len(fields)
				fields = append(fields, arrow.Field{Name: f.Name, Type: dt, Nullable: true})
			}
		}
		for _, f := range fields {
			if !seen[f.Name] && !s.union {
				return nil, fault.New(fault.Invalid, "%s: it has no column %q, which %s has (union_by_name: true takes it for null)", x.path, f.Name, d.files[0].path)
			}
		}
	}
	return s.choose(fields, left)
}

// choose takes the columns that the option columns asks for.
func (s *settings) choose(fields []arrow.Field, left map[string]string) (*arrow.Schema, error) {
	md := arrow.MetadataFrom(left)
	all := arrow.NewSchema(fields, &md)
	if len(s.columns) == 0 {
		return all, nil
	}
	var out []arrow.Field
	for _, name := range s.columns {
		at := all.FieldIndices(name)
		if len(at) == 0 {
			return nil, unknownColumn(name, left, all)
		}
		out = append(out, fields[at[0]])
	}
	return arrow.NewSchema(out, &md), nil
}

func unknownColumn(name string, left map[string]string, have *arrow.Schema) error {
	if why, ok := left["left_out:"+name]; ok {
		return fault.New(fault.Invalid, "arrow: column %q cannot be read: %s", name, why)
	}
	var names []string
	for _, f := range have.Fields() {
		names = append(names, f.Name)
	}
	names = append(names, slices.Sorted(maps.Keys(left))...)
	return fault.New(fault.Invalid, "arrow: there is no column %q; there are %q", name, names)
}

// Schema implements connectors.Source. The schema's metadata says of columns
// that were left out, why.
func (s *source) Schema(ctx context.Context) (*arrow.Schema, error) {
	d, err := s.planned(ctx)
	if err != nil {
		return nil, err
	}
	return d.schema, nil
}

// Close implements connectors.Source.
func (s *source) Close() error {
	s.codecs.close()
	return s.places.Close()
}

// position is an offset: how many batches were cut, of which data set.
type position struct {
	At int    `json:"at"`
	Of string `json:"of"` // fingerprint of the files
}

// place is the payload of a split.
type place struct {
	File    int   `json:"file"`
	Batch   int   `json:"batch"`
	Size    int64 `json:"size"`
	Changed int64 `json:"changed"`
}

// Cut implements connectors.Source: batches in the order of files.
func (s *source) Cut(ctx context.Context, from rdd.Offset, wish rdd.Size) ([]rdd.Split, rdd.Offset, error) {
	d, err := s.planned(ctx)
	if err != nil {
		return nil, from, err
	}
	pos := position{Of: d.sum}
	if from != "" {
		if err := json.Unmarshal([]byte(from), &pos); err != nil || pos.At < 0 {
			return nil, from, fault.New(fault.Invalid, "arrow: %q is not an offset of this source", from)
		}
		if pos.Of != d.sum {
			return nil, from, fault.New(fault.Invalid, "arrow: the files have changed since the job began to read them (files were added, removed or rewritten)")
		}
	}
	var splits []rdd.Split
	var rows, bytes int64
	n := 0
	for file, x := range d.files {
		for i := max(0, pos.At-d.starts[file]); i < len(x.batches); i++ {
			b := &x.batches[i]
			full := wish.Rows > 0 && rows+b.rows > wish.Rows || wish.Bytes > 0 && bytes+b.body > wish.Bytes
			if full && len(splits) > 0 {
				next, err := json.Marshal(position{At: d.starts[file] + i, Of: d.sum})
				return splits, rdd.Offset(next), err
			}
			if b.rows == 0 {
				continue
			}
			split, err := x.split(file, i)
			if err != nil {
				return nil, from, err
			}
			splits = append(splits, split)
			rows, bytes = rows+b.rows, bytes+b.body
		}
		n = d.starts[file] + len(x.batches)
	}
	next, err := json.Marshal(position{At: n, Of: d.sum})
	if err == nil {
		err = io.EOF
	}
	return splits, rdd.Offset(next), err
}

func (x *index) split(file, i int) (rdd.Split, error) {
	b := &x.batches[i]
	payload, err := json.Marshal(place{File: file, Batch: i, Size: x.size, Changed: x.changed})
	return rdd.Split{
		Partition: int32(file), Name: x.path, First: b.first, Rows: b.rows, Bytes: b.body,
		Last: b.first+b.rows == x.rows(), Payload: payload,
	}, err
}
