package planner

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// scan makes the stage that reads a source: narrow edges pipeline, wide edges
// cut, so it goes on until its rows are grouped, shuffled or written. It returns the
// stage.
func (b *builder) scan(source int, read, tag *node) int {
	op, _ := tag.op.(rdd.Tag)
	in := read.Schemas[raw]
	var fields []arrow.Field
	for _, f := range in.Fields() {
		if tag.takes[raw][f.Name] {
			fields = append(fields, f)
		}
	}
	readSchema := arrow.NewSchema(fields, nil)
	act := physical.Scan{Source: source, Raw: readSchema, Tag: b.tagging(tag, op, readSchema)}
	for _, f := range fields {
		act.Columns = append(act.Columns, f.Name)
	}
	act.Prune = b.prune(tag, op, readSchema)
	root := &physical.Node{Op: read.ID, Labels: tag.acts, Action: act, In: readSchema, Out: readSchema}
	stage := b.newStage(Stage{Source: source, Root: root})
	for _, labels := range b.classes(root, tag) {
		out := b.schema(labels, tag.need, tag.Schemas)
		f := flow{labels: labels, at: root, stage: stage}
		b.follow(tag, b.attach(f, tag.ID, physical.Route{From: scanColumns(readSchema, out)}, out))
	}
	return stage
}

// scanColumns finds the columns of out among the source's and the system's.
func scanColumns(in, out *arrow.Schema) []int {
	from := columnsFrom(in, out)
	for i, f := range out.Fields() {
		switch f.Name {
		case rdd.ColLabel:
			from[i] = physical.FromLabel
		case rdd.ColHash:
			from[i] = physical.FromHash
		case rdd.ColSeq:
			from[i] = physical.FromSeq
		case rdd.ColPart:
			from[i] = physical.FromPart
		case rdd.ColTime:
			from[i] = physical.FromTime
		}
	}
	return from
}

func (b *builder) tagging(n *node, op rdd.Tag, in *arrow.Schema) physical.Tagging {
	t := physical.Tagging{Op: n.ID, Column: indexOf(in, op.Column), Exclusive: op.Exclusive, Otherwise: op.Otherwise.First(),
		Hash: indexOf(in, op.HashColumn), Seq: indexOf(in, op.SeqColumn)}
	if op.Column != "" {
		t.Values = b.labelValues(op)
	}
	for i, r := range op.Rules {
		t.Rules = append(t.Rules, physical.TagRule{Label: r.Label.First(), When: b.program(n.exprs[ruleMark(i)], in)})
	}
	hash := op.HashColumn != ""
	for _, cols := range n.need {
		hash = hash || cols[rdd.ColHash]
	}
	if hash {
		for _, c := range op.Identity {
			t.Identity = append(t.Identity, indexOf(in, c))
		}
	}
	if e := n.exprs["time"]; e != nil {
		t.Time = b.program(e, in)
	}
	return t
}

func indexOf(s *arrow.Schema, name string) int {
	if at := s.FieldIndices(name); name != "" && len(at) > 0 {
		return at[0]
	}
	return -1
}

// reduce ends a flow in a partial aggregation, whose groups go to the stage
// that merges them.
func (b *builder) reduce(c *node, op rdd.Reduce, f flow, labels rdd.LabelSet) {
	need := map[int]map[string]bool{}
	for _, l := range labels.Each() {
		need[l] = b.taken(c, l)
	}
	if labels != f.labels {
		f = b.only(c, f, labels, b.schema(labels, need, c.input))
	}
	first := labels.First()
	g := physical.Grouping{Window: -1, Label: op.As.First(), Lateness: b.job.Settings.Lateness.Microseconds(),
		Pane: c.pane.Microseconds(), Slide: c.slide.Microseconds(), Gap: c.gap.Microseconds()}
	keys := c.keys(op)
	for i, k := range keys {
		t := field(c.input[first], k).Type
		g.Keys = append(g.Keys, physical.Column{Name: k, Type: t})
		if k == rdd.WindowStart && c.windows[g.Label] != 0 {
			g.Window, g.Size = i, c.windows[g.Label].Microseconds()
		}
		if k == rdd.WindowStart && g.Gap != 0 {
			g.Window = i
		}
	}
	f = b.arguments(c, op, f, &g, first)
	if g.Gap != 0 {
		g.Aggs = append(g.Aggs, physical.Agg{Func: "max", Arg: indexOf(f.at.Out, rdd.WindowStart), Type: timestamp(), Result: timestamp()})
	}
	if c.stage < 0 {
		b.merge(c, op, g)
	}
	p := physical.Partial{Grouping: g, Stage: c.stage, Time: -1, InPlace: bypass.InPlace(f.by, b.grouped(&g)),
		Order: slices.ContainsFunc(g.Aggs, func(a physical.Agg) bool { return ordering(a.Func) })}
	if p.Order {
		p.Time = indexOf(f.at.Out, rdd.ColTime)
	}
	c.placed(&p, labels, f.at.Out)
	for _, k := range keys {
		p.By = append(p.By, indexOf(f.at.Out, k))
	}
	b.outlet(f, c.ID, labels, p)
}

// keys are the columns by which a Reduce groups: those of By, less the end of a
// window that is only known when it leaves.
func (n *node) keys(op rdd.Reduce) []string {
	if n.pane == 0 && n.gap == 0 {
		return op.By
	}
	return slices.DeleteFunc(slices.Clone(op.By), func(k string) bool { return k == rdd.WindowEnd })
}

// arguments computes what the aggregates are over, where that is not a column
// already, and fills in the aggregates of g.
func (b *builder) arguments(c *node, op rdd.Reduce, f flow, g *physical.Grouping, label int) flow {
	in, out := f.at.Out, f.at.Out
	var programs []*expr.Program
	var names []string
	for _, get := range op.Get {
		ag := c.aggs[label][get.Column]
		if !c.liveAgg(g.Label, get) {
			continue
		}
		call, _ := c.exprs["get."+get.Column].(*expr.Call)
		if call != nil && len(call.Args) > 0 {
			arg := argument(call, ag.Own)
			if col, ok := arg.(*expr.Column); ok {
				ag.Arg = indexOf(in, col.Name)
			} else {
				name := "(" + arg.String() + ")"
				ag.Arg = indexOf(out, name)
				if ag.Arg < 0 {
					ag.Arg = out.NumFields()
					out = withField(out, name, ag.Type)
					programs = append(programs, b.program(arg, in))
					names = append(names, name)
				}
			}
		}
		g.Aggs = append(g.Aggs, ag)
	}
	if len(programs) == 0 {
		return f
	}
	act := physical.Compute{Change: physical.Change{For: f.labels, From: columnsFrom(in, out)}, Programs: programs, Program: make([]int, out.NumFields())}
	for i, field := range out.Fields() {
		act.Program[i] = slices.Index(names, field.Name)
	}
	return b.attach(f, c.ID, act, out)
}

// merge makes the stage behind a Reduce.
func (b *builder) merge(c *node, op rdd.Reduce, g physical.Grouping) {
	labels := op.As
	out := b.schema(labels, c.need, c.Schemas)
	act := physical.Merge{Grouping: &g}
	for _, f := range out.Fields() {
		from := slices.IndexFunc(g.Keys, func(k physical.Column) bool { return k.Name == f.Name })
		switch {
		case f.Name == rdd.ColLabel:
			from = physical.GroupLabel
		case f.Name == rdd.WindowEnd && from < 0 && slices.Contains(op.By, f.Name):
			from = physical.GroupEnd
		case from < 0:
			from = ^slices.IndexFunc(g.Aggs, func(a physical.Agg) bool { return a.Column == f.Name })
		}
		act.From = append(act.From, from)
	}
	root := &physical.Node{Op: c.ID, Labels: labels, Action: act, Out: out}
	c.stage = b.newStage(Stage{Source: -1, Stateful: true, Root: root})
	b.follow(c, flow{labels: labels, at: root, stage: c.stage, by: b.grouped(&g)})
}

// shuffle sends a flow to the stage behind a Shuffle.
func (b *builder) shuffle(c *node, op rdd.Shuffle, f flow, labels rdd.LabelSet) {
	out := b.schema(labels, c.takes, c.input)
	if labels != f.labels || !out.Equal(f.at.Out) {
		f = b.only(c, f, labels, out)
	}
	if c.stage < 0 {
		root := &physical.Node{Op: c.ID, Labels: c.acts, Action: physical.Merge{}}
		c.stage = b.newStage(Stage{Source: -1, Root: root})
	}
	ex := physical.Exchange{Stage: c.stage}
	for _, k := range op.Keys {
		ex.Keys = append(ex.Keys, indexOf(out, k))
	}
	b.outlet(f, c.ID, labels, ex)
	b.arrive(c, flow{labels: labels, at: b.plan.Stages[c.stage].Root, stage: c.stage, by: b.partitioning(op.Keys, out)}, out)
}

// arrive takes a flow on behind the exchange that it came through.
func (b *builder) arrive(c *node, f flow, in *arrow.Schema) {
	if slices.ContainsFunc(f.at.Next, func(n *physical.Node) bool { return n.Labels == f.labels }) {
		return // another flow of these labels came through before
	}
	act := physical.Route{From: columnsFrom(in, in)}
	next := b.attach(f, c.ID, act, in)
	next.at.In = in
	b.follow(c, next)
}

// boundary cuts the stage behind a map, for the staged form of the linear plan.
// It returns the flow in the next stage.
func (b *builder) boundary(c *node, f flow) flow {
	root := &physical.Node{Op: c.ID, Labels: f.labels, Action: physical.Merge{}}
	stage := b.newStage(Stage{Source: -1, Narrow: true, Root: root})
	in := f.at.Out
	b.outlet(f, c.ID, f.labels, physical.Exchange{Stage: stage})
	next := b.attach(flow{labels: f.labels, at: root, stage: stage, by: f.by}, c.ID, physical.Route{From: columnsFrom(in, in)}, in)
	next.at.In = in
	return next
}

// write ends a flow in a sink.
func (b *builder) write(c *node, f flow, labels rdd.LabelSet) {
	part := physical.SinkPart{Sink: slices.Index(b.plan.Writes, c.ID), Columns: map[int][]int{}, Schemas: map[int]*arrow.Schema{}, Done: map[int][]string{}}
	for _, l := range labels.Each() {
		s := c.Schemas[l]
		part.Schemas[l] = s
		part.Columns[l] = columnsFrom(f.at.Out, s)
		part.Done[l] = b.written(c, l)
	}
	b.outlet(f, c.ID, labels, part)
}

// outlet ends a flow, and ties the stages on both sides together.
func (b *builder) outlet(f flow, op int, labels rdd.LabelSet, to physical.Target) {
	s, id := &b.plan.Stages[f.stage], b.ends[f.stage]
	b.ends[f.stage]++
	behind, input := -1, 0
	switch t := to.(type) {
	case physical.Side:
		behind, input = t.Stage, t.Input
	case physical.Partial:
		behind = t.Stage
	case physical.Exchange:
		behind = t.Stage
	case physical.Ranked:
		behind = t.Stage
	case physical.SinkPart:
		if !slices.Contains(s.Sinks, t.Sink) {
			s.Sinks = append(s.Sinks, t.Sink)
		}
	}
	if behind >= 0 {
		next := &b.plan.Stages[behind]
		next.Inputs = append(next.Inputs, Edge{Stage: f.stage, Outlet: id, Input: input})
	}
	b.attach(f, op, physical.Outlet{ID: id, For: labels, To: to}, nil)
}
