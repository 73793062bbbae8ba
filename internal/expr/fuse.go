package expr

import (
	"github.com/idag/idag/internal/kernel/fuse"
	"github.com/idag/idag/internal/kernel/scalar"
)

// Fuse implements fuse.Term: it makes the program's value of those of its columns,
// by the schema's ordinals, with the failures that Eval counts. It is false for what
// only Eval knows: most functions, texts, decimals, nested types, and strict().
func (p *Program) Fuse(b *fuse.Builder, columns []fuse.Value) (fuse.Value, bool) {
	if p.Strict() {
		return 0, false
	}
	if c, ok := p.root.(*columnOp); ok { // of any type
		return columns[c.index], true
	}
	f := fuser{b: b, columns: columns}
	return f.value(p.root)
}

// fuser makes the values of one program.
type fuser struct {
	b       *fuse.Builder
	columns []fuse.Value
}

func (f *fuser) value(o op) (fuse.Value, bool) {
	switch o := o.(type) {
	case *sharedOp: // equal values are made once
		return f.value(o.op)
	case *columnOp:
		return f.b.Load(f.columns[o.index])
	case *constOp:
		return f.constant(&o.v)
	case *callOp:
		return f.call(o)
	case *logicOp:
		x, ok := f.value(o.a)
		y, also := f.value(o.b)
		if !ok || !also {
			return 0, false
		}
		return f.b.Logic(o.or, x, y)
	case *isOp:
		if x, ok := f.value(o.a); ok && o.test == "null" {
			return f.b.IsNull(x)
		}
	}
	return 0, false
}

func (f *fuser) constant(c *vec) (fuse.Value, bool) {
	if c.kind.isText() || c.kind.isNested() || c.isNull() {
		return 0, false
	}
	word := view[uint64](c.vals, 1)[0] // of types that have fewer or more bits there is no value
	if c.kind == kBool {
		word &= 1
	}
	return f.b.Constant(c.kind.arrow(), word)
}

// call makes the value of a function of one or two arguments that is null for a
// null one.
func (f *fuser) call(o *callOp) (fuse.Value, bool) {
	if len(o.args) < 1 || len(o.args) > 2 || o.fn.quiet {
		return 0, false
	}
	x, ok := f.value(o.args[0])
	if !ok {
		return 0, false
	}
	if len(o.args) == 1 {
		return f.unary(o, x)
	}
	y, ok := f.value(o.args[1])
	if !ok {
		return 0, false
	}
	if cmp, compares := comparisonOf(o.name); compares {
		return f.b.Compare(cmp, x, y)
	}
	switch o.name {
	case "+", "-", "*", "/":
		return f.b.Arithmetic(o.name[0], o.fn.kind.arrow(), x, y)
	}
	return 0, false
}

func (f *fuser) unary(o *callOp, x fuse.Value) (fuse.Value, bool) {
	switch {
	case o.name == "neg" && o.fn.kind == kFloat:
		return f.b.Negate(x)
	case o.name == "not":
		return f.b.Not(x)
	case o.name == "cast" && o.fn.kind == kFloat:
		return f.b.ToFloat(x)
	}
	return 0, false
}

func comparisonOf(name string) (cmp scalar.Cmp, ok bool) {
	switch name {
	case "=":
		return scalar.Eq, true
	case "<>":
		return scalar.Ne, true
	case "<":
		return scalar.Lt, true
	case "<=":
		return scalar.Le, true
	case ">":
		return scalar.Gt, true
	case ">=":
		return scalar.Ge, true
	}
	return 0, false
}
