package memory

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// sink writes under one name. Parts lie in the store, so that any sink of the
// name can publish what another has staged.
type sink struct {
	store  *Store
	name   string
	labels []string
}

var _ connectors.Sink = (*sink)(nil)

func (s *Store) sink(_ context.Context, o rdd.Options, env connectors.Env) (connectors.Sink, error) {
	name, _ := o["name"].(string)
	return &sink{store: s, name: name, labels: env.Labels}, nil
}

// ticket is what a Staged part carries.
type ticket struct {
	ID int64 `json:"id"`
}

func (k *sink) Stage(ctx context.Context, at rdd.Block, in rdd.Stream) (staged rdd.Staged, err error) {
	p := part{owner: k}
	defer func() {
		if err != nil {
			p.release()
		}
	}()
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
		rec, err := copyBatch(k.store.mem, f.Batch)
		if err != nil {
			return rdd.Staged{}, err
		}
		label := ""
		if f.Header.Labels != 0 {
			label = f.Header.Labels.Names(k.labels)
		}
		p.batches = append(p.batches, Batch{ID: at.Batch, Label: label, Record: rec})
		staged.Rows += rec.NumRows()
	}
	k.store.mu.Lock()
	defer k.store.mu.Unlock()
	k.store.lastID++
	k.store.staged[k.store.lastID] = p
	staged.Part, err = json.Marshal(ticket{ID: k.store.lastID})
	return staged, err
}

func (k *sink) Publish(_ context.Context, c rdd.Commit, parts []rdd.Staged) error {
	t := target{name: k.name}
	ids := make([]int64, len(parts))
	for i, p := range parts {
		var got ticket
		if err := json.Unmarshal(p.Part, &got); err != nil {
			return fault.New(fault.Invalid, "memory: %s: not a part of this sink: %w", k.name, err)
		}
		t.sink, ids[i] = p.Sink, got.ID
	}
	return k.store.publish(t, c, ids)
}

// Close removes what this sink staged and nobody published.
func (k *sink) Close() error {
	k.store.mu.Lock()
	defer k.store.mu.Unlock()
	for id, p := range k.store.staged {
		if p.owner == k {
			p.release()
			delete(k.store.staged, id)
		}
	}
	return nil
}

// copyBatch copies b into mem, strings decoded.
func copyBatch(mem memory.Allocator, b arrow.RecordBatch) (arrow.RecordBatch, error) {
	fields := make([]arrow.Field, b.NumCols())
	for i, f := range b.Schema().Fields() {
		if !known(f.Type) {
			return nil, fault.New(fault.Bug, "memory: column %q has the type %s", f.Name, f.Type)
		}
		if isString(f.Type) {
			f.Type = arrow.BinaryTypes.String
		}
		fields[i] = f
	}
	cols := make([]arrow.Array, len(fields))
	for i := range cols {
		cols[i] = copyColumn(mem, fields[i].Type, b.Column(i))
		defer cols[i].Release()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, b.NumRows()), nil
}

func copyColumn(mem memory.Allocator, t arrow.DataType, a arrow.Array) arrow.Array {
	b := array.NewBuilder(mem, t)
	defer b.Release()
	b.Reserve(a.Len())
	for i := range a.Len() {
		switch v := value(a, i).(type) {
		case nil:
			b.AppendNull()
		case bool:
			b.(*array.BooleanBuilder).Append(v)
		case int64:
			b.(*array.Int64Builder).Append(v)
		case float64:
			b.(*array.Float64Builder).Append(v)
		case string:
			b.(*array.StringBuilder).Append(v)
		case arrow.Timestamp:
			b.(*array.TimestampBuilder).Append(v)
		case arrow.Date32:
			b.(*array.Date32Builder).Append(v)
		case []byte:
			b.(*array.BinaryBuilder).Append(v)
		}
	}
	return b.NewArray()
}

// value returns row i of a, nil for null. It boxes: this is no hot path.
func value(a arrow.Array, i int) any {
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
	case *array.Date32:
		return a.Value(i)
	case *array.Binary:
		return bytes.Clone(a.Value(i))
	case *array.Dictionary:
		return value(a.Dictionary(), a.GetValueIndex(i))
	}
	return nil
}

func appendRows(out []Row, b Batch) []Row {
	for i := range int(b.Record.NumRows()) {
		r := Row{Batch: b.ID, Label: b.Label, Values: map[string]any{}}
		for c, f := range b.Record.Schema().Fields() {
			if v := value(b.Record.Column(c), i); v != nil {
				r.Values[f.Name] = v
			}
		}
		out = append(out, r)
	}
	return out
}
