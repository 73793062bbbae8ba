package planner

import (
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// checkFunctions refuses aggregates of the program that are called like those that ship.
func (a *analysis) checkFunctions() {
	for _, i := range a.job.Functions.Items() {
		if own, ok := i.(fn.Aggregate); ok && slices.Contains(aggregates(), own.Name) {
			a.fail(a.job.At, "the program's aggregate %s is called like one that ships; give it another name", own.Name)
		}
	}
}

// deriveApply finds the function and derives the schemas behind it.
func (a *analysis) deriveApply(n *node, op rdd.Apply) {
	n.acts = a.forLabels(n, "for", op.For)
	f, err := a.job.Functions.Func(op.Func)
	if err == nil {
		err = f.Check()
	}
	if err != nil {
		a.fail(n.Dataset.At("func"), "apply: %v", err)
		return
	}
	n.fn = &f
	if !a.applicable(n, op) {
		return
	}
	reads, writes := op.Names(f.Reads), op.Names(f.Writes)
	for _, l := range ordered(n.input) {
		out := n.input[l]
		if n.acts.Has(l) {
			known := map[string]values{}
			for i, c := range f.Reads {
				if v, ok := a.nodes[n.Parents[0]].known[l][reads[i]]; a.reading(n, c, reads[i], l) && ok {
					known[c.Name] = v
				}
			}
			a.verify(n, "func", f.Verify, known)
			for i, c := range f.Writes {
				if writes[i] == rdd.WindowStart {
					delete(n.windows, l)
				}
				out = withField(out, writes[i], c.Type)
			}
		}
		n.Schemas[l] = out
	}
}

// applicable checks the columns that a function declares, whatever the rows are.
func (a *analysis) applicable(n *node, op rdd.Apply) bool {
	before := len(a.mistakes)
	declared := map[string]bool{}
	for i, c := range slices.Concat(n.fn.Reads, n.fn.Writes) {
		declared[c.Name] = true
		if c.Type != nil && !supported(c.Type) && !(i < len(n.fn.Reads) && types.IsString(c.Type)) {
			a.fail(n.Dataset.At("func"), "apply: the function %s declares the column %q as %s, which is no type of the engine", n.fn.Name, c.Name, c.Type)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(op.Columns)) {
		if !declared[c] {
			a.fail(n.Dataset.At("columns."+c), "apply: the function %s has no column %q; it has %s", n.fn.Name, c, list(slices.Sorted(maps.Keys(declared))))
		}
	}
	writes := op.Names(n.fn.Writes)
	for i, c := range writes {
		if c == "" || system(c) || slices.Contains(writes[:i], c) {
			a.fail(n.Dataset.At("columns."+n.fn.Writes[i].Name), "apply: cannot set the column %q, or sets it twice", c)
		}
	}
	return len(a.mistakes) == before
}

// supported reports whether a column of a type can be declared: strings are plain there.
func supported(t arrow.DataType) bool { return types.Supported(t) && t.ID() != arrow.DICTIONARY }

// reading checks a column that a function reads of label l, and says whether it is
// there, of the type that the function declares.
func (a *analysis) reading(n *node, c fn.Column, name string, l int) bool {
	at, here := n.Dataset.At("columns."+c.Name), labelsOf(n.input)
	switch f := field(n.input[l], name); {
	case f == nil:
		a.failFor(one(l), here, at, "apply: the function %s reads the column %q, and there is none", n.fn.Name, name)
	case c.Type != nil && !types.Same(c.Type, f.Type):
		a.failFor(one(l), here, at, "apply: the function %s reads the column %q as %s, and it is %s", n.fn.Name, name, typeName(c.Type), typeName(f.Type))
	default:
		return true
	}
	return false
}

// applyParameters spells what decides the rows of an Apply.
func applyParameters(op rdd.Apply, f *fn.Func) []string {
	s := []string{"func", f.Name, "version", f.Version, "rows", string(f.Rows)}
	for i, name := range op.Names(f.Reads) {
		s = append(s, "reads", f.Reads[i].Name, name, declaredType(f.Reads[i].Type))
	}
	for i, name := range op.Names(f.Writes) {
		s = append(s, "writes", f.Writes[i].Name, name, declaredType(f.Writes[i].Type))
	}
	return s
}

func declaredType(t arrow.DataType) string {
	if t == nil {
		return ""
	}
	return t.String()
}

// takenByApply returns the columns that an Apply, or somebody behind it, reads. One that
// keeps all rows is dead where nobody reads what it writes.
func (n *node) takenByApply(reads, writes []string, l int) map[string]bool {
	out, live := clone(n.need[l]), n.fn.Rows != fn.Keeps
	for _, c := range writes {
		live = live || out[c]
		delete(out, c)
	}
	n.dead[l] = !live
	if live {
		for _, c := range reads {
			out[c] = true
		}
	}
	return out
}

// apply attaches an Apply.
func (b *builder) apply(c *node, op rdd.Apply, f flow) flow {
	return b.called(c, physical.Apply{Func: c.fn}, op.Names(c.fn.Reads), op.Names(c.fn.Writes), f)
}

// called attaches what gives rows columns by a function.
func (b *builder) called(c *node, act physical.Apply, reads, writes []string, f flow) flow {
	out := b.schema(f.labels, c.need, c.Schemas)
	act.Change = b.change(c, f, out)
	for _, name := range reads {
		act.Reads = append(act.Reads, indexOf(f.at.Out, name))
	}
	for _, name := range writes {
		at := indexOf(out, name)
		act.Writes = append(act.Writes, at)
		if at >= 0 && (act.Mask == physical.Whole || !b.others(c, f.labels&^act.For, name)) {
			act.From[at] = physical.FromNull
		}
	}
	f = b.attach(f, c.ID, act, out)
	if b.mode == Staged && c.fn.Rows == fn.Keeps {
		return b.boundary(c, f)
	}
	return f
}

func (a *analysis) applyText(op rdd.Apply) string {
	text := "apply" + a.labels(op.For) + " " + op.Func
	if f, err := a.job.Functions.Func(op.Func); err == nil {
		text += " " + f.Version
	}
	return text
}

// ownAggregate types a call of an aggregate of the program for label l.
func (a *analysis) ownAggregate(n *node, g rdd.Assign, c *expr.Call, own fn.Aggregate, l int) (physical.Agg, bool) {
	mark, out := "get."+g.Column, physical.Agg{Column: g.Column, Func: c.Name, Arg: -1, Result: own.Result, Own: &own}
	if err := own.Check(); err != nil {
		a.fail(n.Dataset.At(mark), "reduce: %v", err)
		return out, false
	}
	if len(c.Args) != len(own.Args) {
		a.fail(n.Dataset.At(mark), "reduce: %s takes %d arguments, here are %d", c.Name, len(own.Args), len(c.Args))
		return out, false
	}
	if !supported(own.Result) {
		a.fail(n.Dataset.At(mark), "reduce: the result of %s is %s, which is no type of the engine", own.Name, own.Result)
		return out, false
	}
	for i, arg := range own.Args {
		t := a.typeFor(n, mark, g.Expr, c.Args[i], l, n.input[l])
		switch {
		case t == nil:
			return out, false
		case arg.Type != nil && !types.Same(arg.Type, t):
			a.failExpr(n, mark, g.Expr, one(l), wrongAt(c.Args[i], "%s takes %s as its argument %s, %q is %s", c.Name, typeName(arg.Type), arg.Name, c.Args[i], typeName(t)))
			return out, false
		}
	}
	known := map[string]values{}
	for i, arg := range own.Args {
		if own.Verify == nil {
			break
		}
		if v, ok := a.follow(n, mark, c.Args[i], l, a.nodes[n.Parents[0]].known[l]); ok {
			known[arg.Name] = v
		}
	}
	a.verify(n, mark, own.Verify, known)
	out.Type = a.typeFor(n, mark, g.Expr, argument(c, &own), l, n.input[l])
	return out, out.Type != nil
}

// argument is what an aggregate is over: its first argument or, of one of the program,
// a struct of all of them.
func argument(c *expr.Call, own *fn.Aggregate) expr.Node {
	if own == nil {
		return c.Args[0]
	}
	at := c.At()
	all := &expr.Call{Pos: at, Name: "named_struct"}
	for i, arg := range own.Args {
		all.Args = append(all.Args, &expr.Literal{Pos: at, Value: arg.Name}, c.Args[i])
	}
	return all
}

// ownAggregates spells the program's aggregates that a Reduce calls.
func (n *node) ownAggregates(op rdd.Reduce) []string {
	var s []string
	for _, g := range op.Get {
		own := n.aggs[n.acts.First()][g.Column].Own
		if own == nil {
			continue
		}
		s = append(s, "aggregate", own.Name, own.Version, declaredType(own.Result))
		for _, arg := range own.Args {
			s = append(s, arg.Name, declaredType(arg.Type))
		}
	}
	return s
}
