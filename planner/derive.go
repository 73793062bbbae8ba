package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
)

// derive computes the schemas behind n from those of its parents.
func (a *analysis) derive(n *node) {
	if !a.shape(n) {
		return
	}
	if len(n.Parents) > 0 {
		p := a.nodes[n.Parents[0]]
		n.input = p.Schemas
		maps.Copy(n.windows, p.windows)
		n.overlap = p.overlap
	}
	switch op := n.op.(type) {
	case rdd.Read:
		if op.Schema == nil {
			a.fail(n.Dataset.At(""), "read: the schema of %s is not known yet", op.Connector)
			return
		}
		if op.Trust != "" && op.Trust != trustDone && op.Trust != trustNone {
			a.fail(n.Dataset.At("trust"), "read: trust is %s or %s, not %q", trustDone, trustNone, op.Trust)
		}
		n.Schemas[raw] = op.Schema
	case rdd.Tag:
		a.deriveTag(n, op)
	case rdd.Map:
		a.deriveMap(n, op)
	case rdd.Filter:
		a.deriveFilter(n, op)
	case rdd.FlatMap:
		a.deriveFlatMap(n, op)
	case rdd.Apply:
		a.deriveApply(n, op)
	case rdd.Broadcast:
		a.deriveBroadcast(n, op)
	case rdd.Window:
		a.deriveWindow(n, op)
	case rdd.Shuffle:
		a.deriveShuffle(n, op)
	case rdd.Reduce:
		a.deriveReduce(n, op)
	case rdd.Join:
		a.deriveJoin(n, op)
	case rdd.Distinct:
		a.deriveDistinct(n, op)
	case rdd.Sort:
		a.deriveSort(n, op)
	case rdd.Limit:
		a.deriveLimit(n, op)
	case rdd.Sample:
		a.deriveSample(n, op)
	case rdd.Union:
		a.deriveUnion(n)
	case rdd.Cache:
		maps.Copy(n.Schemas, n.input)
	case rdd.Write:
		a.deriveWrite(n, op)
	}
	a.sessions(n)
	a.oneType(n)
	a.know(n)
}

// shape checks the number of parents and what they may be.
func (a *analysis) shape(n *node) bool {
	at, want := n.Dataset.At(""), 1
	switch n.op.(type) {
	case rdd.Join:
		want = min(max(1, len(n.Parents)), 2)
	case rdd.Read:
		want = 0
	case rdd.Union:
		want = max(1, len(n.Parents))
	default:
	}
	if len(n.Parents) != want {
		a.fail(at, "%s takes %d inputs, got %d", n.op.Kind(), want, len(n.Parents))
		return false
	}
	_, tag := n.op.(rdd.Tag)
	for _, p := range n.Parents {
		_, read := a.nodes[p].op.(rdd.Read)
		_, write := a.nodes[p].op.(rdd.Write)
		switch {
		case write:
			a.fail(at, "%s cannot follow write", n.op.Kind())
			return false
		case read && !tag:
			a.fail(at, "%s cannot follow read: events get their labels first, with tag", n.op.Kind())
			return false
		case tag && !read:
			a.fail(at, "tag follows read and nothing else")
			return false
		}
	}
	return true
}

// forLabels resolves For or From against the labels that can be here.
func (a *analysis) forLabels(n *node, mark string, want rdd.LabelSet) rdd.LabelSet {
	here := labelsOf(n.input)
	if want == 0 {
		return here
	}
	if miss := want &^ here; miss != 0 {
		a.fail(n.Dataset.At(mark), "%s: no row here has the label %s; there are %s", n.op.Kind(), a.names(miss), a.names(here))
	}
	return want & here
}

func (a *analysis) deriveMap(n *node, op rdd.Map) {
	n.acts = a.forLabels(n, "for", op.For)
	for i, s := range op.Set {
		if s.Column == "" || system(s.Column) {
			a.fail(n.Dataset.At("set."+s.Column), "map: cannot set the column %q", s.Column)
		}
		if slices.ContainsFunc(op.Set[:i], func(o rdd.Assign) bool { return o.Column == s.Column }) {
			a.fail(n.Dataset.At("set."+s.Column), "map: sets the column %q twice", s.Column)
		}
		a.parse(n, "set."+s.Column, s.Expr)
	}
	for _, l := range ordered(n.input) {
		in := n.input[l]
		out := in
		if n.acts.Has(l) {
			for _, s := range op.Set {
				out = a.assign(n, "set."+s.Column, s, l, in, out)
			}
			for i, d := range op.Drop {
				if field(out, d) == nil {
					a.failFor(one(l), labelsOf(n.input), n.Dataset.At(fmt.Sprintf("drop.%d", i)), "map: cannot drop the column %q, there is none", d)
				}
				if d == rdd.WindowStart {
					delete(n.windows, l)
				}
			}
			out = without(out, op.Drop)
		}
		n.Schemas[l] = out
	}
}

// assign types one assignment against in and sets its column in out.
func (a *analysis) assign(n *node, mark string, s rdd.Assign, l int, in, out *arrow.Schema) *arrow.Schema {
	t := a.typeFor(n, mark, s.Expr, n.exprs[mark], l, in)
	if t == nil {
		return out
	}
	if s.Column == rdd.WindowStart {
		delete(n.windows, l)
	}
	return withField(out, s.Column, t)
}

func (a *analysis) deriveFilter(n *node, op rdd.Filter) {
	n.acts = a.forLabels(n, "for", op.For)
	e := a.parse(n, "where", op.Where)
	for _, l := range ordered(n.input) {
		n.Schemas[l] = n.input[l]
		if !n.acts.Has(l) {
			continue
		}
		if t := a.typeFor(n, "where", op.Where, e, l, n.input[l]); t != nil && t.ID() != arrow.BOOL {
			a.fail(n.Dataset.At("where"), "filter: %q is %s, a condition is boolean", op.Where, typeName(t))
		}
	}
}

func (a *analysis) deriveFlatMap(n *node, op rdd.FlatMap) {
	n.acts = a.forLabels(n, "for", op.For)
	if op.Explode != "" {
		a.deriveExplode(n, op)
		return
	}
	if len(op.Rows) == 0 {
		a.fail(n.Dataset.At("rows"), "flatmap: makes no rows; use filter to drop rows")
	}
	for i, row := range op.Rows {
		for j, s := range row {
			mark := rowMark(i, s.Column)
			if i > 0 && (len(row) != len(op.Rows[0]) || !sets(op.Rows[0], s.Column)) {
				a.fail(n.Dataset.At(mark), "flatmap: every row must set the same columns")
				return
			}
			if s.Column == "" || system(s.Column) || sets(row[:j], s.Column) {
				a.fail(n.Dataset.At(mark), "flatmap: cannot set the column %q, or sets it twice", s.Column)
			}
			a.parse(n, mark, s.Expr)
		}
	}
	for _, l := range ordered(n.input) {
		in := n.input[l]
		n.Schemas[l] = in
		if !n.acts.Has(l) {
			continue
		}
		for i, row := range op.Rows {
			out := in
			for _, s := range row {
				out = a.assign(n, rowMark(i, s.Column), s, l, in, out)
			}
			if i == 0 {
				n.Schemas[l] = out
				continue
			}
			a.sameTypes(n, i, n.Schemas[l], out)
		}
	}
}

func rowMark(i int, column string) string { return fmt.Sprintf("rows.%d.%s", i, column) }

func sets(list []rdd.Assign, column string) bool {
	return slices.ContainsFunc(list, func(s rdd.Assign) bool { return s.Column == column })
}

func (a *analysis) sameTypes(n *node, row int, first, s *arrow.Schema) {
	for _, f := range s.Fields() {
		if g := field(first, f.Name); g != nil && !arrow.TypeEqual(g.Type, f.Type) {
			a.fail(n.Dataset.At(rowMark(row, f.Name)), "flatmap: column %q is %s here and %s in the first row", f.Name, typeName(f.Type), typeName(g.Type))
		}
	}
}

func (a *analysis) deriveShuffle(n *node, op rdd.Shuffle) {
	n.acts = a.forLabels(n, "from", op.From)
	if len(op.Keys) == 0 {
		a.fail(n.Dataset.At("keys"), "shuffle: needs at least one key")
	}
	for _, l := range ordered(n.input) {
		n.Schemas[l] = n.input[l]
		if n.acts.Has(l) {
			for i, k := range op.Keys {
				a.column(n, fmt.Sprintf("keys.%d", i), k, l)
			}
		}
	}
}

// column returns the type of an input column of label l, or nil after
// reporting that there is none.
func (a *analysis) column(n *node, mark, name string, l int) arrow.DataType {
	return a.typeFor(n, mark, name, &expr.Column{Name: name}, l, n.input[l])
}

func (a *analysis) deriveUnion(n *node) {
	for i, p := range n.Parents {
		parent := a.nodes[p]
		for _, l := range ordered(parent.Schemas) {
			a.unite(n, i, l, parent)
		}
	}
	n.input = n.Schemas
}

// unite adds label l of an input to what is behind n.
func (a *analysis) unite(n *node, input, l int, parent *node) {
	s, w := parent.Schemas[l], parent.windows[l]
	have, ok := n.Schemas[l]
	n.overlap |= parent.overlap & one(l)
	if !ok {
		n.Schemas[l] = s
		if w != 0 {
			n.windows[l] = w
		}
		return
	}
	if n.windows[l] != w {
		delete(n.windows, l)
	}
	n.Schemas[l] = a.widen(n, input, l, have, s)
	if field(have, rdd.ColSeq) == nil || field(s, rdd.ColSeq) == nil {
		n.Schemas[l] = withoutSystem(n.Schemas[l]) // events and groups together are groups
	}
}

func (a *analysis) widen(n *node, parent, l int, have, s *arrow.Schema) *arrow.Schema {
	for _, f := range s.Fields() {
		g := field(have, f.Name)
		if g == nil {
			have = withField(have, f.Name, f.Type)
		} else if !arrow.TypeEqual(f.Type, g.Type) {
			a.failFor(one(l), n.present(), n.Dataset.At(""), "%s: column %q is %s in one input and %s in input %d",
				n.op.Kind(), f.Name, typeName(g.Type), typeName(f.Type), parent+1)
		}
	}
	return have
}

func (a *analysis) deriveWrite(n *node, op rdd.Write) {
	n.acts = a.forLabels(n, "from", op.From)
	for i, c := range op.Columns {
		var seen []string
		found := false
		for _, l := range ordered(n.input) {
			if n.acts.Has(l) {
				found = found || field(n.input[l], c) != nil
				for _, f := range n.input[l].Fields() {
					seen = append(seen, f.Name)
				}
			}
		}
		if !found {
			slices.Sort(seen)
			a.fail(n.Dataset.At(fmt.Sprintf("columns.%d", i)), "write: no label of %s has a column %q; there are %s",
				a.names(n.acts), c, strings.Join(slices.Compact(seen), ", "))
		}
		if slices.Contains(op.Columns[:i], c) {
			a.fail(n.Dataset.At(fmt.Sprintf("columns.%d", i)), "write: column %q is named twice", c)
		}
	}
	for _, l := range ordered(n.input) {
		if n.acts.Has(l) {
			n.Schemas[l] = written(n.input[l], op.Columns)
		}
	}
}

// written is what a sink gets of a label: the columns asked for that it has,
// in that order, or all but the system's.
func written(s *arrow.Schema, columns []string) *arrow.Schema {
	var fields []arrow.Field
	if len(columns) == 0 {
		for _, f := range s.Fields() {
			if !system(f.Name) {
				fields = append(fields, f)
			}
		}
	}
	for _, c := range columns {
		if f := field(s, c); f != nil {
			fields = append(fields, *f)
		}
	}
	return arrow.NewSchema(fields, nil)
}

// oneType checks that one column name has one type across the labels here.
func (a *analysis) oneType(n *node) {
	if !a.clashes(n) {
		return
	}
	types, owner := map[string]arrow.DataType{}, map[string]int{}
	for _, l := range ordered(n.Schemas) {
		for _, f := range n.Schemas[l].Fields() {
			t, ok := types[f.Name]
			if !ok {
				types[f.Name], owner[f.Name] = f.Type, l
				continue
			}
			if !arrow.TypeEqual(t, f.Type) {
				a.fail(n.Dataset.At("set."+f.Name), "%s: column %q is %s for label %s and %s for label %s: one name has one type",
					n.op.Kind(), f.Name, typeName(t), a.job.Labels[owner[f.Name]], typeName(f.Type), a.job.Labels[l])
			}
		}
	}
}

// clashes reports whether a column that n has made or changed may have another type
// for another label. Those that it leaves as they were have been looked at before it.
func (a *analysis) clashes(n *node) bool {
	if len(n.Parents) != 1 {
		return true
	}
	before := a.nodes[n.Parents[0]].Schemas
	for l, s := range n.Schemas {
		if s == before[l] {
			continue
		}
		for _, f := range s.Fields() {
			if old := field(before[l], f.Name); old != nil && arrow.TypeEqual(old.Type, f.Type) {
				continue
			}
			for m, other := range n.Schemas {
				if g := field(other, f.Name); m != l && g != nil && !arrow.TypeEqual(f.Type, g.Type) {
					return true
				}
			}
		}
	}
	return false
}

func ruleMark(i int) string { return fmt.Sprintf("rules.%d.when", i) }
