package bench

import (
	"context"
	"errors"
	"runtime"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/affine"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// Chain is the route of one label in a job of chains: a float column x of its
// events is taken through x*Mul[i] + Add[i] in turn, and then summed up and
// counted by the column feeder.
type Chain struct {
	Label    string // value of the column kind; the result's is Label_sums
	Column   string
	Mul, Add []float64
}

// chainGroup is the columns of one row group, split by label.
type chainGroup struct {
	kind  []arrow.Array
	parts [labels][]chainPart
}

// chainPart is the events of one label of one frame.
type chainPart struct {
	feeder, x arrow.Array
}

// chainSum is a group of a result.
type chainSum struct {
	x total
	n int64
}

// idealChains is an ideal run of a job of chains.
type idealChains struct {
	ideal
	chains [labels]Chain
	data   []chainGroup
	feeder names
}

// IdealChains runs a job of chains as [IdealMeter] runs its job: with nothing to
// decide, events split by label beforehand, and each label's maps fused into one
// loop over registers. The plan is an I-DAG plan of the job, with a sink for
// each chain, in their order; its sinks are written to. There are as many chains
// as labels of meter events, in the order of the job's labels. Events with nulls
// or without a label are fault.Invalid.
func IdealChains(ctx context.Context, p *planner.Plan, chains []Chain, kinds connectors.Registry, threads int) (out Outcome, ph Phases, err error) {
	read, err := Decode(ctx, p, kinds, threads)
	if err != nil {
		return out, ph, err
	}
	ph.Read, out.Rows = read.Wall, read.Rows
	m, err := newIdealChains(ctx, p, chains, kinds, threads)
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

func newIdealChains(ctx context.Context, p *planner.Plan, chains []Chain, kinds connectors.Registry, threads int) (*idealChains, error) {
	m := &idealChains{ideal: ideal{plan: p, kinds: kinds, threads: max(1, threads), mem: kernel.NewPool(idleBytes)}}
	if len(chains) != labels || len(p.Reads) != 1 || len(p.Writes) != labels {
		return nil, fault.New(fault.Invalid, "job %s: there is an ideal of %d chains with a sink each, of one source", p.Job.Name, labels)
	}
	copy(m.chains[:], chains)
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
	if m.in == nil {
		return nil, fault.New(fault.Invalid, "job %s: the plan has no scan", p.Job.Name)
	}
	m.data = make([]chainGroup, len(m.in.splits))
	return m, nil
}

func (m *idealChains) close() error {
	for i := range m.data {
		for _, a := range m.data[i].kind {
			a.Release()
		}
		for _, parts := range m.data[i].parts {
			for _, p := range parts {
				p.feeder.Release()
				p.x.Release()
			}
		}
	}
	return m.ideal.close()
}

// prepare decodes all events and splits them by label. It is not measured.
func (m *idealChains) prepare(ctx context.Context) error {
	at := map[string]int{"kind": 0, "feeder": 0}
	for _, c := range m.chains {
		at[c.Column] = 0
	}
	for name := range at {
		found := m.in.act.Raw.FieldIndices(name)
		if len(found) == 0 {
			return fault.New(fault.Invalid, "job %s: its events have no column %s", m.plan.Job.Name, name)
		}
		at[name] = found[0]
	}
	return m.in.each(ctx, m.threads, func(_, split int, f *rdd.Frame) error {
		if f.Batch == nil {
			return fault.New(fault.Invalid, "job %s: a row group was pruned, which its ideal knows nothing of", m.plan.Job.Name)
		}
		return m.split(&m.data[split], f, at)
	})
}

// split gathers the columns of each label.
func (m *idealChains) split(g *chainGroup, f *rdd.Frame, at map[string]int) error {
	kind := f.Batch.Column(at["kind"])
	codes := make([]uint8, f.Batch.NumRows())
	var counts [labels + 1]int64
	if err := label(kind, m.in.act.Tag.Values, codes, &counts); err != nil {
		return err
	}
	if counts[labels] > 0 {
		return fault.New(fault.Invalid, "job %s: %d rows have no label, which its ideal knows nothing of", m.plan.Job.Name, counts[labels])
	}
	kind.Retain()
	g.kind = append(g.kind, kind)
	var rows [labels][]int32
	for i, l := range codes {
		rows[l] = append(rows[l], int32(i))
	}
	for l, c := range m.chains {
		if len(rows[l]) == 0 {
			continue
		}
		p := chainPart{feeder: kernel.Take(m.mem, f.Batch.Column(at["feeder"]), rows[l]), x: kernel.Take(m.mem, f.Batch.Column(at[c.Column]), rows[l])}
		g.parts[l] = append(g.parts[l], p)
		if _, ok := p.x.(*array.Float64); !ok || p.x.NullN() > 0 || p.feeder.NullN() > 0 {
			return fault.New(fault.Invalid, "job %s: %s is %s with %d nulls, which its ideal knows nothing of", m.plan.Job.Name, c.Column, p.x.DataType(), p.x.NullN())
		}
	}
	return nil
}

// tag labels every row, as they come in.
func (m *idealChains) tag(ctx context.Context) error {
	scratch := make([][]uint8, m.threads)
	return deal(ctx, m.threads, len(m.data), func(_ context.Context, worker, piece int) error {
		var counts [labels + 1]int64
		for _, kind := range m.data[piece].kind {
			if cap(scratch[worker]) < kind.Len() {
				scratch[worker] = make([]uint8, kind.Len())
			}
			if err := label(kind, m.in.act.Tag.Values, scratch[worker][:kind.Len()], &counts); err != nil {
				return err
			}
		}
		for l, parts := range m.data[piece].parts {
			for _, p := range parts {
				counts[l] -= int64(p.x.Len())
			}
		}
		if counts != [labels + 1]int64{} {
			return fault.New(fault.Bug, "ideal: the labels changed: %v", counts)
		}
		return nil
	})
}

// chainWork is what one thread makes of its row groups: groups by the number of
// their feeder.
type chainWork struct {
	feeder numbering
	sums   [labels][]chainSum
	block  [blockRows]float64
}

// compute runs the loops, merges the threads' groups and makes the results.
func (m *idealChains) compute(ctx context.Context) error {
	work := make([]chainWork, m.threads)
	for i := range work {
		work[i].feeder.of = &m.feeder
	}
	err := deal(ctx, m.threads, len(m.data), func(_ context.Context, worker, piece int) error {
		w := &work[worker]
		for l, parts := range m.data[piece].parts {
			for _, p := range parts {
				if err := w.add(l, &m.chains[l], p); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range work[1:] {
		for l, from := range work[1+i].sums {
			work[0].grow(l, len(from))
			for g, s := range from {
				work[0].sums[l][g].x.merge(s.x)
				work[0].sums[l][g].n += s.n
			}
		}
	}
	names := m.feeder.in.Values(m.mem)
	defer names.Release()
	for l, sums := range work[0].sums {
		m.results = append(m.results, result{m.chains[l].Label + "_sums", chainResult(m.mem, names, sums)})
	}
	return nil
}

func (w *chainWork) grow(l, n int) {
	if have := len(w.sums[l]); have < n {
		w.sums[l] = append(w.sums[l], make([]chainSum, n-have)...)
	}
}

// blockRows go through the maps and into the sums at a time: they stay in the first cache.
const blockRows = 1024

// add is the fused loop: the maps by vector instructions, over registers, and behind
// them the sums.
func (w *chainWork) add(l int, c *Chain, p chainPart) error {
	codes, err := w.feeder.codes(p.feeder)
	if err != nil {
		return err
	}
	w.grow(l, w.feeder.bound)
	var steps []affine.Step
	for k, f := range c.Mul {
		steps = append(steps, affine.Step{Mul: f, Add: c.Add[k]})
	}
	col, _ := p.x.(*array.Float64)
	ids, sums := w.feeder.ids, w.sums[l]
	for x := col.Float64Values(); len(x) > 0; {
		n := min(blockRows, len(x))
		vals := w.block[:n]
		affine.Run(vals, x, steps)
		for i, code := range codes[:n] {
			g := &sums[ids[code]]
			g.x.add(vals[i])
			g.n++
		}
		x, codes = x[n:], codes[n:]
	}
	return nil
}

func chainResult(mem memory.Allocator, names arrow.Array, sums []chainSum) arrow.RecordBatch {
	var feeder []int32
	var x []float64
	var n []int64
	for i := range sums {
		if s := &sums[i]; s.n > 0 {
			feeder, x, n = append(feeder, int32(i)), append(x, s.x.value()), append(n, s.n)
		}
	}
	t := table{mem: mem}
	t.text("feeder", feeder, names)
	t.floats("x", x, nil)
	t.ints("n", n)
	return t.batch()
}
