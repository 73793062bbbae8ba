package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/kernel/agg"
	"github.com/idag/idag/rdd"
)

// keyMark names the expression of a sort key.
func keyMark(i int) string { return fmt.Sprintf("by.%d", i) }

// withoutSystem returns s without the columns that only events have.
func withoutSystem(s *arrow.Schema) *arrow.Schema {
	return without(s, []string{rdd.ColHash, rdd.ColSeq, rdd.ColPart, rdd.ColTime})
}

// events reports whether rows of label l that come to n are events, with a place
// in their order.
func (n *node) events(l int) bool { return field(n.input[l], rdd.ColSeq) != nil }

// result is the label of what n makes of rows of label l.
func (n *node) result(l int) int {
	if as := n.Dataset.Result(); as != 0 {
		return as.First()
	}
	return l
}

// sources are the labels of which n makes rows of label as.
func (n *node) sources(as int) rdd.LabelSet {
	if n.Dataset.Result() != 0 {
		return n.acts
	}
	return one(as)
}

// deriveRows derives the schemas behind an operation that keeps some of the rows
// of its labels, as groups. It is false after a mistake.
func (a *analysis) deriveRows(n *node, from, as rdd.LabelSet) bool {
	n.acts = a.forLabels(n, "from", from)
	for _, l := range ordered(n.input) {
		if !n.acts.Has(l) {
			n.Schemas[l] = n.input[l]
		}
	}
	n.overlap &^= n.acts
	if as == 0 {
		for _, l := range n.acts.Each() {
			n.Schemas[l] = withoutSystem(n.input[l])
		}
		return n.acts != 0
	}
	if as.Len() != 1 || as&a.job.All() == 0 {
		a.fail(n.Dataset.At("as"), "%s: needs one label of the job for its result (as)", n.op.Kind())
		return false
	}
	if _, ok := n.input[as.First()]; ok {
		a.fail(n.Dataset.At("as"), "%s: rows of label %s are here already; give the result a label of its own", n.op.Kind(), a.names(as))
		return false
	}
	out := arrow.NewSchema(nil, nil)
	for _, l := range n.acts.Each() {
		for _, f := range withoutSystem(n.input[l]).Fields() {
			out = withField(out, f.Name, f.Type)
		}
	}
	n.Schemas[as.First()] = out
	return n.acts != 0
}

// leavesAtTheEnd says that the results of n leave when the input ends.
func (n *node) leavesAtTheEnd() {
	for _, l := range n.acts.Each() {
		delete(n.windows, l)
	}
	if as := n.Dataset.Result(); as != 0 {
		delete(n.windows, as.First())
	}
}

// distinctKeys are the columns that a Distinct compares, of its results of label as.
func (n *node) distinctKeys(op rdd.Distinct, as int) []string {
	if len(op.By) > 0 {
		return op.By
	}
	var out []string
	for _, f := range n.Schemas[as].Fields() {
		if !system(f.Name) {
			out = append(out, f.Name)
		}
	}
	return out
}

func (a *analysis) deriveDistinct(n *node, op rdd.Distinct) {
	if !a.deriveRows(n, op.From, op.As) {
		return
	}
	for i, k := range op.By {
		if k == rdd.ColLabel || slices.Contains(op.By[:i], k) {
			a.fail(n.Dataset.At(keyMark(i)), "distinct: %q is named twice, or is the label: rows of different labels differ", k)
			return
		}
	}
	for _, l := range n.acts.Each() {
		for i, k := range op.By {
			if a.column(n, keyMark(i), k, l) == nil {
				return
			}
		}
		keys := n.distinctKeys(op, n.result(l))
		if len(keys) > mostKeys {
			a.fail(n.Dataset.At("by"), "distinct: rows can be compared by %d columns at the most, here are %d: name those that matter", mostKeys, len(keys))
			return
		}
		for _, f := range n.Schemas[n.result(l)].Fields() {
			if _, err := (agg.Spec{Func: "first", Arg: f.Type}).ResultType(); err != nil {
				a.fail(n.Dataset.At("by"), "distinct: column %q is %s, which cannot be compared or kept", f.Name, typeName(f.Type))
			}
			if !n.events(l) && !system(f.Name) && !slices.Contains(keys, f.Name) {
				a.failFor(one(l), labelsOf(n.input), n.Dataset.At("by"), "distinct: the first row is that of the first event, and rows "+
					"of this label are groups: compare all columns, %q too", f.Name)
				return
			}
		}
	}
	a.distinctWindow(n, op)
}

// distinctWindow finds the window with which rows leave, if they do.
func (a *analysis) distinctWindow(n *node, op rdd.Distinct) {
	for _, l := range n.acts.Each() {
		as := n.result(l)
		if !slices.Contains(n.distinctKeys(op, as), rdd.WindowStart) {
			n.leavesAtTheEnd()
			return
		}
		if a.nodes[n.Parents[0]].overlap.Has(l) {
			n.overlap |= one(as)
		}
		if op.As == 0 {
			continue
		}
		if w, ok := n.windows[as]; ok && w != n.windows[l] || l != n.acts.First() && n.windows[l] == 0 {
			a.fail(n.Dataset.At("by"), "distinct: the windows of %s differ in size", a.names(n.acts))
			return
		}
		if w := n.windows[l]; w != 0 {
			n.windows[as] = w
		}
	}
}

func (a *analysis) deriveSort(n *node, op rdd.Sort) {
	if !a.deriveRows(n, op.From, op.As) {
		return
	}
	n.leavesAtTheEnd()
	if len(op.By) == 0 {
		a.fail(n.Dataset.At("by"), "sort: needs at least one column or expression to sort by")
	}
	for i := range op.By {
		mark := keyMark(i)
		k, _, _ := op.Order(i)
		e := a.parse(n, mark, k)
		if strict(e) {
			a.fail(n.Dataset.At(mark), "sort: strict() has no meaning in an order; use it in a map")
		}
		var first arrow.DataType
		for _, l := range n.acts.Each() {
			t := a.typeFor(n, mark, k, e, l, n.input[l])
			switch {
			case t == nil:
			case !sortable(t):
				a.fail(n.Dataset.At(mark), "sort: %q is %s, which has no order", k, typeName(t))
			case first == nil || op.As == 0:
				first = t
			case !arrow.TypeEqual(t, first):
				a.fail(n.Dataset.At(mark), "sort: %q is %s for label %s and %s for others", k, typeName(t), a.job.Labels[l], typeName(first))
			}
		}
	}
	for _, l := range n.acts.Each() {
		a.ties(n, l)
	}
}

// ties checks that rows of a label that are groups can be told apart.
func (a *analysis) ties(n *node, l int) {
	if n.ordered(n.result(l)) {
		return
	}
	for _, f := range n.Schemas[n.result(l)].Fields() {
		if !sortable(f.Type) {
			a.failFor(one(l), labelsOf(n.input), n.Dataset.At(""), "sort: groups that are equal are ordered by all their columns, and %q is %s", f.Name, typeName(f.Type))
		}
	}
}

// ordered reports whether the rows of which n makes those of label as have an order
// as events.
func (n *node) ordered(as int) bool {
	return !slices.ContainsFunc(n.sources(as).Each(), func(l int) bool { return !n.events(l) })
}

func sortable(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.BOOL, arrow.INT64, arrow.FLOAT64, arrow.STRING, arrow.TIMESTAMP, arrow.DATE32, arrow.DECIMAL128, arrow.DURATION, arrow.BINARY, arrow.DICTIONARY:
		return true
	}
	return false
}

// sortOf returns the Sort whose order a Limit keeps of rows of label l, or nil.
func (a *analysis) sortOf(n *node, l int) *node {
	if _, ok := n.op.(rdd.Limit); !ok || len(n.Parents) == 0 {
		return nil
	}
	p := a.nodes[n.Parents[0]]
	op, ok := p.op.(rdd.Sort)
	if !ok || op.As == 0 && !p.acts.Has(l) || op.As != 0 && op.As != one(l) {
		return nil
	}
	return p
}

func (a *analysis) deriveLimit(n *node, op rdd.Limit) {
	if op.N <= 0 {
		a.fail(n.Dataset.At("n"), "limit: the number of rows must be positive, got %d", op.N)
	}
	if !a.deriveRows(n, op.From, op.As) {
		return
	}
	n.leavesAtTheEnd()
	for _, l := range n.acts.Each() {
		switch sorted := a.sortOf(n, l) != nil; {
		case sorted && op.As != 0:
			a.fail(n.Dataset.At("as"), "limit: keeps the label of the sort before it; name it there")
		case !sorted && !n.events(l):
			a.failFor(one(l), labelsOf(n.input), n.Dataset.At(""), "limit: keeps the first rows in the order of events, and rows of this label are groups: sort them directly before")
		}
	}
}

func (a *analysis) deriveSample(n *node, op rdd.Sample) {
	switch {
	case (op.N == 0) == (op.Fraction == 0):
		a.fail(n.Dataset.At(""), "sample: needs either a number of rows or a fraction")
		return
	case op.N < 0:
		a.fail(n.Dataset.At("n"), "sample: the number of rows must be positive, got %d", op.N)
	case op.Fraction != 0 && !(op.Fraction > 0 && op.Fraction <= 1):
		a.fail(n.Dataset.At("fraction"), "sample: a fraction is over 0 and at most 1, got %v", op.Fraction)
	}
	if op.N == 0 {
		if op.As != 0 {
			a.fail(n.Dataset.At("as"), "sample: rows of a fraction keep their label")
		}
		n.acts = a.forLabels(n, "from", op.From)
		for _, l := range ordered(n.input) {
			n.Schemas[l] = n.input[l]
		}
	} else {
		if !a.deriveRows(n, op.From, op.As) {
			return
		}
		n.leavesAtTheEnd()
	}
	for _, l := range n.acts.Each() {
		if !n.events(l) {
			a.failFor(one(l), labelsOf(n.input), n.Dataset.At(""), "sample: draws events by their place, and rows of this label are groups")
		}
	}
}

// kept adds the columns of rows of label l that somebody reads of the result.
func (n *node) kept(l int) map[string]bool {
	out := map[string]bool{}
	for c := range n.need[n.result(l)] {
		if !system(c) && field(n.input[l], c) != nil {
			out[c] = true
		}
	}
	return out
}

// place adds the event time, which the order of events goes by.
func (n *node) place(out map[string]bool, l int) map[string]bool {
	if field(n.input[l], rdd.ColTime) != nil {
		out[rdd.ColTime] = true
	}
	return out
}

func (n *node) takenByDistinct(op rdd.Distinct, l int) map[string]bool {
	out := n.kept(l)
	keys := n.distinctKeys(op, n.result(l))
	for c := range out {
		if !slices.Contains(keys, c) {
			out = n.place(out, l)
			break
		}
	}
	for _, k := range keys {
		if field(n.input[l], k) != nil {
			out[k] = true
		}
	}
	return out
}

func (n *node) takenBySort(op rdd.Sort, l int) map[string]bool {
	out := n.kept(l)
	for i := range op.By {
		reads(out, n.exprs[keyMark(i)])
	}
	if n.ordered(n.result(l)) {
		return n.place(out, l)
	}
	for _, f := range n.input[l].Fields() {
		if !system(f.Name) {
			out[f.Name] = true
		}
	}
	return out
}

func (a *analysis) takenByLimit(n *node, _ rdd.Limit, l int) map[string]bool {
	if a.sortOf(n, l) != nil {
		return n.kept(l)
	}
	return n.place(n.kept(l), l)
}

func (n *node) takenBySample(op rdd.Sample, l int) map[string]bool {
	if op.N == 0 {
		return clone(n.need[l])
	}
	return n.kept(l)
}

// rankText is a Distinct, Sort, Limit or Sample on one line.
func (a *analysis) rankText(op rdd.Operation) string {
	var from, as rdd.LabelSet
	text := ""
	switch op := op.(type) {
	case rdd.Distinct:
		if from, as = op.From, op.As; len(op.By) > 0 {
			text = " by " + strings.Join(op.By, ", ")
		}
	case rdd.Sort:
		from, as, text = op.From, op.As, " by "+strings.Join(op.By, ", ")
	case rdd.Limit:
		from, as, text = op.From, op.As, fmt.Sprintf(" %d", op.N)
	case rdd.Sample:
		if from, as, text = op.From, op.As, fmt.Sprintf(" %d rows", op.N); op.N == 0 {
			text = fmt.Sprintf(" %v of the rows", op.Fraction)
		}
	default:
	}
	if as != 0 {
		text += " to" + a.labels(as)
	}
	return op.Kind() + a.labels(from) + text
}
