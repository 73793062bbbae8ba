package executor

import (
	"context"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/join"
	"github.com/idag/idag/rdd"
)

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
	if m.oneIsEnough(b) {
		met.leave(m.groups)
	}
	pairs := b.table.Pairs(m.groups, lo, hi)
	if m.looks() {
		if err := m.look(ctx, b, p, pairs, met); err != nil {
			return err
		}
	} else {
		pairs.Meet(met, b.partners)
	}
	if !last {
		return nil
	}
	return m.remains(ctx, side, p, met)
}

// looks reports whether pairs are made, one by one. Where it only counts who has a
// partner, and there is no condition on pairs, they are not.
func (m *match) looks() bool { return m.act.Pairs || m.act.Where != nil }

// oneIsEnough reports whether nothing is asked of a row that is looked up but if it has
// a partner: the first that is found ends the search.
func (m *match) oneIsEnough(b *build) bool { return !m.act.Pairs && b.met == nil && m.looks() }

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
		last := int(probe[len(probe)-1])
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
			if m.oneIsEnough(b) && met.get(last) {
				pairs.Skip()
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

// leave takes the rows of the set out of a list of groups to look up.
func (b bitset) leave(groups []int32) {
	for i := range groups {
		if b.get(i) {
			groups[i] = -1
		}
	}
}
