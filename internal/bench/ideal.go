package bench

import (
	"context"
	"errors"
	"io"
	"runtime"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// Phases are the parts of an ideal run. They follow one another, each on all
// threads, and add up to its wall time.
type Phases struct {
	// Read is [Decode]: the files are opened and their columns decoded.
	Read time.Duration
	// Tag is the label of every row, and the hash of the rows that need one.
	Tag time.Duration
	// Compute is the fused kernels, the merge of the threads' groups, and the
	// result as Arrow columns.
	Compute time.Duration
	// Sink is the checksum of the result, and all of the result through the
	// job's own sinks until it is published.
	Sink time.Duration
}

// IdealMeter runs the job meter as it would run with nothing to decide: no
// planner, header, locator, operator tree, driver, ledger, shuffle or state from
// batch to batch. While no clock runs the events are decoded, split by label and
// gathered, and they stay in memory. Each phase is measured: reading and
// releasing the columns that the plan reads, tagging, computing (one loop a
// label, with the same compensated sums), and writing the result rows through
// the sinks of the plan, one part each, in one batch.
//
// The plan is an I-DAG plan of the job; its sinks are written to. The events are
// to be as the generator makes them: no nulls but in code, finite readings and
// nothing late. Other events are fault.Invalid or give another checksum; callers
// compare it with the engine's every time.
func IdealMeter(ctx context.Context, p *planner.Plan, kinds connectors.Registry, threads int) (out Outcome, ph Phases, err error) {
	// Read before the heap holds all events: that would spare it collections.
	read, err := Decode(ctx, p, kinds, threads)
	if err != nil {
		return out, ph, err
	}
	ph.Read, out.Rows = read.Wall, read.Rows
	m, err := newIdeal(ctx, p, kinds, threads)
	if err != nil {
		return out, ph, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if err := m.prepare(ctx); err != nil {
		return out, ph, err
	}
	runtime.GC()
	if ph.Tag, err = timed(func() error { return m.tag(ctx) }); err != nil {
		return out, ph, err
	}
	if ph.Compute, err = timed(func() error { return m.compute(ctx) }); err != nil {
		return out, ph, err
	}
	if ph.Sink, err = timed(func() error { return m.sink(ctx, &out) }); err != nil {
		return out, ph, err
	}
	out.Wall = ph.Read + ph.Tag + ph.Compute + ph.Sink
	return out, ph, nil
}

func timed(f func() error) (time.Duration, error) {
	start := time.Now()
	err := f()
	return time.Since(start), err
}

// ideal is one ideal run.
type ideal struct {
	plan    *planner.Plan
	kinds   connectors.Registry
	threads int
	mem     memory.Allocator
	in      *input
	groups  []rowGroup
	names   meterNames
	window  int64 // size in microseconds
	results []result
	sinks   []connectors.Sink
}

// rowGroup is what one split holds, ready to be worked on.
type rowGroup struct {
	kind  []arrow.Array // of all rows, a frame each
	parts [labels][]part
}

// part is the rows of one label of one frame.
type part struct {
	cols [columns]arrow.Array // nil where the label's route has no use for it
	rows int
	seq  []int64  // errors only
	hash []uint64 // errors only, filled when they are tagged
}

// result is the rows for one sink.
type result struct {
	label string
	batch arrow.RecordBatch
}

func newIdeal(ctx context.Context, p *planner.Plan, kinds connectors.Registry, threads int) (*ideal, error) {
	m := &ideal{plan: p, kinds: kinds, threads: max(1, threads), mem: kernel.NewPool(idleBytes)}
	if p.Job.Name != "meter" || len(p.Reads) != 1 || len(p.Writes) != 4 {
		return nil, fault.New(fault.Invalid, "there is an ideal of the job meter only, not of %s", p.Job.Name)
	}
	for i := range p.Ops {
		if w, ok := p.Ops[i].Dataset.Op().(rdd.Window); ok {
			m.window = w.Size.Microseconds()
		}
	}
	for i := range p.Stages {
		act, ok := p.Stages[i].Root.Action.(physical.Scan)
		if !ok {
			continue
		}
		var err error
		if m.in, err = openInput(ctx, p, act, kinds, m.mem); err != nil {
			return nil, err
		}
	}
	if m.in == nil || m.window <= 0 {
		return nil, fault.New(fault.Invalid, "job meter: the plan has no scan or no window")
	}
	m.groups = make([]rowGroup, len(m.in.splits))
	return m, nil
}

// close releases everything.
func (m *ideal) close() error {
	for i := range m.groups {
		m.groups[i].release()
	}
	for _, r := range m.results {
		r.batch.Release()
	}
	err := m.in.src.Close()
	for _, s := range m.sinks {
		err = errors.Join(err, s.Close())
	}
	return err
}

func (g *rowGroup) release() {
	for _, a := range g.kind {
		a.Release()
	}
	for _, parts := range g.parts {
		for i := range parts {
			for _, a := range parts[i].cols {
				if a != nil {
					a.Release()
				}
			}
		}
	}
}

// prepare decodes all events and splits them by label. It is not measured.
func (m *ideal) prepare(ctx context.Context) error {
	at, err := m.places()
	if err != nil {
		return err
	}
	return m.in.each(ctx, m.threads, func(_, split int, f *rdd.Frame) error {
		if f.Batch == nil {
			return fault.New(fault.Invalid, "job meter: a row group was pruned, which its ideal knows nothing of")
		}
		return m.groups[split].add(m.mem, f, at, m.in.act.Tag.Values)
	})
}

// places finds the columns among those read.
func (m *ideal) places() (at [columns]int, err error) {
	for c := range columns {
		found := m.in.act.Raw.FieldIndices(columnName(c))
		if len(found) == 0 {
			return at, fault.New(fault.Invalid, "job meter: its events have no column %s", columnName(c))
		}
		at[c] = found[0]
	}
	return at, nil
}

// add splits a frame by label and gathers the columns that each label needs.
func (g *rowGroup) add(mem memory.Allocator, f *rdd.Frame, at [columns]int, values map[string]int) error {
	kind := f.Batch.Column(at[colKind])
	codes := make([]uint8, f.Batch.NumRows())
	var counts [labels + 1]int64
	if err := label(kind, values, codes, &counts); err != nil {
		return err
	}
	if counts[labels] > 0 {
		return fault.New(fault.Invalid, "job meter: %d rows have no label, which its ideal knows nothing of", counts[labels])
	}
	kind.Retain()
	g.kind = append(g.kind, kind)
	var rows [labels][]int32
	for i, l := range codes {
		rows[l] = append(rows[l], int32(i))
	}
	for l := range labels {
		if len(rows[l]) == 0 {
			continue
		}
		p := part{rows: len(rows[l])}
		for _, c := range needs(l) {
			p.cols[c] = kernel.Take(mem, f.Batch.Column(at[c]), rows[l])
		}
		if l == labelError {
			for _, r := range rows[l] {
				p.seq = append(p.seq, f.Header.Origin.Seq(int(r)))
			}
			p.hash = make([]uint64, p.rows)
		}
		g.parts[l] = append(g.parts[l], p)
		if err := p.check(); err != nil {
			return err
		}
	}
	return nil
}

// check refuses nulls where the loops do not look for any.
func (p *part) check() error {
	for c, a := range p.cols {
		if a != nil && c != colCode && a.NullN() > 0 {
			return fault.New(fault.Invalid, "job meter: nulls in %s, which its ideal knows nothing of", columnName(c))
		}
	}
	return nil
}

// tag labels every row and hashes the errors, as they come in.
func (m *ideal) tag(ctx context.Context) error {
	scratch := make([][]uint8, m.threads)
	return deal(ctx, m.threads, len(m.groups), func(_ context.Context, worker, piece int) error {
		var counts [labels + 1]int64
		g := &m.groups[piece]
		for _, kind := range g.kind {
			if cap(scratch[worker]) < kind.Len() {
				scratch[worker] = make([]uint8, kind.Len())
			}
			if err := label(kind, m.in.act.Tag.Values, scratch[worker][:kind.Len()], &counts); err != nil {
				return err
			}
		}
		for l, parts := range g.parts {
			for i := range parts {
				counts[l] -= int64(parts[i].rows)
				if l == labelError {
					parts[i].hash = kernel.HashRows([]arrow.Array{parts[i].cols[colMeter], parts[i].cols[colTime]}, parts[i].hash)
				}
			}
		}
		if counts != [labels + 1]int64{} {
			return fault.New(fault.Bug, "ideal: the labels changed: %v", counts)
		}
		return nil
	})
}

// label writes the label of every row, labels for a row that has none, and
// counts them.
func label(kind arrow.Array, values map[string]int, codes []uint8, counts *[labels + 1]int64) error {
	of := func(text *array.String, i int) uint8 {
		if l, ok := values[text.Value(i)]; ok && l < labels && text.IsValid(i) {
			return uint8(l)
		}
		return labels
	}
	switch kind := kind.(type) {
	case *array.String:
		for i := range codes {
			codes[i] = of(kind, i)
			counts[codes[i]]++
		}
		return nil
	case *array.Dictionary:
		text, ok1 := kind.Dictionary().(*array.String)
		idx, ok2 := kind.Indices().(*array.Int32)
		if !ok1 || !ok2 || kind.NullN() > 0 {
			break
		}
		lut := make([]uint8, text.Len())
		for i := range lut {
			lut[i] = of(text, i)
		}
		for i, c := range idx.Int32Values() {
			codes[i] = lut[c]
			counts[lut[c]]++
		}
		return nil
	}
	return fault.New(fault.Invalid, "job meter: the label is %s with %d nulls", kind.DataType(), kind.NullN())
}

// compute runs the loops and makes the result.
func (m *ideal) compute(ctx context.Context) error {
	work := make([]*meterWork, m.threads)
	for i := range work {
		work[i] = newMeterWork(m.window, &m.names)
	}
	err := deal(ctx, m.threads, len(m.groups), func(_ context.Context, worker, piece int) error {
		return work[worker].add(&m.groups[piece])
	})
	if err != nil {
		return err
	}
	for _, w := range work[1:] {
		work[0].merge(w)
	}
	m.results = work[0].results(m.mem)
	return nil
}

// sink writes each result to its sink, and sums it up.
func (m *ideal) sink(ctx context.Context, out *Outcome) error {
	sums := make([]kernel.Checksum, len(m.results))
	m.sinks = make([]connectors.Sink, len(m.results))
	err := deal(ctx, m.threads, len(m.results), func(ctx context.Context, _, i int) (err error) {
		r := &m.results[i]
		sums[i].AddBatch(r.label, r.batch)
		op := &m.plan.Ops[m.plan.Writes[i]]
		m.sinks[i], err = m.kinds.Sink(ctx, op.Dataset, connectors.Env{Job: m.plan.Job.Name,
			Labels: m.plan.Job.Labels, Schemas: op.Schemas, Mem: m.mem, Out: io.Discard})
		if err != nil {
			return err
		}
		return m.publish(ctx, m.sinks[i], i, r)
	})
	var whole kernel.Checksum
	for i, s := range sums {
		whole.Merge(s)
		out.RowsOut += m.results[i].batch.NumRows()
	}
	out.Checksum = whole.String()
	// Sinks that could not be opened are not there to be closed.
	var open []connectors.Sink
	for _, s := range m.sinks {
		if s != nil {
			open = append(open, s)
		}
	}
	m.sinks = open
	return err
}

// publish writes one result in frames as the engine's, and publishes it.
func (m *ideal) publish(ctx context.Context, to connectors.Sink, i int, r *result) error {
	var set rdd.LabelSet
	for l, name := range m.plan.Job.Labels {
		if name == r.label {
			set = 1 << uint(l)
		}
	}
	rows, limit := r.batch.NumRows(), int64(m.plan.Job.Settings.FrameRows)
	staged, err := to.Stage(ctx, rdd.Block{Batch: 1, Stage: i}, func(yield func(*rdd.Frame, error) bool) {
		for at := int64(0); at < rows; at += limit {
			b := r.batch.NewSlice(at, min(at+limit, rows))
			more := yield(&rdd.Frame{Header: rdd.Header{Labels: set, Origin: rdd.Origin{Source: -1}}, Batch: b}, nil)
			b.Release()
			if !more {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return to.Publish(ctx, rdd.Commit{Job: m.plan.Job.Name, Batch: 1, Epoch: 1}, []rdd.Staged{staged})
}
