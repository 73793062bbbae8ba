// Package tap lets a program look at the rows that a job writes, beside the sink that
// they are for: a live view, a measurement. It shows what is published and when, so
// what tasks stage twice or in vain is not seen.
//
//	sink = tap.New(sink, func(rows []tap.Row) { … })
//
// A tap sees what is staged through it: where executors are in other processes it sees
// nothing. It copies the values of all rows, so it is for small results. The package
// holds no Arrow memory.
package tap

import (
	"bytes"
	"context"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
)

// Row is a row of a sink: its values that are not null, as bool, int64, float64, string,
// []byte or arrow.Timestamp. Values of other types are left out.
type Row map[string]any

// tap is a sink whose rows are shown.
type tap struct {
	connectors.Sink
	most int
	show func(rows []Row)

	mu     sync.Mutex
	staged map[string][]seen // by what the sink says it has staged
}

// seen is the rows of one part of a batch.
type seen struct {
	batch rdd.BatchID
	rows  []Row
}

var _ connectors.Sink = (*tap)(nil)

// New returns a sink that passes all rows on to s and shows those of a batch when it has
// been published: of what one task stages the last, so many at the most. Show may be called from any goroutine, once a batch that has rows; what it is
// given is its own. Closing the sink closes s.
func New(s connectors.Sink, most int, show func(rows []Row)) connectors.Sink {
	return &tap{Sink: s, most: most, show: show, staged: map[string][]seen{}}
}

// Stage implements connectors.Sink.
func (t *tap) Stage(ctx context.Context, at rdd.Block, in rdd.Stream) (rdd.Staged, error) {
	var rows []Row
	staged, err := t.Sink.Stage(ctx, at, func(yield func(*rdd.Frame, error) bool) {
		for f, err := range in {
			if err == nil && f.Batch != nil {
				rows = t.last(rows, f.Batch)
			}
			if !yield(f, err) {
				return
			}
		}
	})
	if err != nil {
		return staged, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	part := string(staged.Part)
	rows = rows[max(len(rows)-t.most, 0):]
	t.staged[part] = append(t.staged[part], seen{at.Batch, rows})
	return staged, nil
}

// Publish implements connectors.Sink. Parts that were staged by a task which was run
// again are forgotten with their batch.
func (t *tap) Publish(ctx context.Context, c rdd.Commit, parts []rdd.Staged) error {
	if err := t.Sink.Publish(ctx, c, parts); err != nil {
		return err
	}
	t.mu.Lock()
	var rows []Row
	for _, p := range parts {
		list := t.staged[string(p.Part)]
		for i, s := range list {
			if s.batch == c.Batch {
				rows = append(rows, s.rows...)
				t.staged[string(p.Part)] = append(list[:i:i], list[i+1:]...)
				break
			}
		}
	}
	for part, list := range t.staged {
		if len(list) == 0 || list[len(list)-1].batch <= c.Batch {
			delete(t.staged, part)
		}
	}
	t.mu.Unlock()
	if len(rows) > 0 {
		t.show(rows)
	}
	return nil
}

// last appends the last rows of a batch, and forgets some when they are too many.
func (t *tap) last(out []Row, b arrow.RecordBatch) []Row {
	add := min(int(b.NumRows()), t.most)
	if len(out)+add > 2*t.most {
		out = append([]Row(nil), out[min(len(out), max(len(out)+add-t.most, 0)):]...)
	}
	return append(out, Rows(b, t.most)...)
}

// Rows are the last rows of a batch, so many at the most; they are the caller's.
func Rows(b arrow.RecordBatch, most int) []Row {
	n := int(b.NumRows())
	first := max(n-most, 0)
	out := make([]Row, n-first)
	for i := range out {
		out[i] = Row{}
	}
	for c, f := range b.Schema().Fields() {
		for i := range out {
			if v := plain(b.Column(c), first+i); v != nil {
				out[i][f.Name] = v
			}
		}
	}
	return out
}

// plain is a value of a row, or nil.
func plain(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int64:
		return a.Value(i)
	case *array.Float64:
		return a.Value(i)
	case *array.String:
		return strings.Clone(a.Value(i))
	case *array.Binary:
		return bytes.Clone(a.Value(i))
	case *array.Timestamp:
		return a.Value(i)
	case *array.Dictionary:
		return plain(a.Dictionary(), a.GetValueIndex(i))
	}
	return nil
}
