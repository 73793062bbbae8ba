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
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/spell"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/rdd"
)

// sink writes under one name. Parts lie in the store, so that any sink of the
// name can publish what another has staged.
type sink struct {
	store  *Store
	name   string
	labels []string
	desk   string // where others stage for this one
}

var _ connectors.Sink = (*sink)(nil)

func (s *Store) sink(_ context.Context, o rdd.Options, env connectors.Env) (connectors.Sink, error) {
	name, _ := o["name"].(string)
	k := &sink{store: s, name: name, labels: env.Labels}
	if env.Desk == "" {
		return k, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !env.Stages:
		s.desks[env.Desk], k.desk = true, env.Desk
	case !s.desks[env.Desk]:
		return nil, &connectors.OptionError{Kind: "memory", Option: "name",
			Text: "what is written lies in the process that drives the job: it cannot be written from another one, on a cluster"}
	}
	return k, nil
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
		p.batches = append(p.batches, Batch{ID: at.Batch, Label: label, Done: f.Header.Done, Record: rec})
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
	delete(k.store.desks, k.desk)
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
		if !types.Supported(f.Type) {
			return nil, fault.New(fault.Bug, "memory: column %q has the type %s", f.Name, f.Type)
		}
		if types.IsString(f.Type) {
			f.Type = arrow.BinaryTypes.String
		}
		fields[i] = f
	}
	cols := make([]arrow.Array, len(fields))
	for i := range cols {
		cols[i] = copyColumn(mem, b.Column(i))
		defer cols[i].Release()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, b.NumRows()), nil
}

// copyColumn gathers all rows, of a dictionary its values.
func copyColumn(mem memory.Allocator, a arrow.Array) arrow.Array {
	d, isDict := a.(*array.Dictionary)
	if !isDict {
		all := make(kernel.Sel, a.Len())
		for i := range all {
			all[i] = int32(i)
		}
		return kernel.Take(mem, a, all)
	}
	var rows, from kernel.Sel
	for i := range a.Len() {
		if d.IsValid(i) {
			rows, from = append(rows, int32(i)), append(from, int32(d.GetValueIndex(i)))
		}
	}
	dense := kernel.Take(mem, d.Dictionary(), from)
	defer dense.Release()
	return kernel.Scatter(mem, nil, dense, rows, a.Len())
}

// value is row i of a as [Row] documents it.
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
	case *array.Duration:
		return a.Value(i)
	case *array.Decimal128:
		return json.Number(spell.JSON(nil, a, i))
	case *array.Binary:
		return bytes.Clone(a.Value(i))
	case *array.Dictionary:
		return value(a.Dictionary(), a.GetValueIndex(i))
	}
	return nested(a, i)
}

func nested(a arrow.Array, i int) any {
	switch a := a.(type) {
	case *array.Struct:
		out := map[string]any{}
		t, _ := a.DataType().(*arrow.StructType)
		for k := range a.NumField() {
			out[t.Field(k).Name] = value(a.Field(k), i)
		}
		return out
	case *array.Map:
		out := [][2]any{}
		entries, _ := a.ListValues().(*array.Struct)
		for k, to := a.ValueOffsets(i); k < to; k++ {
			out = append(out, [2]any{value(entries.Field(0), int(k)), value(entries.Field(1), int(k))})
		}
		return out
	case array.ListLike:
		out := []any{}
		for k, to := a.ValueOffsets(i); k < to; k++ {
			out = append(out, value(a.ListValues(), int(k)))
		}
		return out
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
