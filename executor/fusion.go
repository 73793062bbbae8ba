package executor

import (
	"context"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/fuse"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// fusion is several Maps that follow one another, of any form of any plan, carried
// out together. Each is counted as if it had been alone.
type fusion struct {
	prog  *fuse.Fusion
	nodes []*physical.Node
	masks []rdd.LabelSet // of the rows that maps are for, by Assignment.Mask
	// Of rows that are selected, the columns that those of other labels keep.
	selected bool
	others   []int
}

// fusions are those of a plan, by their first node: nil where there is none.
type fusions struct {
	mu sync.Mutex
	of map[*physical.Node]*fusion
}

// from returns the fusion that begins with a node, or nil.
func (f *fusions) from(n *physical.Node) *fusion {
	f.mu.Lock()
	defer f.mu.Unlock()
	if out, known := f.of[n]; known {
		return out
	}
	if f.of == nil {
		f.of = map[*physical.Node]*fusion{}
	}
	out := fusionFrom(n)
	f.of[n] = out
	return out
}

// fusionFrom compiles the Maps from a node on, as many as can be.
func fusionFrom(first *physical.Node) *fusion {
	f := &fusion{}
	var list []fuse.Assignment
	for n := first; ; n = n.Next[0] {
		act, ok := n.Action.(physical.Compute)
		if !ok || len(act.Clear) > 0 || !f.joins(act) {
			break
		}
		list = append(list, f.assignment(act))
		f.nodes = append(f.nodes, n)
		if len(n.Next) != 1 || n.Cache != "" {
			break
		}
	}
	if len(list) == 0 {
		return nil
	}
	var taken int
	if f.prog, taken = fuse.Compile(typesOf(first.In), list); taken == 0 {
		return nil
	}
	f.nodes = f.nodes[:taken]
	f.finish(list[:taken])
	return f
}

func typesOf(s *arrow.Schema) []arrow.DataType {
	out := make([]arrow.DataType, s.NumFields())
	for i, f := range s.Fields() {
		out[i] = f.Type
	}
	return out
}

// joins reports whether a Map can be carried out with those before it: those of
// selected rows are for the same ones.
func (f *fusion) joins(act physical.Compute) bool {
	selected := act.Mask == physical.Scattered
	if len(f.nodes) == 0 {
		f.selected = selected
		return true
	}
	before, _ := f.nodes[0].Action.(physical.Compute)
	return selected == f.selected && (!selected || act.For == before.For)
}

func (f *fusion) assignment(act physical.Compute) fuse.Assignment {
	a := fuse.Assignment{Term: act.Program, From: act.From, Mask: -1}
	for _, p := range act.Programs {
		a.Terms = append(a.Terms, p)
	}
	if act.Mask == physical.Blended {
		if a.Mask = slices.Index(f.masks, act.For); a.Mask < 0 {
			a.Mask = len(f.masks)
			f.masks = append(f.masks, act.For)
		}
	}
	return a
}

// finish finds the columns that rows keep which the maps are not for, where these
// are selected.
func (f *fusion) finish(list []fuse.Assignment) {
	f.others = all(f.nodes[0].In.NumFields())
	for _, a := range list {
		next := make([]int, len(a.From))
		for i, from := range a.From {
			if next[i] = physical.FromNull; from >= 0 {
				next[i] = f.others[from]
			}
		}
		f.others = next
	}
}

// last is the node that the rows leave.
func (f *fusion) last() *physical.Node { return f.nodes[len(f.nodes)-1] }

// fusedPush takes a chunk through the fusion that begins with a step and on. It is
// false if there is none, or the steps of it are to be told apart.
func (r *run) fusedPush(ctx context.Context, s *step, c *chunk) (done bool, err error) {
	if r.meter != nil {
		return false, nil
	}
	if !s.sought {
		s.fused, s.sought = r.x.fusions.from(s.node), true
	}
	f := s.fused
	if f == nil {
		return false, nil
	}
	end := s
	for i := 1; i < len(f.nodes); i++ {
		if end = end.next[0]; r.verdicts != nil && r.verdicts[end.id] != open {
			return false, nil
		}
	}
	if s.through == nil {
		s.through = r.tally.together(f.nodes)
	}
	s.through.count(c)
	out, err := f.change(r, c)
	if err != nil {
		return true, err
	}
	defer out.release()
	return true, r.leave(ctx, end, out)
}

// change returns the chunk behind the maps.
func (f *fusion) change(r *run, c *chunk) (*chunk, error) {
	var err error
	out := &chunk{rows: c.rows, labels: c.labels, counts: c.counts, origin: c.origin, label: labelColumn(f.last().Out, c.labels)}
	if f.selected {
		out.cols, err = f.scattered(r, c)
	} else {
		out.cols, err = f.whole(r, c)
	}
	return out, err
}

// whole computes the columns for all rows.
func (f *fusion) whole(r *run, c *chunk) ([]arrow.Array, error) {
	masks := make([]*array.Boolean, len(f.masks))
	for i, set := range f.masks {
		masks[i] = c.mask(r.mem, set)
	}
	res, err := f.prog.Eval(r.mem, c.cols, masks, c.rows)
	if err != nil {
		return nil, err
	}
	defer res.Release()
	f.note(r, c, res, nil)
	cols := make([]arrow.Array, len(f.prog.Columns()))
	for i, at := range f.prog.Columns() {
		cols[i] = f.column(r, i, at, c.cols, res, c.rows)
	}
	return cols, nil
}

// column is a column behind the maps.
func (f *fusion) column(r *run, i int, at fuse.Place, in []arrow.Array, res fuse.Result, rows int) arrow.Array {
	var col arrow.Array
	switch {
	case at.Value >= 0:
		col = res.Values[at.Value]
	case at.Input >= 0:
		col = in[at.Input]
	default:
		return kernel.Nulls(r.mem, f.last().Out.Field(i).Type, rows)
	}
	col.Retain()
	return col
}

// scattered computes the columns for the rows that the maps are for. The others keep
// theirs.
func (f *fusion) scattered(r *run, c *chunk) ([]arrow.Array, error) {
	act, _ := f.nodes[0].Action.(physical.Compute)
	sel := c.rowsOf(nil, act.For)
	in := make([]arrow.Array, len(c.cols))
	defer func() { releaseAll(in) }()
	taken := func(i int) {
		if in[i] == nil {
			in[i] = kernel.Take(r.mem, c.cols[i], sel)
		}
	}
	for _, i := range f.prog.Inputs() {
		taken(i)
	}
	res, err := f.prog.Eval(r.mem, in, nil, len(sel))
	if err != nil {
		return nil, err
	}
	defer res.Release()
	f.note(r, c, res, sel)
	cols := make([]arrow.Array, len(f.others))
	for i, at := range f.prog.Columns() {
		var old arrow.Array
		if other := f.others[i]; other >= 0 {
			old = c.cols[other]
			if other == at.Input {
				old.Retain()
				cols[i] = old
				continue
			}
		}
		if at.Input >= 0 {
			taken(at.Input)
		}
		dense := f.column(r, i, at, in, res, len(sel))
		cols[i] = kernel.Scatter(r.mem, old, dense, sel, c.rows)
		dense.Release()
	}
	return cols, nil
}

// note counts what failed. Row i of the result is row sel[i] of the chunk.
func (f *fusion) note(r *run, c *chunk, res fuse.Result, sel []int32) {
	for _, n := range res.Nulled {
		node := f.nodes[n.Step]
		var within *array.Boolean
		if act, _ := node.Action.(physical.Compute); act.Mask == physical.Blended {
			within = c.mask(r.mem, act.For)
		}
		r.countNulled(node.Op, c, trueRows(nil, n.Rows, within), sel)
	}
}
