package executor

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// recording keeps what comes of a split, for the cache, until it is whole.
type recording struct {
	run     *run
	at      []*step // by route: behind which rows are kept
	kept    *cached // nil where it was given up
	copy    copier
	outside partTimes // the event times of the splits before
	before  work.Tally
	dead    int
}

// cacheSteps finds on the way of each route the operator behind which its rows are
// cached. It is nil if a route has none: then the source is read all the same.
func (r *run) cacheSteps(routes []*step) []*step {
	if r.x.Cache == nil || len(routes) == 0 {
		return nil
	}
	var out []*step
	for _, s := range routes {
		for s.node.Cache == "" {
			if len(s.next) != 1 {
				return nil
			}
			s = s.next[0]
		}
		out = append(out, s)
	}
	return out
}

// cacheKey says all that the rows behind the steps depend on, or is "" where the
// source does not tell one state of a split from another.
func cacheKey(steps []*step, s *rdd.Split) string {
	if len(steps) == 0 || len(s.Payload) == 0 {
		return ""
	}
	parts := []string{s.Name, string(s.Payload), fmt.Sprint(s.Partition, s.First, s.Rows)}
	for _, s := range steps {
		parts = append(parts, s.node.Cache)
	}
	return strings.Join(parts, "\x00")
}

// record begins to keep what comes of a split.
func (r *run) record(d *dispatcher, key string) {
	r.rec = &recording{run: r, at: d.cached, kept: &cached{key: key, routes: make([][]*chunk, len(d.cached))},
		copy: copier{mem: r.x.Cache.mem, dicts: map[arrow.ArrayData]*array.Data{}}, outside: d.times, dead: len(r.dead.list)}
	r.tally.settle()
	r.rec.before.Add(r.tally.Tally) // a copy
	d.times = partTimes{}
	r.closers = append(r.closers, func() { // after a panic
		if r.rec != nil {
			r.rec.end(d, false)
		}
	})
}

// take keeps what leaves a step, if its rows are cached there. What is larger than
// the cache is given up.
func (c *recording) take(s *step, out *chunk) {
	if c.kept == nil || s.node.Cache == "" {
		return
	}
	for i, at := range c.at {
		if at == s {
			c.kept.routes[i] = append(c.kept.routes[i], c.copy.chunk(out))
		}
	}
	if c.copy.bytes > c.run.x.Cache.budget {
		c.giveUp()
	}
}

func (c *recording) giveUp() {
	if c.kept != nil {
		c.kept.release()
		c.kept = nil
	}
}

// end ends the recording of a split. Whole says that all of it was read: then it is
// cached, unless it came to dead letters, which are part of the result, or rows of it
// were left out for what stands behind.
func (c *recording) end(d *dispatcher, whole bool) {
	r := c.run
	r.rec = nil
	defer c.copy.release()
	split := d.times
	d.times = c.outside
	for _, t := range split.list {
		d.times.see(rdd.Origin{Source: t.Source, Partition: t.Partition}, t.Min, t.Max)
	}
	if !whole || len(r.dead.list) != c.dead || r.tally.Pruned != c.before.Pruned {
		c.giveUp()
	}
	if c.kept == nil {
		return
	}
	c.kept.times, c.kept.bytes = split.list, c.copy.bytes
	c.kept.counts = c.counted(d)
	r.x.Cache.put(c.kept)
}

// counted is what was counted of the split up to where its rows are cached.
func (c *recording) counted(d *dispatcher) cachedCounts {
	c.run.tally.settle()
	now := &c.run.tally.Tally
	out := cachedCounts{rows: now.RowsIn - c.before.RowsIn, tagged: now.Tagged - c.before.Tagged, ops: map[work.OpLabel]work.OpCount{}}
	acting := map[int]bool{d.tagger.tag.Op: true}
	d.upstream(func(s *step) { acting[s.node.Op] = true })
	for k, v := range now.Ops {
		was := c.before.Ops[k]
		if n := (work.OpCount{In: v.In - was.In, Out: v.Out - was.Out}); acting[k.Op] && n != (work.OpCount{}) {
			out.ops[k] = n
		}
	}
	return out
}

// upstream calls f with every step up to those behind which rows are cached.
func (d *dispatcher) upstream(f func(*step)) {
	for i, s := range d.routes {
		for ; s != d.cached[i]; s = s.next[0] {
			f(s)
		}
		f(s)
	}
}

// recount counts what the rows of a split would have come to up to where they are
// cached. What they pass by there is as this plan has it, which may be another than
// the one that read them.
func (r *run) recount(d *dispatcher, k *cachedCounts) {
	r.tally.RowsIn += k.rows
	r.tally.Tagged += k.tagged
	for at, n := range k.ops {
		if n.In > 0 {
			r.tally.Bypassed[physical.Bypass{Op: at.Op, Label: at.Label, Reason: bypass.Cached}] += n.In
		}
	}
	passed := func(list []physical.Bypass, rows func(label int) int64) {
		for _, b := range list {
			if n := rows(b.Label); n > 0 {
				r.tally.Bypassed[b] += n
			}
		}
	}
	passed(d.root.Skipped, func(l int) int64 { return k.ops[work.OpLabel{Op: d.tagger.tag.Op, Label: l}].In })
	d.upstream(func(s *step) {
		passed(s.node.Skipped, func(l int) int64 { return k.ops[work.OpLabel{Op: s.node.Op, Label: l}].Out })
	})
}

// replay takes what is cached of a split on from where it is cached.
func (r *run) replay(ctx context.Context, d *dispatcher, k *cached, split *rdd.Split) error {
	r.recount(d, &k.counts)
	for _, t := range k.times {
		d.times.see(rdd.Origin{Source: split.Source, Partition: split.Partition}, t.Min, t.Max)
	}
	for i, list := range k.routes {
		s := d.cached[i]
		for _, c := range list {
			c.origin.Split, c.origin.Source, c.origin.Partition = split, split.Source, split.Partition
			for _, next := range s.next {
				if err := r.push(ctx, next, c); err != nil {
					return err
				}
			}
		}
	}
	return ctx.Err()
}

// copier copies arrays into memory of its own, a dictionary that several share only
// once.
type copier struct {
	mem   memory.Allocator
	bytes int64
	dicts map[arrow.ArrayData]*array.Data // by the original, which is retained
}

// chunk copies a chunk, so that it may outlive the split that it is of.
func (p *copier) chunk(c *chunk) *chunk {
	out := &chunk{rows: c.rows, labels: c.labels, label: c.label, origin: c.origin.Clone(), cols: make([]arrow.Array, len(c.cols))}
	if c.counts != nil {
		out.counts = append([]int64{}, c.counts...)
	}
	out.origin.Split = nil
	p.bytes += int64(len(out.origin.Rows))*4 + int64(len(out.origin.Child))*8
	for i, a := range c.cols {
		if a == nil {
			continue
		}
		d := p.data(a.Data())
		out.cols[i] = array.MakeFromData(d)
		d.Release()
		types.Settle(out.cols[i]) // tasks read it at once
	}
	return out
}

func (p *copier) data(d arrow.ArrayData) *array.Data {
	bufs := make([]*memory.Buffer, len(d.Buffers()))
	for i, b := range d.Buffers() {
		if b == nil {
			continue
		}
		bufs[i] = memory.NewResizableBuffer(p.mem)
		bufs[i].Resize(b.Len())
		copy(bufs[i].Bytes(), b.Bytes())
		p.bytes += int64(b.Len())
		defer bufs[i].Release()
	}
	if dict, ok := d.Dictionary().(*array.Data); ok && dict != nil {
		return array.NewDataWithDictionary(d.DataType(), d.Len(), bufs, d.NullN(), d.Offset(), p.dictionary(dict))
	}
	children := make([]arrow.ArrayData, len(d.Children()))
	for i, c := range d.Children() {
		children[i] = p.data(c)
		defer children[i].Release()
	}
	return array.NewData(d.DataType(), d.Len(), bufs, children, d.NullN(), d.Offset())
}

func (p *copier) dictionary(d *array.Data) *array.Data {
	if p.dicts[d] == nil {
		d.Retain()
		p.dicts[d] = p.data(d)
	}
	return p.dicts[d]
}

// release gives up what the copier holds; copies keep what they share.
func (p *copier) release() {
	for original, d := range p.dicts {
		original.Release()
		d.Release()
	}
	p.dicts = nil
}
