package physical

import (
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/rdd"
)

// Proven returns the reason for which rows within the bounds, of In columns by
// name, pass by the node: Identity, Empty for a filter that drops them all, or "".
func (n *Node) Proven(b expr.Bounds) bypass.Reason {
	switch act := n.Action.(type) {
	case Keep:
		switch {
		case act.Mask != Whole:
		case bypass.NonePass(act.Where, b):
			return bypass.Empty
		case bypass.AllPass(act.Where, b):
			return bypass.Identity
		}
	case Compute:
		if act.Mask == Whole && len(act.Clear) == 0 && act.kept(n) && bypass.Unchanged(act.Programs, act.columns(n), b) {
			return bypass.Identity
		}
	default:
	}
	return ""
}

// Provable are the In columns, by name, whose bounds could let Proven say something,
// or nil.
func (n *Node) Provable() []string {
	switch act := n.Action.(type) {
	case Keep:
		if act.Mask == Whole && !act.Where.Strict() {
			return act.Where.Bounded()
		}
	case Compute:
		if act.Mask != Whole || len(act.Clear) > 0 || !act.kept(n) || !bypass.MayBeUnchanged(act.Programs, act.columns(n)) {
			return nil
		}
		var out []string
		for _, p := range act.Programs {
			out = append(out, p.Bounded()...)
		}
		return out
	default:
	}
	return nil
}

// Silent reports whether a node does nothing but hand rows on, or drop them: where
// nothing comes of them behind it, it need not see them.
func (n *Node) Silent() bool {
	switch act := n.Action.(type) {
	case Route, Only, Draw:
		return true
	case Keep:
		return !act.Where.Strict()
	case Compute:
		return act.silent()
	case Expand:
		for _, row := range act.Rows {
			if !row.silent() {
				return false
			}
		}
		return true
	case Explode:
		return !act.List.Strict()
	case Apply:
		return true
	case Scan, Merge, Join, Rank, Assignment, Outlet:
	}
	return false
}

func (c Compute) silent() bool {
	for _, p := range c.Programs {
		if p.Strict() {
			return false
		}
	}
	return true
}

// Behind returns the bounds of Out columns of what the node makes of rows within
// the bounds. Rows that it drops take nothing away: bounds need not be attained.
func (n *Node) Behind(b expr.Bounds) expr.Bounds {
	switch act := n.Action.(type) {
	case Route: // of the columns that were read
		return n.moved(act.From, b)
	case Keep:
		return n.moved(act.From, b)
	case Only:
		return n.moved(act.From, b)
	case Draw:
		return n.moved(act.From, b)
	case Compute:
		return act.behind(n, b)
	case Expand:
		return act.behind(n, b)
	case Explode:
		out := n.moved(act.From, b)
		for _, i := range append([]int{act.Position}, act.Items...) {
			if i >= 0 {
				delete(out, n.Out.Field(i).Name)
			}
		}
		return out
	case Apply:
		out := n.moved(act.From, b)
		for _, i := range act.Writes {
			if i >= 0 {
				delete(out, n.Out.Field(i).Name)
			}
		}
		return out
	case Assignment:
		out := n.moved(act.From, b)
		delete(out, rdd.WindowStart)
		delete(out, rdd.WindowEnd)
		return out
	case Scan, Merge, Join, Rank, Outlet:
	}
	return nil
}

// moved are the bounds of the Out columns that are In columns as they were; those
// that the rows lack are null.
func (n *Node) moved(from []int, b expr.Bounds) expr.Bounds {
	out := make(expr.Bounds, len(from))
	for i, at := range from {
		name := n.Out.Field(i).Name
		switch {
		case at == FromNull:
			out[name] = expr.Range{Nulls: true, AllNull: true}
		case at == FromTime:
			if r, ok := b[rdd.ColTime]; ok {
				out[name] = r
			}
		case at >= 0:
			if r, ok := b[n.In.Field(at).Name]; ok {
				out[name] = r
			}
		}
	}
	return out
}

// columns are the Out columns that the programs set, in their order; kept reports
// whether each of them is set, and holds what was there before.
func (c Compute) columns(n *Node) []string {
	out := make([]string, len(c.Programs))
	for i, p := range c.Program {
		if p >= 0 {
			out[p] = n.Out.Field(i).Name
		}
	}
	return out
}

func (c Compute) kept(n *Node) bool {
	set := 0
	for i, p := range c.Program {
		if p < 0 {
			continue
		}
		if c.From[i] < 0 || n.In.Field(c.From[i]).Name != n.Out.Field(i).Name {
			return false
		}
		set++
	}
	return set == len(c.Programs)
}

func (c Compute) behind(n *Node, b expr.Bounds) expr.Bounds {
	out := n.moved(c.From, b)
	for i, p := range c.Program {
		if p < 0 {
			continue
		}
		name := n.Out.Field(i).Name
		if delete(out, name); c.Mask == Whole {
			out[name] = c.Programs[p].Range(b)
		}
	}
	for _, i := range c.Clear {
		delete(out, n.Out.Field(i).Name)
	}
	return out
}

// behind holds for the rows of every element.
func (e Expand) behind(n *Node, b expr.Bounds) expr.Bounds {
	var out expr.Bounds
	for i, row := range e.Rows {
		one := row.behind(n, b)
		if i == 0 {
			out = one
			continue
		}
		for name, r := range out {
			if other, ok := one[name]; ok {
				out[name] = r.Or(other)
			} else {
				delete(out, name)
			}
		}
	}
	return out
}
