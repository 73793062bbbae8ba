package executor

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/part"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// dispatcher labels the frames of a source and sends each row down the route of
// its label. Of the rows of a route only the columns that the route needs are
// gathered; a frame that goes down one route as a whole is not touched.
type dispatcher struct {
	run    *run
	root   *physical.Node
	tagger tagger
	routes []*step
	from   [][]int           // by route: planner.Route.From
	route  [part.Codes]uint8 // by label: its route, or len(routes) for none
	cutter *part.Cutter
	parts  []part.Part // by route: the rows of the frame
	times  partTimes

	entries entries
	trusted bool     // rows may enter
	bounds  []string // columns whose bounds may prove something
	cached  []*step  // by route: behind which its rows are cached; nil where they are not
}

// bin is where a label, or a reason to have none, is counted: never negative.
func bin(code int32) uint8 { return uint8(code - rejected) }

func newDispatcher(r *run, act physical.Scan, root *physical.Node, routes []*step) *dispatcher {
	d := &dispatcher{run: r, root: root, routes: routes, tagger: tagger{run: r, tag: act.Tag}}
	for l := range d.route {
		d.route[l] = uint8(len(routes))
	}
	for i, s := range routes {
		route, _ := s.node.Action.(physical.Route)
		d.from = append(d.from, route.From)
		for _, l := range s.node.Labels.Each() {
			d.route[l] = uint8(i)
		}
	}
	d.cutter = part.NewCutter(d.route, len(routes))
	d.cached = r.cacheSteps(routes)
	d.entries, d.trusted, d.bounds = entries{run: r, nodes: act.Entries}, act.Trusted, act.Bounds
	r.closers = append(r.closers, d.tagger.close)
	return d
}

// frame takes one frame of the source through labelling and dispatch.
func (d *dispatcher) frame(ctx context.Context, f *rdd.Frame) error {
	if f.Batch == nil || f.Batch.NumRows() == 0 {
		return nil
	}
	c := &chunk{cols: f.Batch.Columns(), rows: int(f.Batch.NumRows()), origin: f.Header.Origin, label: -1}
	steps, mark := &d.run.tally.Labelling, time.Now()
	times, err := d.eventTimes(c)
	if err != nil {
		return err
	}
	if times != nil {
		defer times.Release()
	}
	if err := d.tagger.label(c.cols, c.rows); err != nil {
		return err
	}
	mark = lap(&steps.Tag, mark)
	d.tagger.countFailed()
	if err := d.tagger.verify(c); err != nil {
		return err
	}
	mark = lap(&steps.Hash, mark)
	counts := d.cut(c)
	lap(&steps.Dispatch, mark)
	d.prove(nil, d.tagger.tag.Time, f.Header.Bounds)
	for i, s := range d.routes {
		if err := d.send(ctx, i, s, c, times, counts); err != nil {
			return err
		}
	}
	return nil
}

// lap adds the time since mark to a step, and returns the time now.
func lap(step *time.Duration, mark time.Time) time.Time {
	now := time.Now()
	*step += now.Sub(mark)
	return now
}

// eventTimes evaluates the event time and moves the partition's largest. It
// counts every row, dead letters included.
func (d *dispatcher) eventTimes(c *chunk) (arrow.Array, error) {
	p := d.tagger.tag.Time
	if p == nil {
		return nil, nil
	}
	v, err := d.run.evalRaw(p, c.cols, c.rows, &d.tagger.failed)
	if err != nil {
		return nil, err
	}
	ts, ok := v.(*array.Timestamp)
	if !ok {
		v.Release()
		return nil, fault.New(fault.Bug, "the event time is %s", v.DataType())
	}
	d.timed(c.origin, ts)
	return v, nil
}

// cut counts the rows of every label, dead-letters those without one, and cuts the
// others by route.
func (d *dispatcher) cut(c *chunk) []int64 {
	counts := make([]int64, len(d.run.x.Plan.Job.Labels))
	if t := &d.tagger; t.index != nil && d.cutter.CutsBy(len(t.lut)) {
		d.parts = d.cutter.CutBy(t.index, t.lut, counts)
	} else {
		d.count(counts)
		d.split(counts)
	}
	tagged := int64(0)
	for _, n := range counts {
		tagged += n
	}
	if tagged < int64(c.rows) {
		d.untagged(c)
	}
	whole := &chunk{rows: c.rows, counts: counts}
	d.run.tally.Tagged += tagged
	d.run.tally.in(d.tagger.tag.Op, whole)
	d.run.tally.skipped(d.root.Skipped, whole)
	return counts
}

// count counts the rows of every label.
func (d *dispatcher) count(counts []int64) {
	// Two counts in turn: rows of one label often follow one another, and each
	// increment of one counter would wait for the one before.
	var even, odd [256]int64
	codes := d.tagger.labels()
	for i := 0; i+1 < len(codes); i += 2 {
		even[bin(codes[i])]++
		odd[bin(codes[i+1])]++
	}
	if n := len(codes); n%2 == 1 {
		even[bin(codes[n-1])]++
	}
	for l := range counts {
		b := bin(int32(l))
		counts[l] = even[b] + odd[b]
	}
}

// untagged dead-letters the rows without a label. Those whose own tag is wrong
// are dead letters already.
func (d *dispatcher) untagged(c *chunk) {
	for i, code := range d.tagger.labels() {
		switch code {
		case unlabelled:
			d.run.dead.add(c, d.root.Out, i, d.tagger.tag.Op, work.AbnormalTag, "no rule labels the row")
		case ambiguous:
			d.run.dead.add(c, d.root.Out, i, d.tagger.tag.Op, work.AbnormalTag, "several rules label the row")
		}
	}
}

// split cuts the frame's rows by route.
func (d *dispatcher) split(counts []int64) {
	sizes := make([]int, len(d.routes)+1)
	for l, n := range counts {
		sizes[d.route[l]] += int(n)
	}
	d.parts = d.cutter.Cut(d.tagger.labels(), sizes[:len(d.routes)])
}

// send makes the chunk of one route and pushes it.
func (d *dispatcher) send(ctx context.Context, i int, s *step, c *chunk, times arrow.Array, counts []int64) error {
	labels, rows := s.node.Labels, int64(0)
	for _, l := range labels.Each() {
		rows += counts[l]
	}
	if rows == 0 {
		return nil
	}
	own, mark, hashed := &d.parts[i], time.Now(), d.run.tally.Labelling.Hash
	out := &chunk{rows: int(rows), labels: labels, label: labelColumn(s.node.Out, labels), origin: c.origin}
	if own.Rows != nil {
		out.origin = c.origin.At(own.Rows)
	}
	if labels.Len() > 1 {
		out.counts = make([]int64, len(counts))
		for _, l := range labels.Each() {
			out.counts[l] = counts[l]
		}
	}
	if v := d.run.verdicts; v != nil && v[s.id] == hollow {
		d.run.tally.out(s.node.Op, out)
		d.run.vanish(s, out) // and nothing is gathered
		return nil
	}
	defer out.release()
	for k, from := range d.from[i] {
		out.cols = append(out.cols, d.column(c, out, from, own, times, s.node.Out.Field(k).Type))
	}
	steps := &d.run.tally.Labelling
	begin := time.Now()
	steps.Dispatch += begin.Sub(mark) - (steps.Hash - hashed)
	d.run.meter.made(s.node.Op, c, out)
	err := d.run.leave(ctx, s, out)
	d.run.tally.route(out, time.Since(begin))
	return err
}

// column is one column of a route, whose rows are those of own: of the source, or
// of the system's.
func (d *dispatcher) column(c, out *chunk, from int, own *part.Part, times arrow.Array, dt arrow.DataType) arrow.Array {
	mem := d.run.mem
	gathered := func(a arrow.Array) arrow.Array { return own.Take(mem, a) }
	switch from {
	case physical.FromNull:
		return kernel.Nulls(mem, dt, out.rows)
	case physical.FromTime:
		return gathered(times)
	case physical.FromLabel:
		return d.labels(out, own.Rows)
	case physical.FromHash:
		return d.hashes(c, out, gathered)
	case physical.FromSeq:
		return int64s(mem, out.rows, out.origin.Seq)
	case physical.FromPart:
		return int64s(mem, out.rows, func(int) int64 { return int64(out.origin.Partition) })
	}
	return gathered(c.cols[from])
}

// labels is the _label column of a chunk.
func (d *dispatcher) labels(out *chunk, sel []int32) arrow.Array {
	vals, done := kernel.NewFixed[int32](d.run.mem, arrow.PrimitiveTypes.Int32, out.rows)
	codes := d.tagger.labels()
	if sel == nil {
		copy(vals, codes)
	} else {
		for i, r := range sel {
			vals[i] = codes[r]
		}
	}
	idx := done(nil)
	defer idx.Release()
	return array.NewDictionaryArray(kernel.StringDict(), idx, d.run.x.labels)
}

// hashes is the _hash column of a chunk: only the rows that need one are hashed.
func (d *dispatcher) hashes(c, out *chunk, gathered func(arrow.Array) arrow.Array) arrow.Array {
	part := &chunk{rows: out.rows, cols: make([]arrow.Array, len(c.cols))}
	for _, i := range d.tagger.tag.Identity {
		if part.cols[i] == nil {
			part.cols[i] = gathered(c.cols[i])
		}
	}
	defer part.release()
	mark := time.Now()
	h := d.tagger.hash(part)
	lap(&d.run.tally.Labelling.Hash, mark)
	return int64s(d.run.mem, out.rows, func(i int) int64 { return int64(h[i]) })
}

func int64s(mem memory.Allocator, n int, value func(i int) int64) arrow.Array {
	vals, done := kernel.NewFixed[int64](mem, arrow.PrimitiveTypes.Int64, n)
	for i := range vals {
		vals[i] = value(i)
	}
	return done(nil)
}
