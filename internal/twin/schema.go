package twin

import (
	"cmp"
	"maps"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
)

// derive finds the columns and types of every label after the operation of d.
// It checks nothing: that a job is well-formed is the planner's business.
func (r *run) derive(d *rdd.Dataset) error {
	out := r.merged(d.Parents())
	r.schemas[d] = out
	s := &scope{}
	switch op := d.Op().(type) {
	case rdd.Read:
		for i := range r.job.Labels {
			out[i] = schema{}
			for _, f := range op.Schema.Fields() {
				out[i][f.Name] = typeID(f.Type)
			}
		}
	case rdd.Tag:
		for label, have := range out {
			if !r.labelled(op).Has(label) {
				delete(out, label)
			}
			have[rdd.ColLabel], have[rdd.ColTime] = arrow.STRING, arrow.TIMESTAMP
			have[rdd.ColHash], have[rdd.ColSeq], have[rdd.ColPart] = arrow.INT64, arrow.INT64, arrow.INT64
		}
	case rdd.Map:
		r.change(op.For, out, func(have schema) {
			r.set(s, have, op.Set)
			for _, c := range op.Drop {
				delete(have, c)
			}
		})
	case rdd.FlatMap:
		if op.Explode != "" {
			s.unsupported("explode")
			break
		}
		r.change(op.For, out, func(have schema) { r.set(s, have, op.Rows[0]) })
	case rdd.Apply:
		r.change(op.For, out, func(have schema) {
			for c, t := range ownTypes(op.Func) {
				if as, ok := op.Columns[c]; ok {
					c = as
				}
				have[c] = t
			}
		})
	case rdd.Broadcast:
		r.change(op.For, out, func(have schema) {
			for _, c := range op.Columns {
				have[c.Name] = typeID(c.Type)
			}
		})
	case rdd.Window:
		r.change(r.windowed(d, op), out, func(have schema) {
			have[rdd.WindowStart], have[rdd.WindowEnd] = arrow.TIMESTAMP, arrow.TIMESTAMP
		})
	case rdd.Reduce:
		r.deriveReduce(s, op, out)
	case rdd.Join:
		r.deriveJoin(d, op, out)
	case rdd.Distinct, rdd.Sort, rdd.Limit:
		deriveRows(d, out)
	case rdd.Sample:
		if op.N != 0 {
			deriveRows(d, out)
		}
	case rdd.Filter, rdd.Shuffle, rdd.Union, rdd.Cache, rdd.Write:
	}
	return s.err
}

// merged is a copy of the columns of every label of any parent.
func (r *run) merged(parents []*rdd.Dataset) map[int]schema {
	out := map[int]schema{}
	for _, p := range parents {
		for label, s := range r.schemas[p] {
			if out[label] == nil {
				out[label] = maps.Clone(s)
				continue
			}
			_, a := out[label][rdd.ColSeq]
			_, b := s[rdd.ColSeq]
			maps.Copy(out[label], s)
			for _, c := range eventColumns() {
				if !a || !b { // events and groups together are groups
					delete(out[label], c)
				}
			}
		}
	}
	return out
}

// change applies f to the columns of labels (zero: all).
func (r *run) change(labels rdd.LabelSet, out map[int]schema, f func(schema)) {
	for label, have := range out {
		if labels == 0 || labels.Has(label) {
			f(have)
		}
	}
}

// set types every assignment against the columns before any of them.
func (r *run) set(s *scope, have schema, set []rdd.Assign) {
	before := &scope{types: maps.Clone(have)}
	for _, a := range set {
		have[a.Column] = before.typeOf(r.parse(s, a.Expr))
	}
	s.err = cmp.Or(s.err, before.err)
}

func (r *run) deriveReduce(s *scope, op rdd.Reduce, out map[int]schema) {
	result := schema{rdd.ColLabel: arrow.STRING}
	for label, have := range out {
		if op.From != 0 && !op.From.Has(label) {
			continue
		}
		in := &scope{types: have}
		for _, c := range op.By {
			if t, ok := have[c]; ok {
				result[c] = t
			}
		}
		for _, a := range op.Get {
			n := r.parse(s, a.Expr)
			if t := in.typeOf(n); t != arrow.NULL {
				result[a.Column] = t
			}
			if call, ok := n.(*expr.Call); ok && call.Name == "stddev" {
				r.result.Loose[a.Column] = true
			}
		}
		delete(out, label)
	}
	out[op.As.First()] = result
}

// labelled is the labels that a Tag can give. With Column alone that is every
// label that is not the result of a Reduce.
func (r *run) labelled(op rdd.Tag) rdd.LabelSet {
	set := op.Otherwise
	if op.Column != "" && len(op.Values) == 0 {
		set = r.job.All()
		for _, d := range r.job.Datasets() {
			set &^= d.Result()
		}
	}
	for _, v := range op.Values {
		set |= v
	}
	for _, rule := range op.Rules {
		set |= rule.Label
	}
	return set
}

// windowed is the labels a Window is for: without For, those that have the
// time column.
func (r *run) windowed(d *rdd.Dataset, op rdd.Window) rdd.LabelSet {
	if op.For != 0 {
		return op.For
	}
	var set rdd.LabelSet
	for label, have := range r.schemas[d.Parents()[0]] {
		if have[op.Time] == arrow.TIMESTAMP {
			set |= 1 << label
		}
	}
	return set
}

// typeOf is the type of n, NULL for a bare null.
func (s *scope) typeOf(n expr.Node) arrow.Type {
	switch n := n.(type) {
	case *expr.Column:
		if t, ok := s.types[n.Name]; ok {
			return t
		}
		return arrow.NULL
	case *expr.Literal:
		return typeOfValue(n.Value)
	case *expr.Cast:
		return typeID(n.To)
	case *expr.Case:
		t := arrow.NULL
		if n.Else != nil {
			t = s.typeOf(n.Else)
		}
		for _, w := range n.Whens {
			t = common(t, s.typeOf(w.Then))
		}
		return t
	case *expr.Call:
		return s.typeOfCall(n)
	}
	return arrow.NULL
}

func (s *scope) typeOfCall(n *expr.Call) arrow.Type {
	switch n.Name {
	case "avg":
		if t := s.typeOf(n.Args[0]); t == arrow.DECIMAL128 || t == arrow.DURATION {
			return t
		}
		return arrow.FLOAT64
	case "/", "sqrt", "stddev", "approx_moment2":
		return arrow.FLOAT64
	case "field": // drawn is only r.a
		return arrow.FLOAT64
	case "get": // of a map of integers, or a list of strings
		if s.typeOf(n.Args[0]) == arrow.MAP {
			return arrow.INT64
		}
		return arrow.STRING
	case "div", "length", "year", "hour", "dayofweek", "unix_micros", "count", "count_distinct", "approx_distinct", "approx_count", "own_spread", "size", "instr", "datediff":
		return arrow.INT64
	case "concat", "lower", "upper", "trim", "substring", "replace", "reverse":
		return arrow.STRING
	case "approx_top", "sample":
		return arrow.LIST
	case "date_trunc", "now":
		return arrow.TIMESTAMP
	case "date_add":
		return arrow.DATE32
	case "nullif", "strict", "neg", "abs", "sum", "min", "max", "first", "last":
		return s.typeOf(n.Args[0])
	case "+", "-", "*", "%", "coalesce", "greatest", "least":
		t := arrow.NULL
		for _, a := range n.Args {
			t = common(t, s.typeOf(a))
		}
		return t
	case "if":
		return common(s.typeOf(n.Args[1]), s.typeOf(n.Args[2]))
	case "=", "<>", "<", "<=", ">", ">=", "<=>", "and", "or", "not", "in", "between", "like", "is_null", "is_true", "is_false",
		"starts_with", "contains", "array_contains":
		return arrow.BOOL
	}
	s.unsupported("%s", n.Name)
	return arrow.NULL
}

// common is the type that two types coerce to.
func common(a, b arrow.Type) arrow.Type {
	switch {
	case a == arrow.NULL || a == b || a == arrow.INT64 && b == arrow.FLOAT64 || a == arrow.DATE32 && b == arrow.TIMESTAMP:
		return b
	default:
		return a
	}
}
