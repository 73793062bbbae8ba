package planner

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/agg"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// signature is how an aggregate is called.
type signature struct {
	text     string
	min, max int // how many arguments
	number   int // which of them is how many values it gives, or -1
	value    int // which is the value that it counts, or -1
	err      int // which is the error, or -1
}

// signatureOf is how the named aggregate is called.
func signatureOf(name string) signature {
	switch name {
	case "count":
		return signature{"count() or count(x)", 0, 1, -1, -1, -1}
	case "approx_distinct":
		return signature{"approx_distinct(x[, error])", 1, 2, -1, -1, 1}
	case "approx_count":
		return signature{"approx_count(x, value[, error])", 2, 3, -1, 1, 2}
	case "approx_top":
		return signature{"approx_top(x, k[, error])", 2, 3, 1, -1, 2}
	case "approx_moment2":
		return signature{"approx_moment2(x[, error])", 1, 2, -1, -1, 1}
	case "sample":
		return signature{"sample(x, k)", 2, 2, 1, -1, -1}
	}
	return signature{"one argument", 1, 1, -1, -1, -1}
}

// placing reports whether an aggregate draws rows by their places.
func placing(fn string) bool { return fn == "approx_top" || fn == "sample" }

// parametrize fills in what an aggregate is told by its constant arguments: how many
// values, which value, which error. The error points at the argument that is wrong.
func parametrize(c *expr.Call, out *physical.Agg) error {
	s := signatureOf(c.Name)
	if s.number >= 0 {
		k, ok := literal[int64](c.Args[s.number])
		if !ok || k < 1 || k > 1<<31 {
			return wrongAt(c.Args[s.number], "%s: k is a number of values from 1 on, not %s", s.text, c.Args[s.number])
		}
		out.K = int(k)
	}
	if s.err >= 0 && s.err < len(c.Args) {
		e, ok := literal[float64](c.Args[s.err])
		if !ok || !(e > 0 && e < 1) {
			return wrongAt(c.Args[s.err], "%s: the error is a number between 0 and 1, like 0.01, not %s", s.text, c.Args[s.err])
		}
		out.Error = e
	}
	if s.value >= 0 {
		var err error
		out.Key, err = hashOf(c.Args[0], c.Args[s.value], out.Type)
		return err
	}
	return nil
}

// literal is the value of a literal of type T.
func literal[T any](e expr.Node) (T, bool) {
	l, ok := e.(*expr.Literal)
	if !ok {
		var none T
		return none, false
	}
	v, ok := l.Value.(T)
	return v, ok
}

// hashOf is the hash of a constant as a value of x, which has type t: converted
// as a comparison of x with it would, without making x anything else.
func hashOf(x, value expr.Node, t arrow.DataType) (uint64, error) {
	if len(expr.Columns(value)) > 0 || varies(value) {
		return 0, wrongAt(value, "approx_count: the value to count is a constant, not %s", value)
	}
	at := value.At()
	column := arrow.NewSchema([]arrow.Field{{Name: "x", Type: t, Nullable: true}}, nil)
	both, err := expr.Check(&expr.Call{Pos: at, Name: "coalesce", Args: []expr.Node{&expr.Column{Pos: at, Name: "x"}, value}}, column)
	if err != nil || !types.Same(both.Type(), t) {
		return 0, wrongAt(value, "approx_count: %s is no value of %s, which is %s", value, x, typeName(t))
	}
	p, err := expr.Check(&expr.Cast{Pos: at, X: value, To: t}, arrow.NewSchema(nil, nil))
	if err != nil {
		return 0, fmt.Errorf("approx_count: %w", err)
	}
	r, err := p.Eval(expr.Env{Mem: memory.DefaultAllocator}, nil, 1)
	if err != nil {
		return 0, err
	}
	defer r.Release()
	if r.Values.IsNull(0) || r.Nulled != nil || r.Failed != nil {
		return 0, wrongAt(value, "approx_count: %s is null, which no value equals; count(*) - count(x) counts nulls", value)
	}
	return kernel.HashRows([]arrow.Array{r.Values}, nil)[0], nil
}

// varies reports whether a constant-looking expression is none.
func varies(e expr.Node) bool {
	switch e := e.(type) {
	case *expr.Call:
		return e.Name == "now" || e.Name == "strict" || e.Name == "unix_timestamp" && len(e.Args) == 0 || slices.ContainsFunc(e.Args, varies)
	case *expr.Cast:
		return varies(e.X)
	case *expr.Case:
		return slices.ContainsFunc(e.Whens, func(w expr.When) bool { return varies(w.If) || varies(w.Then) }) ||
			varies(e.Operand) || varies(e.Else)
	case *expr.Column, *expr.Literal, nil:
	}
	return false
}

// wrongAt is a mistake at a node.
func wrongAt(e expr.Node, format string, args ...any) error {
	at := e.At()
	return &expr.Error{Line: at.Line, Column: at.Column, Msg: fmt.Sprintf(format, args...)}
}

// failSpec reports what an aggregate finds wrong with its argument, or with what it is
// told besides.
func (a *analysis) failSpec(n *node, mark, src string, c *expr.Call, t arrow.DataType, err error) {
	if len(c.Args) > 1 {
		a.failExpr(n, mark, src, 0, wrongAt(c, "%s: %v", c.Name, err))
		return
	}
	takes := map[string]string{"stddev": "a bigint or a double", "min": "what has an order", "max": "what has an order"}[c.Name]
	if takes == "" {
		takes = "a bigint, a double, a decimal or an interval"
	}
	a.fail(n.Dataset.At(mark), "reduce: %s takes %s, %q is %s", c.Name, takes, c.Args[0], typeName(t))
}

// content adds to what a Reduce reads of label l all columns of rows that are groups,
// if an aggregate draws by place: groups have none, and are told apart by what is in them.
func (n *node) content(out map[string]bool, l int, fn string) {
	if !placing(fn) || n.events(l) {
		return
	}
	for _, f := range n.input[l].Fields() {
		if !system(f.Name) {
			out[f.Name] = true
		}
	}
}

// placed fills in how a Partial tells rows apart, whose columns are those of in.
func (n *node) placed(p *physical.Partial, labels rdd.LabelSet, in *arrow.Schema) {
	p.Places = slices.ContainsFunc(p.Aggs, func(a physical.Agg) bool { return placing(a.Func) })
	if !p.Places {
		return
	}
	names := map[string]bool{}
	for _, l := range labels.Each() {
		if !n.events(l) {
			p.Groups |= one(l)
			n.content(names, l, "sample")
		}
	}
	for i, f := range in.Fields() {
		if names[f.Name] {
			p.Content = append(p.Content, i)
		}
	}
}

// specOf is the aggregate as the kernel knows it.
func specOf(a physical.Agg) agg.Spec {
	return agg.Spec{Func: a.Func, Arg: a.Type, K: a.K, Error: a.Error, Key: a.Key, Own: a.Own}
}
