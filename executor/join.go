package executor

import (
	"context"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/join"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// The sides of a join.
const (
	left = iota
	right
)

// join takes in the task's blocks and joins the rows that leave.
func (r *run) join(ctx context.Context, act physical.Join, root *physical.Node, next []*step) error {
	st, err := keeperOf[*joinState](r)
	if err != nil {
		return err
	}
	if err := st.begin(r); err != nil {
		return err
	}
	for _, b := range r.task.Blocks {
		if err := r.joinBlock(st, b); err != nil {
			return err
		}
	}
	var sides [2]heap
	for side := range sides {
		sides[side] = st.leaving(side)
		defer sides[side].release()
	}
	m := newMatch(r, act, root, st, func(c *chunk) error { return r.spread(ctx, root, next, c) })
	return m.join(ctx, [2]*heap{&sides[left], &sides[right]}, 0, 0)
}

// joinBlock hands the rows of a block to the side that they are of.
func (r *run) joinBlock(st *joinState, b rdd.Block) error {
	side := -1
	for _, e := range r.stage.Inputs {
		if e.Stage == b.Stage && e.Outlet == b.Outlet {
			side = e.Input
		}
	}
	if side < 0 {
		return fault.New(fault.Bug, "stage %d has no input from stage %d outlet %d", r.stage.ID, b.Stage, b.Outlet)
	}
	frames, err := r.x.Blocks.Get(b)
	if err != nil {
		return err
	}
	defer frames.Release()
	r.tally.RowsMerged += frames.Rows()
	for _, f := range frames.List() {
		st.add(side, &f)
	}
	return nil
}

// match joins rows: of one side a table is made, and the rows of the other are
// looked up in it, a frame at a time.
type match struct {
	run    *run
	act    physical.Join
	root   *physical.Node
	state  *joinState
	emit   func(*chunk) error
	limit  int    // rows of a frame that is emitted, pairs looked at at once
	fits   int64  // bytes that a table may be made of
	where  []bool // by column of a pair: the condition reads it
	groups []int32
}

func newMatch(r *run, act physical.Join, root *physical.Node, st *joinState, emit func(*chunk) error) *match {
	m := &match{run: r, act: act, root: root, state: st, emit: emit, limit: r.x.Plan.Job.Settings.FrameRows,
		fits: min(st.room.limit/4, maxTable)}
	m.where = make([]bool, act.Sides[left].Schema.NumFields()+act.Sides[right].Schema.NumFields())
	if act.Where != nil {
		for _, c := range act.Where.Columns() {
			m.where[c] = true
		}
	}
	return m
}

// maxTable is how many bytes of rows are put together at the most: an array of
// strings ends at 2 GiB.
const maxTable = 1 << 30

// tableBytes is about what a row takes in a table.
const tableBytes = 28

// build is rows of the one side, and the table that was made of them.
type build struct {
	side  int
	rows  held
	table *join.Table
	met   bitset // rows that have a partner, nil if nobody asks
}

// join joins two heaps of rows. If neither fits into memory both are divided by the
// hash of their keys, and the parts joined one after the other (the hybrid hash
// join of DeWitt et al., SIGMOD 1984). Where that does not help, because one key
// has most of the rows, one side is taken a piece at a time, and the other is gone
// through for each.
func (m *match) join(ctx context.Context, sides [2]*heap, level int, before int64) error {
	total := sides[left].bytes + sides[right].bytes
	if sides[left].rows()+sides[right].rows() == 0 {
		return nil
	}
	of := m.smaller(sides)
	if m.cost(sides[of]) <= m.fits || level == levels || level > 0 && total > before/10*9 {
		return m.pieces(ctx, of, sides)
	}
	parts, err := m.state.parts(ctx, sides, level, m.fits)
	if err != nil {
		return err
	}
	defer releaseParts(parts)
	for p := range parts {
		if err := m.join(ctx, [2]*heap{&parts[p][left], &parts[p][right]}, level+1, total); err != nil {
			return err
		}
		for side := range parts[p] {
			parts[p][side].release()
		}
	}
	return nil
}

// smaller is the side that a table is made of: the smaller one, but the right
// one of semi and anti joins if it fits, for then no pair has to be looked at.
func (m *match) smaller(sides [2]*heap) int {
	of := left
	if sides[right].rows() <= sides[left].rows() || !m.act.Pairs && !m.act.Lone[right] {
		of = right
	}
	if m.cost(sides[of]) > m.fits && m.cost(sides[1-of]) < m.cost(sides[of]) {
		of = 1 - of
	}
	return of
}

func (m *match) cost(p *heap) int64 { return p.bytes + tableBytes*int64(p.rows()) }

// pieces joins two heaps with tables of as many rows of one side as fit.
func (m *match) pieces(ctx context.Context, of int, sides [2]*heap) error {
	var waiting []held // retained
	defer func() { releaseHeld(waiting) }()
	var met []bitset // of the other side's frames, over all pieces
	size := int64(0)
	piece := func(last bool) error {
		whole, err := m.whole(of, waiting)
		if err != nil {
			return err
		}
		defer releaseAll(whole.cols)
		releaseHeld(waiting)
		waiting, size = nil, 0
		return m.piece(ctx, of, whole, sides[1-of], &met, last)
	}
	rest := m.cost(sides[of])
	err := m.state.each(ctx, of, sides[of], func(h *held) error {
		cost := h.bytes + tableBytes*int64(h.rows)
		if len(waiting) > 0 && size+cost > m.fits && rest > m.fits {
			if err := piece(false); err != nil {
				return err
			}
		}
		h.retain()
		waiting, size = append(waiting, *h), size+cost
		return nil
	})
	if err != nil {
		return err
	}
	return piece(true)
}

func releaseHeld(list []held) {
	for _, h := range list {
		releaseAll(h.cols)
	}
}

// piece makes a table of rows and looks up all rows of the other side in it.
func (m *match) piece(ctx context.Context, of int, whole held, other *heap, met *[]bitset, last bool) error {
	b := &build{side: of, rows: whole, table: join.New(m.keys(of, whole.cols), whole.rows, m.times(of, whole.cols))}
	if m.asks(of) {
		b.met = newBitset(whole.rows)
	}
	frame := 0
	err := m.state.each(ctx, 1-of, other, func(h *held) error {
		for at := 0; at < h.rows; at += m.limit {
			n := min(m.limit, h.rows-at)
			p := held{rows: n, cols: make([]arrow.Array, len(h.cols))}
			for i, c := range h.cols {
				p.cols[i] = sliceOf(c, at, n, h.rows)
			}
			if frame == len(*met) {
				*met = append(*met, nil)
				if m.asks(1 - of) {
					(*met)[frame] = newBitset(n)
				}
			}
			err := m.probe(ctx, b, p, (*met)[frame], last)
			releaseAll(p.cols)
			if last {
				(*met)[frame] = nil
			}
			if err != nil {
				return err
			}
			frame++
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.remains(ctx, of, whole, b.met)
}

// asks reports whether it counts which rows of a side have a partner.
func (m *match) asks(side int) bool { return m.act.Some[side] || m.act.Lone[side] }

// whole puts rows of a side together.
func (m *match) whole(side int, list []held) (held, error) {
	if len(list) > 0 {
		return concat(m.run.mem, list)
	}
	var out held
	for _, f := range m.act.Sides[side].Schema.Fields() {
		out.cols = append(out.cols, kernel.Nulls(m.run.mem, f.Type, 0))
	}
	return out, nil
}

func (m *match) keys(side int, cols []arrow.Array) []arrow.Array {
	out := make([]arrow.Array, 0, len(m.act.Sides[side].Keys))
	for _, k := range m.act.Sides[side].Keys {
		out = append(out, cols[k])
	}
	return out
}

// times returns the column whose distance to the other side's is bounded, or nil.
func (m *match) times(side int, cols []arrow.Array) *array.Timestamp {
	if m.act.Sides[side].Time < 0 {
		return nil
	}
	ts, _ := cols[m.act.Sides[side].Time].(*array.Timestamp)
	return ts
}

// probe looks up rows of the other side. In met it notes those that have a partner; the
// last time they are looked up it is known which have.
func (m *match) probe(ctx context.Context, b *build, p held, met bitset, last bool) error {
	side := 1 - b.side
	m.groups = b.table.Find(m.keys(side, p.cols), p.rows, m.groups)
	lo, hi := m.ranges(side, p)
	pairs := b.table.Pairs(m.groups, lo, hi)
	if m.act.Pairs || m.act.Where != nil || b.met != nil {
		if err := m.look(ctx, b, p, pairs, met); err != nil {
			return err
		}
	} else if met != nil {
		for i := range p.rows {
			if pairs.Any(i) {
				met.set(i)
			}
		}
	}
	if !last {
		return nil
	}
	return m.remains(ctx, side, p, met)
}

// look goes through all pairs of the rows of p, a piece at a time.
func (m *match) look(ctx context.Context, b *build, p held, pairs *join.Pairs, met bitset) error {
	for {
		probe, build := pairs.Next(m.limit)
		if len(probe) == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		both := [2]piece{{p.cols, probe}, {b.rows.cols, build}}
		if b.side == left {
			both[left], both[right] = both[right], both[left]
		}
		n, err := m.condition(&both, len(probe))
		if err != nil {
			return err
		}
		probe, build = both[1-b.side].rows, both[b.side].rows
		if met != nil {
			for _, i := range probe {
				met.set(int(i))
			}
		}
		if b.met != nil {
			for _, i := range build {
				b.met.set(int(i))
			}
		}
		if m.act.Pairs && n > 0 {
			if err := m.out(&both[left], &both[right], n); err != nil {
				return err
			}
		}
	}
}

// ranges returns the range of the other side's time for every row, nil without.
func (m *match) ranges(side int, p held) (lo, hi []int64) {
	ts := m.times(side, p.cols)
	if ts == nil {
		return nil, nil
	}
	before, after := m.act.Before, m.act.After
	if side == right {
		before, after = after, before
	}
	lo, hi = make([]int64, p.rows), make([]int64, p.rows)
	for i, t := range micros(ts) {
		if ts.IsNull(i) {
			lo[i], hi[i] = 1, 0
			continue
		}
		lo[i], hi[i] = max(t, math.MinInt64+before)-before, saturated(t, after)
	}
	return lo, hi
}

// condition leaves of the pairs those for which the condition is true.
func (m *match) condition(both *[2]piece, n int) (int, error) {
	if m.act.Where == nil {
		return n, nil
	}
	cols := make([]arrow.Array, len(m.where))
	defer releaseAll(cols)
	lefts := m.act.Sides[left].Schema.NumFields()
	for i, read := range m.where {
		switch {
		case !read:
		case i < lefts:
			cols[i] = kernel.Take(m.run.mem, both[left].cols[i], both[left].rows)
		default:
			cols[i] = kernel.Take(m.run.mem, both[right].cols[i-lefts], both[right].rows)
		}
	}
	res, err := m.act.Where.Eval(m.run.env, cols, n)
	if err != nil {
		return 0, err
	}
	defer res.Release()
	is, ok := res.Values.(*array.Boolean)
	if !ok {
		return 0, fault.New(fault.Bug, "the condition of a join is not boolean but %s", res.Values.DataType())
	}
	kept := 0
	for i := range n {
		if is.IsValid(i) && is.Value(i) {
			both[left].rows[kept], both[right].rows[kept] = both[left].rows[i], both[right].rows[i]
			kept++
		}
	}
	both[left].rows, both[right].rows = both[left].rows[:kept], both[right].rows[:kept]
	return kept, nil
}

// remains emits the rows of a side for which it counts that they have a partner, or
// none.
func (m *match) remains(ctx context.Context, side int, h held, met bitset) error {
	if met == nil {
		return nil
	}
	var rows []int32
	for i := 0; i <= h.rows; i++ {
		if len(rows) == m.limit || i == h.rows && len(rows) > 0 {
			if err := m.alone(side, &piece{h.cols, rows}); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			rows = rows[:0]
		}
		if i < h.rows && met.get(i) == m.act.Some[side] {
			rows = append(rows, int32(i))
		}
	}
	return nil
}

func (m *match) alone(side int, p *piece) error {
	if side == left {
		return m.out(p, nil, len(p.rows))
	}
	return m.out(nil, p, len(p.rows))
}

// piece is rows of a side.
type piece struct {
	cols []arrow.Array
	rows []int32
}

// out emits rows of the result: pairs of rows, or rows of one side, the other nil.
func (m *match) out(l, r *piece, n int) error {
	c := &chunk{rows: n, labels: m.root.Labels, label: -1, origin: rdd.Origin{Source: -1, Partition: -1}}
	defer c.release()
	for i, from := range m.act.From {
		var col arrow.Array
		switch {
		case from[left] < 0 && from[right] < 0:
			col = m.run.sameLabel(m.act.Label, n)
		case from[left] >= 0 && l != nil:
			col = kernel.Take(m.run.mem, l.cols[from[left]], l.rows)
		case from[right] >= 0 && r != nil:
			col = kernel.Take(m.run.mem, r.cols[from[right]], r.rows)
		default:
			col = kernel.Nulls(m.run.mem, m.root.Out.Field(i).Type, n)
		}
		c.cols = append(c.cols, col)
	}
	return m.emit(c)
}

// bitset is a set of rows.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) set(i int) { b[i>>6] |= 1 << (i & 63) }

func (b bitset) get(i int) bool { return b[i>>6]>>(i&63)&1 != 0 }
