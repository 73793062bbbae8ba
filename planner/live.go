package planner

import (
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
)

// live finds, from the sinks back to the sources, which columns somebody reads
// behind each operation, per label. What computes nothing that is read is dead:
// the bypass reason unscheduled. What drops or multiplies rows is never dead,
// nor is anything under strict(), which may drop a row.
//
// A label of which nothing is seen behind an operation needs no column there, and
// neither does an operation that is unscheduled.
//
// The linear plan has one wide schema, so there a column is read for every
// label as soon as it is read for one: that is column pruning as Spark does it.
func (a *analysis) live(linear bool) {
	for _, n := range a.nodes {
		n.need, n.takes, n.dead = map[int]map[string]bool{}, map[int]map[string]bool{}, map[int]bool{}
	}
	for i := len(a.nodes) - 1; i >= 0; i-- {
		n := a.nodes[i]
		if n.Unscheduled {
			continue
		}
		if linear {
			unite(n.need, n.Schemas)
		}
		for _, l := range ordered(n.input) {
			if linear || l == raw || a.matters(n, anyInlet, l) {
				n.takes[l] = a.taken(n, l)
			}
		}
		if linear {
			unite(n.takes, n.input)
		}
		for inlet, p := range n.Parents {
			need := a.nodes[p].need
			for l, cols := range n.takenBy(inlet) {
				s, ok := a.nodes[p].Schemas[l]
				if !ok {
					continue
				}
				if need[l] == nil {
					need[l] = map[string]bool{}
				}
				for c := range cols {
					if field(s, c) != nil {
						need[l][c] = true
					}
				}
			}
		}
	}
}

// unite gives every label the columns that any label needs, as far as its
// schema has them.
func unite(need map[int]map[string]bool, schemas map[int]*arrow.Schema) {
	all := map[string]bool{}
	for _, cols := range need {
		maps.Copy(all, cols)
	}
	for l, s := range schemas {
		need[l] = map[string]bool{}
		for c := range all {
			if field(s, c) != nil {
				need[l][c] = true
			}
		}
	}
}

// taken returns the columns of label l that n, or somebody behind it, reads.
func (a *analysis) taken(n *node, l int) map[string]bool {
	need := clone(n.need[l])
	if l != raw && !n.acts.Has(l) {
		return need // passes by
	}
	switch op := n.op.(type) {
	case rdd.Read, rdd.Union, rdd.Cache:
		return need
	case rdd.Tag:
		return a.takenByTag(n, op)
	case rdd.Map:
		return n.takenByMap(op, l)
	case rdd.Filter:
		return reads(need, n.exprs["where"])
	case rdd.FlatMap:
		return n.takenByFlatMap(op, l)
	case rdd.Apply:
		return n.takenByApply(op.Names(n.fn.Reads), op.Names(n.fn.Writes), l)
	case rdd.Broadcast:
		return n.takenByApply(nil, op.Names(), l)
	case rdd.Window:
		delete(need, rdd.WindowStart)
		delete(need, rdd.WindowEnd)
		need[op.Time] = true
		return need
	case rdd.Shuffle:
		for _, k := range op.Keys {
			need[k] = true
		}
		return need
	case rdd.Reduce:
		return a.takenByReduce(n, op, l)
	case rdd.Join:
		return n.takenByJoin(anyInlet, l)
	case rdd.Distinct:
		return n.takenByDistinct(op, l)
	case rdd.Sort:
		return n.takenBySort(op, l)
	case rdd.Limit:
		return a.takenByLimit(n, op, l)
	case rdd.Sample:
		return n.takenBySample(op, l)
	case rdd.Write:
		for _, f := range n.Schemas[l].Fields() {
			need[f.Name] = true
		}
		return need
	}
	return need
}

// reads adds the columns of e to set.
func reads(set map[string]bool, e expr.Node) map[string]bool {
	if e != nil {
		for _, c := range expr.Columns(e) {
			set[c] = true
		}
	}
	return set
}

func (n *node) takenByMap(op rdd.Map, l int) map[string]bool {
	live := n.liveSets(op.Set, "set.", l)
	n.dead[l] = len(live) == 0
	out := clone(n.need[l])
	for _, s := range op.Set {
		delete(out, s.Column)
	}
	for _, s := range live {
		reads(out, n.exprs["set."+s.Column])
	}
	return out
}

// liveSets returns the assignments that somebody reads, or that may drop rows.
func (n *node) liveSets(set []rdd.Assign, mark string, l int) []rdd.Assign {
	var out []rdd.Assign
	for _, s := range set {
		if n.need[l][s.Column] || strict(n.exprs[mark+s.Column]) {
			out = append(out, s)
		}
	}
	return out
}

func (n *node) takenByFlatMap(op rdd.FlatMap, l int) map[string]bool {
	out := clone(n.need[l])
	if op.Explode != "" {
		for _, c := range op.Columns(n.maps.Has(l)) {
			delete(out, c)
		}
		return reads(out, n.exprs["explode"])
	}
	for _, row := range op.Rows {
		for _, s := range row {
			delete(out, s.Column)
		}
	}
	for i, row := range op.Rows {
		for _, s := range n.liveSets(row, rowMark(i, ""), l) {
			reads(out, n.exprs[rowMark(i, s.Column)])
		}
	}
	return out
}

func (a *analysis) takenByReduce(n *node, op rdd.Reduce, l int) map[string]bool {
	out := map[string]bool{}
	for _, k := range op.By {
		out[k] = true
	}
	as := op.As.First()
	for _, g := range op.Get {
		if !n.liveAgg(as, g) {
			continue
		}
		reads(out, n.exprs["get."+g.Column])
		if ordering(n.aggs[l][g.Column].Func) && field(n.input[l], rdd.ColTime) != nil {
			out[rdd.ColTime] = true
		}
		n.content(out, l, n.aggs[l][g.Column].Func)
	}
	return out
}

func ordering(fn string) bool { return fn == "first" || fn == "last" }

// liveAgg reports whether an aggregate is read behind the Reduce, or could
// drop rows.
func (n *node) liveAgg(as int, g rdd.Assign) bool {
	return n.need[as][g.Column] || strict(n.exprs["get."+g.Column])
}

// takenByTag returns the columns of the source that somebody reads.
func (a *analysis) takenByTag(n *node, op rdd.Tag) map[string]bool {
	out, hash := map[string]bool{}, op.HashColumn != ""
	for _, cols := range n.need {
		for c := range cols {
			switch {
			case c == rdd.ColHash:
				hash = true
			case !system(c):
				out[c] = true
			}
		}
	}
	for _, c := range []string{op.Column, op.HashColumn, op.SeqColumn} {
		if c != "" {
			out[c] = true
		}
	}
	if hash {
		for _, c := range op.Identity {
			out[c] = true
		}
	}
	for _, e := range n.exprs { // rules and the event time, which the watermark follows
		reads(out, e)
	}
	return out
}

// strict reports whether e holds strict(), whose failure drops the row.
func strict(e expr.Node) bool {
	return calls(e, func(c *expr.Call) bool { return c.Name == "strict" })
}

// calls reports whether a call for which is says so is anywhere in e.
func calls(e expr.Node, is func(*expr.Call) bool) bool {
	switch e := e.(type) {
	case *expr.Call:
		return is(e) || slices.ContainsFunc(e.Args, func(x expr.Node) bool { return calls(x, is) })
	case *expr.Cast:
		return calls(e.X, is)
	case *expr.Case:
		for _, w := range e.Whens {
			if calls(w.If, is) || calls(w.Then, is) {
				return true
			}
		}
		return calls(e.Operand, is) || calls(e.Else, is)
	case *expr.Column, *expr.Literal, nil:
	}
	return false
}
