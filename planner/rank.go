package planner

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// ranked takes a flow to an operation that keeps some of its rows. Without a label
// of the result each label is taken by itself, into a stage of its own.
func (b *builder) ranked(c *node, f flow, acts rdd.LabelSet) {
	if op, ok := c.op.(rdd.Sample); ok && op.N == 0 {
		b.drawn(c, op, f)
		return
	}
	sets := []rdd.LabelSet{acts}
	if c.Dataset.Result() == 0 {
		sets = nil
		for _, l := range acts.Each() {
			sets = append(sets, one(l))
		}
	}
	for _, labels := range sets {
		if labels == 0 {
			continue
		}
		as := c.result(labels.First())
		switch op := c.op.(type) {
		case rdd.Distinct:
			b.distinct(c, op, f, labels, as)
		case rdd.Sort:
			b.sorted(c, op, f, labels, as)
		case rdd.Limit:
			b.rank(c, c, ranking{n: op.N}, f, labels, as)
		case rdd.Sample:
			b.rank(c, c, ranking{n: op.N, sampled: true, seed: op.Seed}, f, labels, as)
		default:
		}
	}
	b.past(c, f, acts)
}

// drawn takes a flow through a Sample of a fraction.
func (b *builder) drawn(c *node, op rdd.Sample, f flow) {
	if f.labels&c.acts == 0 {
		b.passBy(c, f)
		return
	}
	out := b.schema(f.labels, c.need, c.Schemas)
	b.follow(c, b.attach(f, c.ID, physical.Draw{Change: b.change(c, f, out), Seed: op.Seed, Fraction: op.Fraction}, out))
}

// distinct ends a flow in an aggregation by the columns compared, of the first of
// each of the others.
func (b *builder) distinct(c *node, op rdd.Distinct, f flow, labels rdd.LabelSet, as int) {
	keys := c.distinctKeys(op, as)
	need := map[string]bool{}
	for _, l := range c.sources(as).Each() {
		for col := range b.taken(c, l) {
			need[col] = true
		}
	}
	f = b.narrowed(c, f, labels, need, as)
	g := physical.Grouping{Window: -1, Label: as, Lateness: b.job.Settings.Lateness.Microseconds()}
	p := physical.Partial{Time: indexOf(f.at.Out, rdd.ColTime)}
	for i, k := range keys {
		at := indexOf(f.at.Out, k)
		p.By = append(p.By, at)
		g.Keys = append(g.Keys, physical.Column{Name: k, Type: f.at.Out.Field(at).Type})
		if w := c.windows[as]; k == rdd.WindowStart && w != 0 {
			g.Window, g.Size = i, w.Microseconds()
		}
	}
	for _, col := range c.Schemas[as].Fields() {
		if c.need[as][col.Name] && !system(col.Name) && !slices.Contains(keys, col.Name) {
			g.Aggs = append(g.Aggs, physical.Agg{Column: col.Name, Func: "first", Arg: indexOf(f.at.Out, col.Name), Type: col.Type, Result: col.Type})
		}
	}
	p.Order, p.Grouping, p.InPlace = len(g.Aggs) > 0, g, bypass.InPlace(f.by, b.grouped(&g))
	p.Stage = b.behindLabel(c, c, as, func(out *arrow.Schema) physical.Action {
		return physical.Merge{Grouping: &g, From: mergedColumns(&g, out)}
	})
	b.outlet(f, c.ID, labels, p)
}

// narrowed gives a flow the columns in need, for some of its labels: those that it
// lacks are null.
func (b *builder) narrowed(c *node, f flow, labels rdd.LabelSet, need map[string]bool, as int) flow {
	var fields []arrow.Field
	for _, col := range c.Schemas[as].Fields() {
		if need[col.Name] && !system(col.Name) {
			fields = append(fields, col)
		}
	}
	for _, name := range []string{rdd.ColLabel, rdd.ColHash, rdd.ColSeq, rdd.ColPart, rdd.ColTime} {
		wanted := need[name] || name == rdd.ColLabel && labels.Len() > 1
		if col := b.anyField(c, name); wanted && col != nil {
			fields = append(fields, *col)
		}
	}
	out := arrow.NewSchema(fields, nil)
	if labels == f.labels && out.Equal(f.at.Out) {
		return f
	}
	return b.only(c, f, labels, out)
}

// anyField returns the named column of any label that c acts on, or nil.
func (b *builder) anyField(c *node, name string) *arrow.Field {
	for _, l := range c.acts.Each() {
		if f := field(c.input[l], name); f != nil {
			return f
		}
	}
	return nil
}

// behindLabel returns the stage behind c whose root does what root does, and which
// makes rows of label as. It is made when it is first asked for.
func (b *builder) behindLabel(c, root *node, as int, action func(out *arrow.Schema) physical.Action) int {
	key := [3]int{c.ID, root.ID, as}
	stage, ok := b.made[key]
	if ok {
		return stage
	}
	out := b.schema(one(as), root.need, root.Schemas)
	at := &physical.Node{Op: root.ID, Labels: one(as), Action: action(out), Out: out}
	stage = b.newStage(Stage{Source: -1, Stateful: true, Root: at})
	b.made[key] = stage
	behind := flow{labels: one(as), at: at, stage: stage}
	if merge, ok := at.Action.(physical.Merge); ok {
		behind.by = b.grouped(merge.Grouping)
	}
	for i, id := range root.consumers {
		if b.sortOf(b.nodes[id], as) != root || !b.nodes[id].acts.Has(as) {
			b.step(b.nodes[id], root.inlets[i], behind)
		}
	}
	return stage
}

// mergedColumns says where the columns behind an aggregation come from.
func mergedColumns(g *physical.Grouping, out *arrow.Schema) []int {
	var from []int
	for _, f := range out.Fields() {
		at := slices.IndexFunc(g.Keys, func(k physical.Column) bool { return k.Name == f.Name })
		switch {
		case f.Name == rdd.ColLabel:
			at = physical.GroupLabel
		case at < 0:
			at = ^slices.IndexFunc(g.Aggs, func(a physical.Agg) bool { return a.Column == f.Name })
		}
		from = append(from, at)
	}
	return from
}

// sorted ends a flow in a Sort: once for everything that follows it but a Limit, and
// once for each Limit, which cuts as soon as rows are in order.
func (b *builder) sorted(c *node, op rdd.Sort, f flow, labels rdd.LabelSet, as int) {
	whole := false
	for i, id := range c.consumers {
		next := b.nodes[id]
		if b.sortOf(next, as) != c || !next.acts.Has(as) {
			_, here := next.input[as]
			whole = whole || here && b.matters(next, c.inlets[i], as)
			continue
		}
		if limit, ok := next.op.(rdd.Limit); ok && b.matters(next, c.inlets[i], as) {
			b.rank(c, next, ranking{by: op, n: limit.N}, f, labels, as)
		}
	}
	if whole {
		b.rank(c, c, ranking{by: op}, f, labels, as)
	}
}

// ranking is an order and how much of it is kept.
type ranking struct {
	by      rdd.Sort
	n       int64
	sampled bool
	seed    int64
}

// rank ends a flow of rows that come to c in the stage that ranks them, whose
// result is that of root.
func (b *builder) rank(c, root *node, r ranking, f flow, labels rdd.LabelSet, as int) {
	need := map[string]bool{}
	for _, l := range c.sources(as).Each() {
		for col := range b.taken(c, l) {
			need[col] = true
		}
	}
	f = b.narrowed(c, f, labels, need, as)
	plain := f.at.Out
	f, keys := b.sortKeys(c, len(r.by.By), f)
	to := physical.Ranked{Ranking: physical.Ranking{N: r.n, Label: as}, Sampled: r.sampled, Seed: r.seed, Places: c.ordered(as),
		Time: indexOf(f.at.Out, rdd.ColTime)}
	sent := map[int]int{} // In column to column sent
	send := func(at int) int {
		if _, ok := sent[at]; !ok {
			sent[at] = len(to.Columns)
			to.Columns = append(to.Columns, at)
		}
		return sent[at]
	}
	for i, col := range plain.Fields() {
		if !system(col.Name) {
			send(i)
		}
	}
	for i, at := range keys {
		_, desc, nullsFirst := r.by.Order(i)
		to.Keys = append(to.Keys, physical.RankKey{Column: send(at), Desc: desc, NullsFirst: nullsFirst})
	}
	to.Ranking.Keys = append(to.Keys, ties(&to, plain)...)
	to.Stage = b.behindLabel(c, root, as, func(out *arrow.Schema) physical.Action {
		act := physical.Rank{Ranking: to.Ranking}
		for _, col := range out.Fields() {
			from := physical.GroupLabel
			if col.Name != rdd.ColLabel {
				from = sent[indexOf(plain, col.Name)]
			}
			act.From = append(act.From, from)
		}
		return act
	})
	b.outlet(f, c.ID, labels, to)
}

// ties are the keys behind those that were asked for: the hash of a sample, and then
// the order of events or, of groups, all columns by name.
func ties(to *physical.Ranked, rows *arrow.Schema) []physical.RankKey {
	var out []physical.RankKey
	at := len(to.Columns)
	more := func(n int) {
		for range n {
			out = append(out, physical.RankKey{Column: at})
			at++
		}
	}
	if to.Sampled {
		more(1)
	}
	switch {
	case to.Places && to.Time >= 0:
		more(4)
	case to.Places:
		more(3)
	default:
		var names []string
		for _, f := range rows.Fields() {
			if !system(f.Name) {
				names = append(names, f.Name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			out = append(out, physical.RankKey{Column: slices.Index(to.Columns, indexOf(rows, name)), NullsFirst: true})
		}
	}
	return out
}

// sortKeys computes what a Sort is by, where that is not a column already, and
// returns the columns.
func (b *builder) sortKeys(c *node, by int, f flow) (flow, []int) {
	in, out := f.at.Out, f.at.Out
	var programs []*expr.Program
	var names []string
	keys := make([]int, by)
	for i := range by {
		e := c.exprs[keyMark(i)]
		if col, ok := e.(*expr.Column); ok {
			keys[i] = indexOf(in, col.Name)
			continue
		}
		name := "(" + e.String() + ")"
		if keys[i] = indexOf(out, name); keys[i] < 0 {
			keys[i] = out.NumFields()
			p := b.program(e, in)
			if p == nil {
				return f, keys
			}
			out = withField(out, name, p.Type())
			programs, names = append(programs, p), append(names, name)
		}
	}
	if len(programs) == 0 {
		return f, keys
	}
	act := physical.Compute{Change: physical.Change{For: f.labels, From: columnsFrom(in, out)}, Programs: programs, Program: make([]int, out.NumFields())}
	for i, field := range out.Fields() {
		act.Program[i] = slices.Index(names, field.Name)
	}
	return b.attach(f, c.ID, act, out), keys
}

// rankParameters spells what decides the rows of a Distinct, Sort, Limit or Sample.
func (a *analysis) rankParameters(n *node) []string {
	s := []string{"as", a.names(n.Dataset.Result())}
	switch op := n.op.(type) {
	case rdd.Distinct:
		s = append(s, "by", list(op.By))
	case rdd.Sort:
		for i := range op.By {
			_, desc, nullsFirst := op.Order(i)
			s = append(s, "by", canonical(n.exprs[keyMark(i)]), "order", fmt.Sprintf("%t %t", desc, nullsFirst))
		}
	case rdd.Limit:
		s = append(s, "n", fmt.Sprint(op.N))
	case rdd.Sample:
		s = append(s, "n", fmt.Sprintf("%d %v %d", op.N, op.Fraction, op.Seed))
	default:
	}
	return s
}
