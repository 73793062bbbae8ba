// Package console is a sink that prints rows to the terminal, or whatever
// stands for it in Env.Out, as tables or as lines of JSON.
//
// A staged part is its rows in words: the first few of them, as many as limit
// allows, lie in the part itself. So any process may publish what another has
// staged, and nothing is left behind when nobody does. Publish prints the rows
// of a batch with one call of Write. It holds no Arrow memory.
package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Kind describes the connector.
func Kind() connectors.Kind {
	return connectors.Kind{
		Name: "console",
		Doc:  "Prints rows, each batch at once, to see what a job does. A terminal keeps nothing: after a crash a batch may be printed again.",
		Fields: []connectors.Field{
			{Name: "name", Type: connectors.String, Main: true, Doc: "Printed above each table."},
			{Name: "format", Type: connectors.String, Default: "table", Enum: []string{"table", "json"}, Doc: "A table for each label, or one JSON object a row with its label in `_label`."},
			{Name: "limit", Type: connectors.Int, Default: int64(20), Doc: "Rows printed of each label and batch; 0 prints all and keeps them in memory until then."},
		},
		Examples: []connectors.Example{
			{Title: "Print the first rows of each batch", YAML: "write: console"},
			{Title: "Print everything for another program to read", YAML: "write: {console: {format: json, limit: 0}}"},
		},
		Sink: open,
	}
}

type sink struct {
	name   string
	json   bool
	limit  int64 // 0: none
	labels []string
	out    io.Writer

	mu    sync.Mutex
	epoch int64
	done  map[rdd.BatchID]bool
}

var _ connectors.Sink = (*sink)(nil)

func open(_ context.Context, o rdd.Options, env connectors.Env) (connectors.Sink, error) {
	s := &sink{labels: env.Labels, out: env.Out, done: map[rdd.BatchID]bool{}}
	s.name, _ = o["name"].(string)
	s.json = o["format"] == "json"
	s.limit, _ = o["limit"].(int64)
	if s.limit < 0 {
		return nil, &connectors.OptionError{Kind: "console", Option: "limit", Text: fmt.Sprintf("expected 0 or more, got %d", s.limit)}
	}
	if s.out == nil {
		s.out = io.Discard
	}
	return s, nil
}

// rows are the rows of one label in a part: values as JSON, for null is one.
type rows struct {
	Label   string              `json:"label"`
	Columns []string            `json:"columns"`
	Rows    [][]json.RawMessage `json:"rows"`
	Total   int64               `json:"total"` // how many there were
}

// Stage puts the rows in words, in sequence, by label and columns.
func (s *sink) Stage(ctx context.Context, _ rdd.Block, in rdd.Stream) (rdd.Staged, error) {
	var staged rdd.Staged
	var part []*rows
	for f, err := range in {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return rdd.Staged{}, err
		}
		if f.Batch == nil {
			continue
		}
		label := ""
		if f.Header.Labels != 0 {
			label = f.Header.Labels.Names(s.labels)
		}
		var r *rows
		part, r = find(part, label, columns(f.Batch))
		n := f.Batch.NumRows()
		keep := n
		if s.limit > 0 {
			keep = min(n, s.limit-int64(len(r.Rows)))
		}
		r.take(f.Batch, int(keep))
		r.Total += n
		staged.Rows += n
	}
	raw, err := encode(part)
	staged.Part, staged.Bytes = raw, int64(len(raw))
	return staged, err
}

func (s *sink) Publish(_ context.Context, c rdd.Commit, parts []rdd.Staged) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Epoch < s.epoch {
		return fault.New(fault.Invalid, "console: epoch %d is over, %d has begun", c.Epoch, s.epoch)
	}
	s.epoch = c.Epoch
	if s.done[c.Batch] {
		return nil
	}
	var all []*rows
	for _, p := range parts {
		var list []*rows
		if err := json.Unmarshal(p.Part, &list); err != nil {
			return fault.New(fault.Invalid, "console: not a part of this sink: %w", err)
		}
		for _, r := range list {
			var to *rows
			all, to = find(all, r.Label, r.Columns)
			to.Rows = append(to.Rows, r.Rows...)
			to.Total += r.Total
		}
	}
	var b bytes.Buffer
	for _, r := range all {
		if s.limit > 0 && int64(len(r.Rows)) > s.limit {
			r.Rows = r.Rows[:s.limit]
		}
		if s.json {
			r.lines(&b)
			continue
		}
		r.table(&b, s.title(r, c.Batch))
	}
	if b.Len() > 0 {
		if _, err := s.out.Write(b.Bytes()); err != nil {
			return fault.New(fault.Retry, "console: %w", err)
		}
	}
	s.done[c.Batch] = true
	return nil
}

// Close has nothing to remove: what was staged lies in its parts.
func (s *sink) Close() error { return nil }

// find returns the rows of a label with these columns, new ones at the end of
// list if need be.
func find(list []*rows, label string, columns []string) ([]*rows, *rows) {
	for _, r := range list {
		if r.Label == label && slices.Equal(r.Columns, columns) {
			return list, r
		}
	}
	r := &rows{Label: label, Columns: columns}
	return append(list, r), r
}

func (s *sink) title(r *rows, batch rdd.BatchID) string {
	title := "batch " + strconv.FormatInt(int64(batch), 10)
	for _, t := range []string{r.Label, s.name} {
		if t != "" {
			title = t + ", " + title
		}
	}
	if shown := int64(len(r.Rows)); shown < r.Total {
		return fmt.Sprintf("%s: %d of %d rows", title, shown, r.Total)
	}
	return fmt.Sprintf("%s: %d rows", title, r.Total)
}
