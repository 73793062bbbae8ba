package planner

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

func (a *analysis) deriveTag(n *node, op rdd.Tag) {
	s := n.input[raw]
	labels := a.tagLabels(n, op)
	switch column, rules := op.Column != "", len(op.Rules) > 0; {
	case column && rules:
		a.fail(n.Dataset.At(""), "tag: needs either column or rules, not both")
	case !column && !rules && op.Otherwise == 0:
		a.fail(n.Dataset.At(""), "tag: needs column, rules or, for one label for all, otherwise")
	}
	if op.Column != "" {
		if t := a.column(n, "column", op.Column, raw); t != nil && t.ID() != arrow.STRING {
			a.fail(n.Dataset.At("column"), "tag: column %q is %s, a label is a string; use rules", op.Column, typeName(t))
		}
	}
	for i, r := range op.Rules {
		mark := ruleMark(i)
		e := a.parse(n, mark, r.When)
		if t := a.typeFor(n, mark, r.When, e, raw, s); t != nil && t.ID() != arrow.BOOL {
			a.fail(n.Dataset.At(mark), "tag: %q is %s, a condition is boolean", r.When, typeName(t))
		}
	}
	for i, c := range op.Identity {
		a.column(n, fmt.Sprintf("identity.%d", i), c, raw)
	}
	a.brought(n, "hash", op.HashColumn)
	a.brought(n, "seq", op.SeqColumn)
	if op.HashColumn != "" && len(op.Identity) == 0 {
		a.fail(n.Dataset.At("hash"), "tag: a hash can only be checked against identity columns")
	}
	out := a.tagged(n, op, s)
	for _, mark := range slices.Sorted(maps.Keys(n.exprs)) {
		if strict(n.exprs[mark]) {
			a.fail(n.Dataset.At(mark), "tag: strict() has no meaning before a row has its label; use it in a map")
		}
	}
	for _, l := range labels.Each() {
		n.Schemas[l] = out
	}
	n.acts = labels
}

// brought checks a column of input that brings its own tags.
func (a *analysis) brought(n *node, mark, column string) {
	if column == "" {
		return
	}
	if t := a.column(n, mark, column, raw); t != nil && t.ID() != arrow.INT64 {
		a.fail(n.Dataset.At(mark), "tag: %s column %q is %s, it must be bigint", mark, column, typeName(t))
	}
}

// tagged is the schema of every label behind a Tag: the source's columns and
// the tag's.
func (a *analysis) tagged(n *node, op rdd.Tag, s *arrow.Schema) *arrow.Schema {
	out := withField(s, rdd.ColLabel, arrow.BinaryTypes.String)
	if src := a.eventTime(n); src != "" {
		e := a.parse(n, "time", src)
		if t := a.typeFor(n, "time", src, e, raw, s); t != nil && t.ID() != arrow.TIMESTAMP {
			a.fail(n.Dataset.At("time"), "tag: the event time %q is %s, it must be a timestamp", src, typeName(t))
		}
		out = withField(out, rdd.ColTime, timestamp())
	}
	if len(op.Identity) > 0 {
		out = withField(out, rdd.ColHash, arrow.PrimitiveTypes.Int64)
	}
	out = withField(out, rdd.ColSeq, arrow.PrimitiveTypes.Int64)
	return withField(out, rdd.ColPart, arrow.PrimitiveTypes.Int64)
}

// eventTime is EventTime, with the mistake reported.
func (a *analysis) eventTime(n *node) string {
	src, err := EventTime(a.job, n.Dataset)
	var e *rdd.Error
	if errors.As(err, &e) {
		a.fail(e.At, "%s", e.Text)
	}
	if op, _ := n.op.(rdd.Tag); op.Time == "" && src != "" {
		c, err := expr.Parse(src)
		if c, ok := c.(*expr.Column); err != nil || !ok || !isTimestamp(field(n.input[raw], c.Name)) {
			return "" // the window reports it
		}
	}
	return src
}

func isTimestamp(f *arrow.Field) bool { return f != nil && f.Type.ID() == arrow.TIMESTAMP }

// tagLabels returns the labels that a Tag can give.
func (a *analysis) tagLabels(n *node, op rdd.Tag) rdd.LabelSet {
	var given rdd.LabelSet
	give := func(mark, who string, l rdd.LabelSet) {
		if l.Len() != 1 {
			a.fail(n.Dataset.At(mark), "tag: %s gives exactly one label", who)
		} else if l&a.events == 0 {
			a.fail(n.Dataset.At(mark), "tag: %s is not a label of events: a reduce makes it, or the job does not declare it", a.names(l))
		}
		given |= l
	}
	for _, v := range slices.Sorted(maps.Keys(op.Values)) {
		give("values."+v, fmt.Sprintf("the value %q", v), op.Values[v])
	}
	for i, r := range op.Rules {
		give(fmt.Sprintf("rules.%d.label", i), "a rule", r.Label)
	}
	if op.Otherwise != 0 {
		give("otherwise", "otherwise", op.Otherwise)
	}
	if op.Column != "" && len(op.Values) == 0 {
		given |= a.events
	}
	return given & a.events
}

// mostKeys is how many columns a table of groups can have as its key.
const mostKeys = 63

func (a *analysis) deriveReduce(n *node, op rdd.Reduce) {
	n.acts = a.forLabels(n, "from", op.From)
	for _, l := range ordered(n.input) {
		if !n.acts.Has(l) {
			n.Schemas[l] = n.input[l]
		}
	}
	if op.As.Len() != 1 || op.As&a.job.All() == 0 {
		a.fail(n.Dataset.At("as"), "reduce: needs one label of the job for its result (as)")
		return
	}
	if len(op.By) > mostKeys {
		a.fail(n.Dataset.At("by"), "reduce: rows can be grouped by %d columns at the most, here are %d", mostKeys, len(op.By))
		return
	}
	as := op.As.First()
	if _, ok := n.input[as]; ok {
		a.fail(n.Dataset.At("as"), "reduce: rows of label %s are here already; give the result a label of its own", a.job.Labels[as])
		return
	}
	n.aggs = map[int]map[string]physical.Agg{}
	var first *arrow.Schema
	for i, l := range n.acts.Each() {
		s := a.groupSchema(n, op, l)
		if s == nil {
			return
		}
		if i == 0 {
			first = s
			continue
		}
		for j, f := range s.Fields() {
			if !arrow.TypeEqual(f.Type, first.Field(j).Type) {
				a.fail(n.Dataset.At(""), "reduce: %q is %s for label %s and %s for others", f.Name, typeName(f.Type), a.job.Labels[l], typeName(first.Field(j).Type))
			}
		}
	}
	if first == nil {
		return
	}
	n.Schemas[as] = first
	delete(n.windows, as)
	if slices.Contains(op.By, rdd.WindowStart) {
		a.windowOf(n, op, as)
	}
}

// windowOf finds the one window size of the labels that enter a Reduce.
func (a *analysis) windowOf(n *node, op rdd.Reduce, as int) {
	for i, l := range n.acts.Each() {
		w := n.windows[l]
		if n.overlap.Has(l) {
			n.overlap |= one(as)
		}
		if i == 0 {
			n.windows[as] = w
		} else if n.windows[as] != w {
			a.fail(n.Dataset.At(fmt.Sprintf("by.%d", slices.Index(op.By, rdd.WindowStart))), "reduce: the windows of %s differ in size", a.names(n.acts))
		}
	}
	if n.windows[as] == 0 {
		delete(n.windows, as)
	}
}

// groupSchema is the result's schema as seen from label l.
func (a *analysis) groupSchema(n *node, op rdd.Reduce, l int) *arrow.Schema {
	out := arrow.NewSchema(nil, nil)
	for i, k := range op.By {
		if k == rdd.ColLabel {
			a.fail(n.Dataset.At(fmt.Sprintf("by.%d", i)), "reduce: the result has a label of its own; to group by the label, set a column to %s before", k)
			return nil
		}
		t := a.column(n, fmt.Sprintf("by.%d", i), k, l)
		if t == nil {
			return nil
		}
		if slices.Contains(op.By[:i], k) {
			a.fail(n.Dataset.At(fmt.Sprintf("by.%d", i)), "reduce: key %q is named twice", k)
			return nil
		}
		out = withField(out, k, t)
	}
	n.aggs[l] = map[string]physical.Agg{}
	for _, g := range op.Get {
		if field(out, g.Column) != nil || system(g.Column) || g.Column == "" {
			a.fail(n.Dataset.At("get."+g.Column), "reduce: the column %q is there already, or cannot be set", g.Column)
			return nil
		}
		ag, ok := a.aggregate(n, g, l)
		if !ok {
			return nil
		}
		n.aggs[l][g.Column] = ag
		out = withField(out, g.Column, ag.Result)
	}
	if len(op.By)+len(op.Get) == 0 {
		a.fail(n.Dataset.At(""), "reduce: needs keys (by) or aggregates (get)")
		return nil
	}
	return withField(out, rdd.ColLabel, arrow.BinaryTypes.String)
}

// aggregate types one aggregate for label l.
func (a *analysis) aggregate(n *node, g rdd.Assign, l int) (physical.Agg, bool) {
	mark := "get." + g.Column
	e := a.parse(n, mark, g.Expr)
	if e == nil {
		return physical.Agg{}, false
	}
	c, ok := e.(*expr.Call)
	if ok && !slices.Contains(aggregates(), c.Name) {
		if own, err := a.job.Functions.Aggregate(c.Name); err == nil {
			return a.ownAggregate(n, g, c, own, l)
		}
	}
	if !ok || !slices.Contains(aggregates(), c.Name) {
		a.fail(n.Dataset.At(mark), "reduce: %q is not an aggregate; there are %s", g.Expr, strings.Join(a.aggregates(), ", "))
		return physical.Agg{}, false
	}
	if s := signatureOf(c.Name); len(c.Args) < s.min || len(c.Args) > s.max {
		a.fail(n.Dataset.At(mark), "reduce: %s takes %s", c.Name, s.text)
		return physical.Agg{}, false
	}
	out := physical.Agg{Column: g.Column, Func: c.Name, Arg: -1}
	if len(c.Args) > 0 {
		out.Type = a.typeFor(n, mark, g.Expr, c.Args[0], l, n.input[l])
		if out.Type == nil {
			return out, false
		}
	}
	if err := parametrize(c, &out); err != nil {
		a.failExpr(n, mark, g.Expr, 0, err)
		return out, false
	}
	if (c.Name == "first" || c.Name == "last") && field(n.input[l], rdd.ColSeq) == nil {
		a.fail(n.Dataset.At(mark), "reduce: %s follows the order of events, and rows of label %s are groups", c.Name, a.job.Labels[l])
		return out, false
	}
	t, err := specOf(out).ResultType()
	if err != nil {
		a.failSpec(n, mark, g.Expr, c, out.Type, err)
		return out, false
	}
	out.Result = t
	return out, true
}

// aggregates are those that there are, the program's last.
func (a *analysis) aggregates() []string {
	out := aggregates()
	for _, i := range a.job.Functions.Items() {
		if own, ok := i.(fn.Aggregate); ok {
			out = append(out, own.Name)
		}
	}
	return out
}

// aggregates are those that ship.
func aggregates() []string {
	return []string{"count", "count_distinct", "sum", "avg", "min", "max", "stddev", "first", "last",
		"approx_distinct", "approx_count", "approx_top", "approx_moment2", "sample"}
}

// clone copies a set of columns.
func clone(m map[string]bool) map[string]bool {
	if m == nil {
		return map[string]bool{}
	}
	return maps.Clone(m)
}
