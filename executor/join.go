package executor

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
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
	if err := r.eachBlock(ctx, func(b rdd.Block, frames *rdd.Frames) error {
		return r.joinBlock(st, b, frames)
	}); err != nil {
		return err
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
func (r *run) joinBlock(st *joinState, b rdd.Block, frames *rdd.Frames) error {
	side := -1
	for _, e := range r.stage.Inputs {
		if e.Stage == b.Stage && e.Outlet == b.Outlet {
			side = e.Input
		}
	}
	if side < 0 {
		return fault.New(fault.Bug, "stage %d has no input from stage %d outlet %d", r.stage.ID, b.Stage, b.Outlet)
	}
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
	limit  int   // rows of a frame that is emitted, pairs looked at at once
	fits   int64 // bytes that a table may be made of
	seen   hotKeys
	where  []bool // by column of a pair: the condition reads it
	groups []int32
}

func newMatch(r *run, act physical.Join, root *physical.Node, st *joinState, emit func(*chunk) error) *match {
	m := &match{run: r, act: act, root: root, state: st, emit: emit, limit: r.x.Plan.Job.Settings.FrameRows,
		fits: st.room.fits()}
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
	// If it counts which rows have a partner, they are noted in met where pairs are made,
	// and in partners where they are not.
	met      bitset
	partners *join.Met
}

// join joins two heaps of rows. If neither fits into memory both are divided by the
// hash of their keys, and the parts joined one after the other (the hybrid hash
// join of DeWitt et al., SIGMOD 1984). Rows of a key that has too many of them to help
// it are put aside; of them one side is taken a piece at a time, and the other gone
// through for each. So is a part that does not become smaller, should such a key have
// been overlooked.
func (m *match) join(ctx context.Context, sides [2]*heap, level int, before int64) error {
	total := sides[left].bytes + sides[right].bytes
	if sides[left].rows()+sides[right].rows() == 0 {
		return nil
	}
	of := m.smaller(sides)
	if sides[of].cost() <= m.fits || level == levels || level > 0 && total > before/10*9 {
		return m.pieces(ctx, of, sides)
	}
	if level == 0 {
		var err error
		if m.seen, err = m.state.hot.copy(); err != nil {
			return err
		}
	}
	var hot hotSet
	if level > 0 {
		hot = m.hot(sides)
	}
	parts, err := m.parts(ctx, sides, level, &hot)
	if err != nil {
		return err
	}
	defer releaseParts(parts)
	for p := range parts {
		both := [2]*heap{&parts[p][left], &parts[p][right]}
		if p < fan {
			err = m.join(ctx, both, level+1, total)
		} else {
			err = m.pieces(ctx, m.smaller(both), both)
		}
		if err != nil {
			return err
		}
		releaseParts(parts[p : p+1])
	}
	return nil
}

// smaller is the side that a table is made of: the smaller one, but the right
// one of semi and anti joins with a condition if it fits, for then one pair that meets it
// is enough.
func (m *match) smaller(sides [2]*heap) int {
	of := left
	if sides[right].rows() <= sides[left].rows() || m.act.Where != nil && !m.act.Pairs && !m.act.Lone[right] {
		of = right
	}
	if sides[of].cost() > m.fits && sides[1-of].cost() < sides[of].cost() {
		of = 1 - of
	}
	return of
}

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
	rest := sides[of].cost()
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
	switch {
	case !m.asks(of):
	case m.looks():
		b.met = newBitset(whole.rows)
	default:
		b.partners = b.table.Met()
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
	if b.partners != nil {
		b.met = newBitset(whole.rows)
		b.partners.Rows(b.met)
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
