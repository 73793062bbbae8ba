package cli

import (
	"context"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
)

// row is a row of a sink as a view is shown it: its values that are not null, as bool,
// int64, float64, string or arrow.Timestamp. Values of other types are left out.
type row map[string]any

// tap passes rows on to a sink and, when a batch of them is published, to a view.
type tap struct {
	connectors.Sink
	output string
	show   func(output string, rows []row)

	mu     sync.Mutex
	staged map[string][]seen // by what the sink says it has staged
}

// seen is the rows of one part of a batch.
type seen struct {
	batch rdd.BatchID
	rows  []row
}

var _ connectors.Sink = (*tap)(nil)

func newTap(output string, s connectors.Sink, show func(string, []row)) *tap {
	return &tap{Sink: s, output: output, show: show, staged: map[string][]seen{}}
}

// Stage implements connectors.Sink.
func (t *tap) Stage(ctx context.Context, at rdd.Block, in rdd.Stream) (rdd.Staged, error) {
	var rows []row
	staged, err := t.Sink.Stage(ctx, at, func(yield func(*rdd.Frame, error) bool) {
		for f, err := range in {
			if err == nil && f.Batch != nil {
				rows = appendRows(rows, f.Batch)
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
	var rows []row
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
		t.show(t.output, rows)
	}
	return nil
}

func appendRows(out []row, b arrow.RecordBatch) []row {
	from := len(out)
	for range b.NumRows() {
		out = append(out, row{})
	}
	for c, f := range b.Schema().Fields() {
		for i := range int(b.NumRows()) {
			if v := plain(b.Column(c), i); v != nil {
				out[from+i][f.Name] = v
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
		return a.Value(i)
	case *array.Timestamp:
		return a.Value(i)
	case *array.Dictionary:
		return plain(a.Dictionary(), a.GetValueIndex(i))
	}
	return nil
}
