package executor

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/agg"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// partial aggregates the rows of a task before the shuffle, and sends each
// group to its key group as keys and states. Routes that meet in one Reduce
// share a table: their groups are the same.
type partial struct {
	run  *run
	node *physical.Node
	out  physical.Outlet
	to   physical.Partial
}

// table returns the task's table for the stage behind this outlet.
func (o *partial) table() *agg.Table {
	t, ok := o.run.tables[o.key()]
	if !ok {
		t = o.run.x.tables.take(o.run.mem, o.to.Stage, &o.to.Grouping)
		o.run.tables[o.key()] = t
	}
	return t
}

// tableKey names a table of a task: groups that are in place are not mixed with
// others.
type tableKey struct {
	stage   int
	inPlace bool
}

func (o *partial) key() tableKey { return tableKey{o.to.Stage, o.to.InPlace} }

func (o *partial) apply(_ context.Context, c *chunk, _ func(*chunk) error) error {
	keys := make([]arrow.Array, len(o.to.By))
	for i, k := range o.to.By {
		keys[i] = c.cols[k]
	}
	args := make([]arrow.Array, len(o.to.Aggs))
	for i, a := range o.to.Aggs {
		if a.Arg >= 0 {
			args[i] = c.cols[a.Arg]
		}
	}
	order := o.order(c)
	defer releaseAll([]arrow.Array{order.Partition, order.Seq, order.Child})
	return o.table().Update(keys, args, order, c.rows)
}

// order is the order of events, for first and last: event time, source
// partition, sequence, child ordinal.
func (o *partial) order(c *chunk) agg.Order {
	out := agg.Order{Places: o.places(c)}
	if !o.to.Order {
		return out
	}
	if o.to.Time >= 0 {
		out.Time = c.cols[o.to.Time]
	}
	part := int64(c.origin.Source)<<32 | int64(c.origin.Partition)
	out.Partition = int64s(o.run.mem, c.rows, func(int) int64 { return part })
	out.Seq = int64s(o.run.mem, c.rows, c.origin.Seq)
	out.Child = int64s(o.run.mem, c.rows, func(i int) int64 {
		if c.origin.Child == nil {
			return 0
		}
		return c.origin.Child[i]
	})
	return out
}

// places tells rows apart, where an aggregate asks for it: events by the hash of
// their place, groups, which have none, by that of their columns.
func (o *partial) places(c *chunk) []uint64 {
	if !o.to.Places {
		return nil
	}
	if c.labels&o.to.Groups == 0 {
		return placeHashes(o.run.mem, c, 0)
	}
	names, cols := make([]string, len(o.to.Content)), make([]arrow.Array, len(o.to.Content))
	for i, at := range o.to.Content {
		names[i], cols[i] = o.node.In.Field(at).Name, c.cols[at]
	}
	out := agg.ContentHashes(names, cols, c.rows)
	if c.labels&^o.to.Groups == 0 {
		return out
	}
	events := placeHashes(o.run.mem, c, 0)
	for i, label := range c.codes() {
		if !o.to.Groups.Has(int(label)) {
			out[i] = events[i]
		}
	}
	return out
}

// close cuts the groups by key group: they are laid out in that order once and
// every block is a slice.
func (o *partial) close(_ context.Context, r *work.Receipt) error {
	table, ok := o.run.tables[o.key()]
	if !ok {
		return nil // no rows, or another outlet was there first
	}
	defer o.abandon()
	if o.to.Gap != 0 {
		joined, err := joinSessions(o.run.mem, &o.to.Grouping, table)
		if err != nil {
			return err
		}
		if joined != table {
			defer joined.Release()
			table = joined
		}
	}
	rows, ends := o.byKeyGroup(table)
	cols := append(table.Keys(rows), table.States(rows)...)
	defer releaseAll(cols)
	whole := record(func(int) string { return "" }, cols, table.Len())
	defer whole.Release()
	from := 0
	for p, to := range ends {
		if to > from {
			if o.to.InPlace {
				p = o.run.task.Index
			}
			b := o.run.block(o.out.ID, p)
			b.Rows = int64(to - from)
			part := whole.NewSlice(int64(from), int64(to))
			b.Bytes = sizeOf(part) * b.Rows / max(int64(table.Len()), 1)
			if err := o.run.x.Blocks.Put(b, framesOf(rdd.Header{Labels: o.out.For, Origin: rdd.Origin{Source: -1}}, part)); err != nil {
				return err
			}
			r.Blocks = append(r.Blocks, b)
		}
		from = to
	}
	return nil
}

// byKeyGroup returns the groups ordered by key group, and where each key group
// ends.
func (o *partial) byKeyGroup(table *agg.Table) (rows []int32, ends []int) {
	parts := o.run.x.Plan.Job.Settings.KeyGroups
	n := table.Len()
	if o.to.InPlace {
		return nil, []int{n}
	}
	rows, ends = make([]int32, n), make([]int, parts)
	if len(o.to.By) == 0 {
		for p := range ends {
			ends[p] = n
		}
		for i := range rows {
			rows[i] = int32(i)
		}
		return rows, ends
	}
	if o.to.Pane != 0 || o.to.Gap != 0 {
		return keyGroups(hashesWithout(table, o.to.Window), parts)
	}
	return keyGroups(table.Hashes(), parts)
}

// hashesWithout hashes the keys of the groups but one: panes that windows share,
// and the rows of sessions, are put together in one key group.
func hashesWithout(table *agg.Table, key int) []uint64 {
	keys := table.Keys(nil)
	defer releaseAll(keys)
	others := slices.Concat(keys[:key], keys[key+1:])
	return kernel.HashRows(others, make([]uint64, table.Len()))
}

func (o *partial) abandon() {
	if t, ok := o.run.tables[o.key()]; ok {
		delete(o.run.tables, o.key())
		o.run.x.tables.giveBack(o.to.Stage, t)
	}
}

// newTable makes an empty aggregation of a grouping.
func newTable(mem memory.Allocator, g *physical.Grouping) *agg.Table {
	keys := make([]arrow.DataType, 0, len(g.Keys))
	for _, k := range g.Keys {
		keys = append(keys, k.Type)
	}
	specs := make([]agg.Spec, 0, len(g.Aggs))
	for _, a := range g.Aggs {
		specs = append(specs, agg.Spec{Func: a.Func, Arg: a.Type, K: a.K, Error: a.Error, Key: a.Key, Own: a.Own})
	}
	return agg.NewTable(mem, keys, specs)
}

// framesOf takes over a batch as the one frame of a block.
func framesOf(h rdd.Header, b arrow.RecordBatch) *rdd.Frames {
	defer b.Release()
	f := new(rdd.Frames)
	f.Keep(&rdd.Frame{Header: h, Batch: b})
	return f
}

// block names a block of this task.
func (r *run) block(outlet, partition int) rdd.Block {
	return rdd.Block{Batch: r.task.Batch, Stage: r.task.Stage, Outlet: outlet, Task: r.task.Index,
		Partition: partition, Node: r.x.Node}
}

var _ outlet = (*partial)(nil)
