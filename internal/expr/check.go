package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/fault"
)

// Check types n against a schema and compiles it. Its error is a fault.Invalid
// around an *Error that points at the node that is wrong.
func Check(n Node, schema *arrow.Schema) (*Program, error) {
	c := compiler{schema: schema, used: map[int]bool{}, repeats: repeats(n)}
	t, err := c.compile(n)
	if err == nil && (t.kind == kNull) {
		err = errorAt(n.At(), "a value of type %s cannot be a result; cast it", t.kind)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	p := &Program{node: n, kind: t.kind, root: t.op, columns: slices.Sorted(maps.Keys(c.used)), shared: c.shared}
	if len(c.strict) > 0 {
		p.why = strings.Join(c.strict, " or ") + " failed"
	}
	return p, nil
}

// typed is a compiled node.
type typed struct {
	op   op
	kind kind
	node Node
}

// constant is the value of t if it is known already.
func (t typed) constant() (*constOp, bool) {
	c, ok := t.op.(*constOp)
	return c, ok
}

type compiler struct {
	schema *arrow.Schema
	used   map[int]bool
	strict []string

	repeats map[string]int   // operations that occur more than once, by how they print
	known   map[string]typed // those of them that are compiled
	shared  int              // how many of these are evaluated once and kept
}

func (c *compiler) compile(n Node) (typed, *Error) { return c.share(n) }

// compileNew compiles a node that was not met before.
func (c *compiler) compileNew(n Node) (typed, *Error) {
	var t typed
	var err *Error
	switch n := n.(type) {
	case *Column:
		t, err = c.column(n)
	case *Literal:
		t = typed{op: literal(n.Value), kind: kindOfValue(n.Value)}
	case *Call:
		t, err = c.call(n)
	case *Cast:
		t, err = c.cast(n)
	case *Case:
		t, err = c.caseWhen(n)
	}
	if err != nil {
		return typed{}, err
	}
	t.node = n
	return c.tabulate(fold(t)), nil
}

// fold evaluates what depends on no row, unless it fails: failures are counted
// in the rows where they happen.
func fold(t typed) typed {
	if _, done := t.constant(); done || !isConstant(t.node) {
		return t
	}
	x := &exec{mem: memory.DefaultAllocator, rows: 1}
	v, err := t.op.eval(x)
	if err != nil {
		return t
	}
	defer v.release()
	if v.fail != nil || v.hard != nil {
		return t
	}
	if v.isNull() {
		t.op = nullOf(t.kind)
		return t
	}
	t.op = &constOp{v.retain()}
	if value := (&constOp{v}).value(); value != nil {
		t.op = literal(value)
	}
	return t
}

// isConstant tells whether n is made of literals only.
func isConstant(n Node) bool {
	konst := true
	walk(n, func(n Node) {
		switch n := n.(type) {
		case *Column:
			konst = false
		case *Call:
			konst = konst && n.Name != "now" && (n.Name != "unix_timestamp" || len(n.Args) > 0)
		case *Literal, *Cast, *Case:
		}
	})
	return konst
}

func (c *compiler) compileAll(nodes []Node) ([]typed, *Error) {
	out := make([]typed, len(nodes))
	for i, n := range nodes {
		var err *Error
		if out[i], err = c.compile(n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *compiler) column(n *Column) (typed, *Error) {
	at := c.schema.FieldIndices(n.Name)
	if len(at) == 0 {
		var known []string
		for _, f := range c.schema.Fields() {
			known = append(known, f.Name)
		}
		return typed{}, errorAt(n.Pos, "unknown column %q%s", n.Name, didYouMean(n.Name, known))
	}
	if len(at) > 1 {
		return typed{}, errorAt(n.Pos, "column %q is ambiguous: the schema has %d of that name", n.Name, len(at))
	}
	dt := c.schema.Field(at[0]).Type
	k := kindOf(dt)
	if k == kNull {
		return typed{}, errorAt(n.Pos, "column %q has type %s, which expressions cannot read", n.Name, dt)
	}
	c.used[at[0]] = true
	return typed{op: &columnOp{name: n.Name, index: at[0], kind: k}, kind: k}, nil
}

func (c *compiler) cast(n *Cast) (typed, *Error) {
	x, err := c.compile(n.X)
	if err != nil {
		return typed{}, err
	}
	to := kindOf(n.To)
	switch {
	case to == kNull:
		return typed{}, errorAt(n.Pos, "cannot cast to %s", n.To)
	case x.kind == to:
		return x, nil
	case x.kind == kNull:
		return typed{op: nullOf(to), kind: to}, nil
	}
	run := conversion(x.kind, to)
	if run == nil {
		hint := ""
		if to == kTime && x.kind == kInt {
			hint = "; use timestamp_seconds, timestamp_millis or timestamp_micros"
		}
		if x.kind == kTime && to == kInt {
			hint = "; use unix_seconds, unix_millis or unix_micros"
		}
		return typed{}, errorAt(n.Pos, "cannot cast %s to %s%s", x.kind, to, hint)
	}
	fn := function{run: run, kind: to, quiet: n.Try}
	return typed{op: &callOp{name: "cast", fn: fn, args: []op{x.op}}, kind: to}, nil
}

func (c *compiler) caseWhen(n *Case) (typed, *Error) {
	out := &caseOp{}
	var ifs, thens []typed
	for _, w := range n.Whens {
		both, err := c.compileAll([]Node{w.If, w.Then})
		if err != nil {
			return typed{}, err
		}
		ifs, thens = append(ifs, both[0]), append(thens, both[1])
	}
	otherwise := n.Else
	if otherwise == nil {
		otherwise = &Literal{Pos: n.Pos}
	}
	last, err := c.compile(otherwise)
	if err != nil {
		return typed{}, err
	}
	thens = append(thens, last)
	if out.kind, out.thens, err = unify("CASE", thens); err != nil {
		return typed{}, err
	}
	if n.Operand == nil {
		out.ifs, err = coerceAll(ifs, kBool, "WHEN")
		return typed{op: out, kind: out.kind}, err
	}
	operand, err := c.compile(n.Operand)
	if err != nil {
		return typed{}, err
	}
	k, ops, err := unify("CASE", append([]typed{operand}, ifs...))
	if err != nil {
		return typed{}, err
	}
	out.operand, out.ifs, out.eq = ops[0], ops[1:], equality(k)
	return typed{op: out, kind: out.kind}, nil
}

// call compiles a function or an operator.
func (c *compiler) call(n *Call) (typed, *Error) {
	e, ok := entryOf(n.Name)
	if !ok {
		return typed{}, c.unknown(n)
	}
	args, err := c.compileAll(n.Args)
	if err != nil {
		return typed{}, err
	}
	if e.special != nil {
		if len(args) < e.min || e.max >= 0 && len(args) > e.max {
			return typed{}, errorAt(n.Pos, "%s takes %s; got %d arguments", n.Name, e.doc.Signature, len(args))
		}
		return e.special(c, n, args)
	}
	if len(args) > 0 && args[0].kind.isList() && (n.Name == "concat" || n.Name == "reverse") {
		return compileArrays(n, args)
	}
	if anyDecimal(args) {
		if t, done, err := compileDecimal(n, args); done || err != nil {
			return t, err
		}
	}
	best, cost := -1, 1<<30
	for i, o := range e.overloads {
		if at, ok := o.cost(args); ok && at < cost {
			best, cost = i, at
		}
	}
	if best < 0 {
		return typed{}, errorAt(n.Pos, "%s cannot take (%s); it takes %s", n.Name, kindList(args), e.signatures())
	}
	o := e.overloads[best]
	ops := make([]op, len(args))
	for i, a := range args {
		if ops[i], err = coerce(a, o.param(i)); err != nil {
			return typed{}, err
		}
	}
	return typed{op: &callOp{name: n.Name, fn: function{run: o.run, kind: o.result}, args: ops}, kind: o.result}, nil
}

func anyDecimal(args []typed) bool {
	for _, a := range args {
		if a.kind.isDecimal() {
			return true
		}
	}
	return false
}

func (c *compiler) unknown(n *Call) *Error {
	switch n.Name {
	case "count", "count_distinct", "sum", "avg", "min", "max", "stddev", "first", "last",
		"approx_distinct", "approx_count", "approx_top", "approx_moment2", "sample":
		return errorAt(n.Pos, "aggregate not allowed here: %s belongs in a reduce", n.Name)
	case "rand", "random", "randn", "uuid", "newid", "gen_random_uuid", "monotonically_increasing_id":
		return errorAt(n.Pos, "%s is refused: a batch that is run again must give the same rows; derive the value from columns or now()", n.Name)
	}
	return errorAt(n.Pos, "unknown function %q%s", n.Name, didYouMean(n.Name, slices.Collect(maps.Keys(entriesByName()))))
}

func kindList(args []typed) string {
	names := make([]string, len(args))
	for i, a := range args {
		names[i] = a.kind.String()
	}
	return strings.Join(names, ", ")
}

// coerceCost is how far a value is from a type: 0 for the same, more for what
// may be converted without a cast.
func coerceCost(t typed, to kind) (int, bool) {
	lit, isLiteral := t.node.(*Literal)
	switch {
	case t.kind == to:
		return 0, true
	case t.kind == kNull:
		return 1, true
	case converts(t.kind, to):
		return 2, true
	case t.kind.isDecimal() && to.isDecimal(), t.kind == kInt && to.isDecimal():
		return 3, true
	case t.kind == kString && (to == kTime || to == kDate) && isLiteral && lit.Value != nil:
		return 4, true
	}
	return 0, false
}

// coerce converts t without a cast; coerceCost tells when that is possible.
func coerce(t typed, to kind) (op, *Error) {
	if _, ok := coerceCost(t, to); !ok {
		return nil, errorAt(t.node.At(), "expected %s, got %s", to, t.kind)
	}
	switch {
	case t.kind == to:
		return t.op, nil
	case t.kind == kNull:
		return nullOf(to), nil
	case t.kind == kString:
		lit, _ := t.node.(*Literal)
		return timeConstant(lit, to)
	}
	o := &callOp{name: "cast", fn: function{run: conversion(t.kind, to), kind: to}, args: []op{t.op}}
	return fold(typed{op: o, kind: to, node: t.node}).op, nil
}

// timeConstant reads a string literal that is used as a time.
func timeConstant(lit *Literal, to kind) (op, *Error) {
	text := fmt.Sprint(lit.Value)
	if to == kDate {
		if d, ok := parseDate(text); ok {
			return literal(arrow.Date32(d)), nil
		}
		return nil, errorAt(lit.Pos, "%s is not a date like '2026-01-31'", quote(text, '\''))
	}
	if us, ok := parseTimestamp(text); ok {
		return literal(arrow.Timestamp(us)), nil
	}
	return nil, errorAt(lit.Pos, "%s is not a timestamp like '2026-01-31 12:30:00'", quote(text, '\''))
}

func coerceAll(args []typed, to kind, where string) ([]op, *Error) {
	ops := make([]op, len(args))
	for i, a := range args {
		if _, ok := coerceCost(a, to); !ok {
			return nil, errorAt(a.node.At(), "%s takes %s; got %s", where, to, a.kind)
		}
		var err *Error
		if ops[i], err = coerce(a, to); err != nil {
			return nil, err
		}
	}
	return ops, nil
}

// unifyOrdered is unify for values that are compared.
func unifyOrdered(where string, args []typed) (kind, []op, *Error) {
	k, ops, err := unify(where, args)
	if err == nil && !ordered(k) {
		err = errorAt(args[0].node.At(), "%s cannot take %s: maps are not compared", where, k)
	}
	return k, ops, err
}

// unify brings values to one type: that of one of them, to which all others
// can be converted.
func unify(where string, args []typed) (kind, []op, *Error) {
	to, from := kNull, 0
	for i, a := range args {
		if _, ok := coerceCost(a, to); ok && to != kNull && !to.isDecimal() {
			continue
		}
		wide, ok := wider(to, a.kind)
		for _, b := range args[:i] {
			if _, can := coerceCost(b, a.kind); !ok && !can {
				return kNull, nil, errorAt(a.node.At(), "%s cannot take %s together with %s", where, a.kind, args[from].kind)
			}
		}
		if !ok {
			wide = a.kind
		}
		if wide != to {
			to, from = wide, i
		}
	}
	if to == kNull {
		return kNull, nil, errorAt(args[0].node.At(), "%s cannot tell its type: there are only values of type %s; cast one", where, to)
	}
	ops, err := coerceAll(args, to, where)
	return to, ops, err
}
