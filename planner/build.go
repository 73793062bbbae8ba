package planner

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// flow is rows on their way through a stage: their labels and the operator they
// come from.
type flow struct {
	labels rdd.LabelSet
	at     *physical.Node
	stage  int
	by     bypass.Partitioning // what brought the rows to their part of the stage
}

// follow takes a flow of rows that are behind n to everything that follows n.
func (b *builder) follow(n *node, f flow) {
	b.pass(n, f)
	for i, id := range n.consumers {
		b.step(b.nodes[id], n.inlets[i], f)
	}
}

// step takes a flow through one operation, into one of its inputs.
func (b *builder) step(c *node, inlet int, f flow) {
	f.labels &= labelsOf(c.input)
	if !b.scheduled(c, inlet, f) {
		return
	}
	acts := f.labels & c.actsOn(inlet)
	if acts != 0 {
		f.by = f.by.Without(b.altered(c))
	}
	switch op := c.op.(type) {
	case rdd.Map, rdd.Filter, rdd.FlatMap, rdd.Apply, rdd.Broadcast, rdd.Window:
		if c.idle(acts) && !(acts != 0 && drops(c.op, f)) {
			b.passBy(c, f)
			return
		}
		b.follow(c, b.rowwise(c, f))
	case rdd.Reduce:
		if acts != 0 {
			b.reduce(c, op, f, acts)
		}
		b.past(c, f, acts)
	case rdd.Shuffle:
		want := b.partitioning(op.Keys, c.input[f.labels.First()])
		if acts != 0 && bypass.InPlace(f.by, want) {
			b.inPlace(c, f, acts)
			return
		}
		if acts != 0 {
			b.shuffle(c, op, f, acts)
		}
		b.past(c, f, acts)
	case rdd.Join:
		b.join(c, inlet, f)
		b.past(c, f, acts)
	case rdd.Distinct, rdd.Sort, rdd.Limit, rdd.Sample:
		b.ranked(c, f, acts)
	case rdd.Union:
		b.follow(c, b.united(c, f))
	case rdd.Cache:
		b.keep(c, f)
		b.follow(c, f)
	case rdd.Write:
		if acts != 0 {
			b.write(c, f, acts)
		}
	case rdd.Read, rdd.Tag:
	}
}

// united gives a flow the columns that it lacks and another input of a Union has.
func (b *builder) united(c *node, f flow) flow {
	out := b.schema(f.labels, c.need, c.Schemas)
	from := columnsFrom(f.at.Out, out)
	if !slices.Contains(from, physical.FromNull) {
		return f
	}
	act := physical.Compute{Change: physical.Change{For: f.labels, From: from}, Program: make([]int, len(from))}
	for i := range act.Program {
		act.Program[i] = -1
	}
	return b.attach(f, c.ID, act, out)
}

// rowwise takes a flow through an operation that acts on its rows one by one.
func (b *builder) rowwise(c *node, f flow) flow {
	switch op := c.op.(type) {
	case rdd.Map:
		return b.mapped(c, op, f)
	case rdd.Filter:
		return b.filtered(c, f)
	case rdd.FlatMap:
		return b.expanded(c, op, f)
	case rdd.Apply:
		return b.apply(c, op, f)
	case rdd.Broadcast:
		return b.broadcast(c, op, f)
	case rdd.Window:
		return b.windowed(c, op, f)
	default:
		return f
	}
}

// drops reports whether a Map drops a column that the flow still has. Such a Map
// must not be passed by: a Union behind it would find the column again, by name,
// where another of its inputs has it.
func drops(op rdd.Operation, f flow) bool {
	m, ok := op.(rdd.Map)
	return ok && slices.ContainsFunc(m.Drop, func(c string) bool { return len(f.at.Out.FieldIndices(c)) > 0 })
}

// idle reports whether an operation does nothing to rows of these labels: it
// is not for them, or it is a Map and nobody reads what it computes.
func (n *node) idle(labels rdd.LabelSet) bool {
	for _, l := range labels.Each() {
		if !n.dead[l] {
			return false
		}
	}
	return true
}

// scheduled reports whether anything comes of a flow at c or behind it. A
// branch that ends in nothing for these labels is left out.
func (b *builder) scheduled(c *node, inlet int, f flow) bool {
	if slices.ContainsFunc(f.labels.Each(), func(l int) bool { return b.matters(c, inlet, l) }) {
		return true
	}
	for _, l := range f.labels.Each() {
		b.skipFrom(f.at, c, l)
	}
	return false
}

// passBy lets a flow go on past an operation. In the I-DAG plan that is a
// bypass, with its reason.
func (b *builder) passBy(c *node, f flow) {
	for _, l := range f.labels.Each() {
		b.skip(f.at, c, l)
	}
	b.follow(c, f)
}

// past lets the labels that a grouping operation does not take go on past it.
func (b *builder) past(c *node, f flow, taken rdd.LabelSet) {
	rest := f.labels &^ taken
	wanted := rdd.LabelSet(0)
	for _, l := range rest.Each() {
		if b.wanted(c, l) {
			wanted |= 1 << uint(l)
		}
	}
	if wanted == 0 {
		for _, l := range rest.Each() {
			for _, id := range c.consumers {
				b.skipFrom(f.at, b.nodes[id], l)
			}
		}
		return
	}
	if rest != f.labels {
		f = b.only(c, f, rest, b.schema(rest, c.need, c.Schemas))
	} else if len(c.Parents) > 1 {
		f = b.united(c, f)
	}
	f.labels = rest
	b.follow(c, f)
}

// attach appends a node behind a flow and returns the flow that leaves it.
func (b *builder) attach(f flow, op int, act physical.Action, out *arrow.Schema) flow {
	n := &physical.Node{Op: op, Labels: f.labels, Action: act, In: f.at.Out, Out: out}
	f.at.Next = append(f.at.Next, n)
	return flow{labels: f.labels, at: n, stage: f.stage, by: f.by}
}

// schema is the physical schema of rows of some labels: the columns that are
// read of any of them, and their label where it can differ.
func (b *builder) schema(labels rdd.LabelSet, need map[int]map[string]bool, schemas map[int]*arrow.Schema) *arrow.Schema {
	var fields []arrow.Field
	have := map[string]bool{}
	for _, l := range labels.Each() {
		s := schemas[l]
		if s == nil {
			continue
		}
		for _, f := range s.Fields() {
			wanted := need[l][f.Name] || f.Name == rdd.ColLabel && labels.Len() > 1
			if wanted && !have[f.Name] {
				have[f.Name] = true
				fields = append(fields, f)
			}
		}
	}
	if labels.Len() > 1 && !have[rdd.ColLabel] {
		fields = append(fields, arrow.Field{Name: rdd.ColLabel, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// change says which rows an operation is for and where the columns it does not
// touch come from.
func (b *builder) change(c *node, f flow, out *arrow.Schema) physical.Change {
	ch := physical.Change{For: f.labels & c.acts, From: columnsFrom(f.at.Out, out)}
	if ch.For != f.labels {
		ch.Mask = physical.Blended
		if b.mode == Selection {
			ch.Mask = physical.Scattered
		}
	}
	return ch
}

// columnsFrom finds the columns of out among those of in.
func columnsFrom(in, out *arrow.Schema) []int {
	from := make([]int, out.NumFields())
	for i, f := range out.Fields() {
		from[i] = physical.FromNull
		if at := in.FieldIndices(f.Name); len(at) > 0 {
			from[i] = at[0]
		}
	}
	return from
}

// program binds an expression to a physical schema.
func (b *builder) program(e expr.Node, s *arrow.Schema) *expr.Program {
	p, err := expr.Check(e, s)
	b.bug(err)
	return p
}

func (b *builder) mapped(c *node, op rdd.Map, f flow) flow {
	out := b.schema(f.labels, c.need, c.Schemas)
	act := b.compute(c, op.Set, "set.", f, out)
	for _, d := range op.Drop {
		if i := out.FieldIndices(d); len(i) > 0 && act.Mask != physical.Whole {
			act.Clear = append(act.Clear, i[0])
		}
	}
	f = b.attach(f, c.ID, act, out)
	if b.mode == Staged {
		return b.boundary(c, f)
	}
	return f
}

// compute compiles the assignments that somebody reads for any label of the flow.
func (b *builder) compute(c *node, set []rdd.Assign, mark string, f flow, out *arrow.Schema) physical.Compute {
	act := physical.Compute{Change: b.change(c, f, out), Program: make([]int, out.NumFields())}
	for i := range act.Program {
		act.Program[i] = -1
	}
	for _, s := range set {
		e := c.exprs[mark+s.Column]
		at := out.FieldIndices(s.Column)
		if len(at) == 0 && !strict(e) {
			continue
		}
		if len(at) > 0 {
			act.Program[at[0]] = len(act.Programs)
			if act.Mask != physical.Whole && !b.others(c, f.labels&^act.For, s.Column) {
				act.From[at[0]] = physical.FromNull
			}
		}
		act.Programs = append(act.Programs, b.program(e, f.at.Out))
	}
	return act
}

// others reports whether any of the labels has the column behind c.
func (b *builder) others(c *node, labels rdd.LabelSet, column string) bool {
	for _, l := range labels.Each() {
		if field(c.Schemas[l], column) != nil {
			return true
		}
	}
	return false
}

func (b *builder) filtered(c *node, f flow) flow {
	out := b.schema(f.labels, c.need, c.Schemas)
	return b.attach(f, c.ID, physical.Keep{Change: b.change(c, f, out), Where: b.program(c.exprs["where"], f.at.Out)}, out)
}

func (b *builder) expanded(c *node, op rdd.FlatMap, f flow) flow {
	out := b.schema(f.labels, c.need, c.Schemas)
	if op.Explode != "" {
		return b.exploded(c, op, f, out)
	}
	act := physical.Expand{Change: b.change(c, f, out)}
	for i, row := range op.Rows {
		act.Rows = append(act.Rows, b.compute(c, row, rowMark(i, ""), f, out))
	}
	return b.attach(f, c.ID, act, out)
}

func (b *builder) windowed(c *node, op rdd.Window, f flow) flow {
	out := b.schema(f.labels, c.need, c.Schemas)
	act := physical.Assignment{Change: b.change(c, f, out), Size: op.Size.Microseconds(), Slide: op.Slide.Microseconds(),
		Copies: op.Copies(), Pane: c.pane.Microseconds(), Lateness: b.job.Settings.Lateness.Microseconds(), Start: -1, End: -1}
	if op.Gap != 0 {
		act.Size = 1 // to begin with a row is a session of its own, and late if its own time has passed
	}
	if op.Slide == 0 {
		act.Slide = act.Size
	}
	if at := f.at.Out.FieldIndices(op.Time); len(at) > 0 {
		act.Time = at[0]
	}
	if at := out.FieldIndices(rdd.WindowStart); len(at) > 0 {
		act.Start = at[0]
	}
	if at := out.FieldIndices(rdd.WindowEnd); len(at) > 0 {
		act.End = at[0]
	}
	return b.attach(f, c.ID, act, out)
}

// only narrows a flow to some of its labels.
func (b *builder) only(c *node, f flow, labels rdd.LabelSet, out *arrow.Schema) flow {
	act := physical.Only{Change: physical.Change{For: labels, From: columnsFrom(f.at.Out, out)}}
	f = b.attach(f, c.ID, act, out)
	f.labels = labels
	return f
}
