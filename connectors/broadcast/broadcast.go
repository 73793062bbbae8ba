// Package broadcast is a sink that keeps one row, for the job itself to read: the newest
// that the job wrote, the one of the latest window. An operation Broadcast (package rdd)
// adds its columns to the rows of later batches.
//
// The row travels in the staged part, a [connectors.Result], through the receipt to the
// driver and from there into work orders and checkpoints. So any process may stage it,
// nothing is published and nothing is left behind. Memory for it comes from Env.Mem and is
// given back before Stage returns.
package broadcast

import (
	"bytes"
	"context"
	"encoding/json"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/codec"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/rdd"
)

// Kind describes the connector.
func Kind() connectors.Kind {
	return connectors.Kind{
		Name: "broadcast",
		Doc: "Keeps the newest row that a job wrote, for the job itself: a step `broadcast` adds its columns to the rows of later batches. " +
			"The rows must be results of a reduce by window_start alone; the newest is that of the latest window. Nothing is published.",
		Fields: []connectors.Field{
			{Name: "name", Type: connectors.String, Main: true, Required: true, For: connectors.Writing, Doc: "What the steps `broadcast` of the job call it."},
		},
		Examples: []connectors.Example{{Title: "Keep the last result of the job", YAML: "write: {broadcast: hourly}"}},
		Sink:     open,
	}
}

type sink struct {
	name string
	mem  memory.Allocator
}

var _ connectors.Sink = (*sink)(nil)

func open(_ context.Context, o rdd.Options, env connectors.Env) (connectors.Sink, error) {
	s := &sink{mem: env.Mem}
	s.name, _ = o["name"].(string)
	if s.name == "" {
		return nil, &connectors.OptionError{Kind: "broadcast", Option: "name", Text: "expected a name"}
	}
	if s.mem == nil {
		s.mem = memory.NewGoAllocator()
	}
	return s, nil
}

// Stage keeps the newest row: that with the greatest window_start, and of several with
// the same the one whose encoded bytes are the greatest.
func (s *sink) Stage(ctx context.Context, _ rdd.Block, in rdd.Stream) (rdd.Staged, error) {
	newest := connectors.Result{At: math.MinInt64}
	var staged rdd.Staged
	for f, err := range in {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && f.Batch != nil {
			staged.Rows += f.Batch.NumRows()
			err = s.offer(&newest, f.Batch)
		}
		if err != nil {
			return rdd.Staged{}, err
		}
	}
	part, err := json.Marshal(newest)
	staged.Part, staged.Bytes = part, int64(len(part))
	return staged, err
}

// offer makes the newest row of a batch the newest of all, if it is.
func (s *sink) offer(newest *connectors.Result, b arrow.RecordBatch) error {
	at := b.Schema().FieldIndices(rdd.WindowStart)
	if len(at) != 1 {
		return fault.New(fault.Invalid, "broadcast: %s: the rows have no column %s", s.name, rdd.WindowStart)
	}
	starts, ok := b.Column(at[0]).(*array.Timestamp)
	if !ok {
		return fault.New(fault.Invalid, "broadcast: %s: %s is %s and no instant", s.name, rdd.WindowStart, b.Column(at[0]).DataType())
	}
	var rows []int32 // those of the latest window
	last := newest.At
	for i, start := range starts.Values() {
		switch {
		case starts.IsNull(i) || int64(start) < last:
		case int64(start) > last:
			last, rows = int64(start), append(rows[:0], int32(i))
		default:
			rows = append(rows, int32(i))
		}
	}
	for _, i := range rows {
		raw, err := s.encode(b, i)
		if err != nil {
			return err
		}
		if last > newest.At || bytes.Compare(raw, newest.Rows) > 0 {
			*newest = connectors.Result{At: last, Rows: raw}
		}
	}
	return nil
}

// encode returns row i, strings plain, with nothing of the memory below a null.
func (s *sink) encode(b arrow.RecordBatch, i int32) ([]byte, error) {
	fields, cols := make([]arrow.Field, b.NumCols()), make([]arrow.Array, b.NumCols())
	for c, col := range b.Columns() {
		if d, ok := col.(*array.Dictionary); ok && d.IsValid(int(i)) {
			cols[c] = kernel.Take(s.mem, d.Dictionary(), []int32{int32(d.GetValueIndex(int(i)))})
		} else {
			cols[c] = one(s.mem, col, i)
		}
		defer cols[c].Release()
		fields[c] = arrow.Field{Name: b.ColumnName(c), Type: cols[c].DataType(), Nullable: true}
	}
	row := array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, 1)
	defer row.Release()
	raw, err := codec.EncodeRow(row)
	if fault.Of(err) == fault.Invalid && err != nil {
		return nil, fault.New(fault.Invalid, "broadcast: %s: %w", s.name, err)
	}
	return raw, err
}

func one(mem memory.Allocator, a arrow.Array, i int32) arrow.Array {
	if a.IsValid(int(i)) {
		return kernel.Take(mem, a, []int32{i})
	}
	dt := a.DataType()
	if dt.ID() == arrow.DICTIONARY {
		dt = arrow.BinaryTypes.String
	}
	return kernel.Nulls(mem, dt, 1)
}

// Publish has nothing to do: the driver has seen the parts already.
func (s *sink) Publish(_ context.Context, _ rdd.Commit, parts []rdd.Staged) error {
	for _, p := range parts {
		var r connectors.Result
		if err := json.Unmarshal(p.Part, &r); err != nil {
			return fault.New(fault.Invalid, "broadcast: %s: not a part of this sink: %w", s.name, err)
		}
	}
	return nil
}

// Close has nothing to remove: what was staged lies in its parts.
func (s *sink) Close() error { return nil }
