package planner

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// values are all values that a column can have, as in expr's literals, nil for null; and
// where the author has written it, if it is a constant.
type values struct {
	all []any
	at  rdd.Pos
}

// mostValues is how many values of a column are followed.
const mostValues = 1 << 10

// valuesKey, before the name of a column, is where the metadata of a source's schema says
// all values that the column can have, as a JSON list. A source that says it keeps to it.
const valuesKey = "idag.values."

// asking reports whether the job calls a function that asks what is known: a program has
// many, and most jobs call none.
func asking(job *rdd.Job) bool {
	var aggs []string
	for _, i := range job.Functions.Items() {
		if own, ok := i.(fn.Aggregate); ok && own.Verify != nil {
			aggs = append(aggs, own.Name)
		}
	}
	return slices.ContainsFunc(job.Datasets(), func(d *rdd.Dataset) bool {
		switch op := d.Op().(type) {
		case rdd.Apply:
			f, err := job.Functions.Func(op.Func)
			return err == nil && f.Verify != nil
		case rdd.Reduce:
			return slices.ContainsFunc(op.Get, func(g rdd.Assign) bool {
				return slices.ContainsFunc(aggs, func(name string) bool { return strings.Contains(strings.ToLower(g.Expr), strings.ToLower(name)) })
			})
		default:
			return false
		}
	})
}

// know derives, for every label behind n, the columns of which all values are known:
// those that the source says, constants that a Map sets, and what follows from these.
func (a *analysis) know(n *node) {
	if !a.asks {
		return
	}
	switch op := n.op.(type) {
	case rdd.Read:
		n.known[raw] = said(op.Schema)
		return
	case rdd.Join:
		return // its columns may be null besides
	case rdd.Union:
		a.knowTogether(n)
		return
	default:
	}
	if len(n.Parents) == 0 {
		return
	}
	before := a.nodes[n.Parents[0]].known
	if _, tag := n.op.(rdd.Tag); tag {
		before = map[int]map[string]values{}
		for l := range n.Schemas {
			before[l] = a.nodes[n.Parents[0]].known[raw]
		}
	}
	n.keepKnown(before, a.job.Functions)
	switch op := n.op.(type) {
	case rdd.Map:
		a.knowSet(n, op, before)
	case rdd.Reduce:
		if op.As.Len() == 1 {
			n.known[op.As.First()] = either(n.knownKeys(op, before))
		}
	default:
	}
}

// keepKnown leaves what was known of columns that n does not set.
func (n *node) keepKnown(before map[int]map[string]values, functions fn.Set) {
	sets := n.Dataset.Sets(functions)
	if _, window := n.op.(rdd.Window); window {
		sets = append(sets, rdd.WindowStart, rdd.WindowEnd)
	}
	for l := range n.Schemas {
		from, ok := before[l]
		if !ok {
			continue
		}
		out := maps.Clone(from)
		maps.DeleteFunc(out, func(name string, _ values) bool {
			return field(n.Schemas[l], name) == nil || n.acts.Has(l) && slices.Contains(sets, name)
		})
		n.known[l] = out
	}
}

// knowSet is what is known of what a Map sets.
func (a *analysis) knowSet(n *node, op rdd.Map, before map[int]map[string]values) {
	for _, l := range n.acts.Each() {
		for _, s := range op.Set {
			v, ok := a.follow(n, "set."+s.Column, n.exprs["set."+s.Column], l, before[l])
			if !ok || slices.Contains(op.Drop, s.Column) {
				continue
			}
			if n.known[l] == nil { // nothing was known of its rows so far
				n.known[l] = map[string]values{}
			}
			n.known[l][s.Column] = v
		}
	}
}

// knownKeys is what is known of the keys of a Reduce, by the labels that enter.
func (n *node) knownKeys(op rdd.Reduce, before map[int]map[string]values) (keys []map[string]values) {
	for _, l := range n.acts.Each() {
		k := maps.Clone(before[l])
		maps.DeleteFunc(k, func(name string, _ values) bool { return !slices.Contains(op.By, name) })
		keys = append(keys, k)
	}
	return keys
}

// said are the values that the schema of a source tells.
func said(s *arrow.Schema) map[string]values {
	out := map[string]values{}
	m := s.Metadata()
	for i, key := range m.Keys() {
		name, ok := strings.CutPrefix(key, valuesKey)
		var list []string
		if f := field(s, name); !ok || f == nil || json.Unmarshal([]byte(m.Values()[i]), &list) != nil || len(list) > mostValues {
			continue
		}
		v := values{}
		for _, text := range list {
			v.all = append(v.all, text)
		}
		out[name] = v
	}
	return out
}

// knowTogether is what is known behind a Union: what is known in every input that a
// label comes by.
func (a *analysis) knowTogether(n *node) {
	for l := range n.Schemas {
		var parts []map[string]values
		for _, p := range n.Parents {
			if _, ok := a.nodes[p].Schemas[l]; ok {
				parts = append(parts, a.nodes[p].known[l])
			}
		}
		n.known[l] = either(parts)
	}
}

// either is what is known of rows that are of any of the parts.
func either(parts []map[string]values) map[string]values {
	out := map[string]values{}
	if len(parts) == 0 {
		return out
	}
next:
	for name, v := range parts[0] {
		for _, other := range parts[1:] {
			w, ok := other[name]
			if !ok {
				continue next
			}
			v.all = slices.Clone(v.all)
			for _, x := range w.all {
				if !slices.Contains(v.all, x) {
					v.all = append(v.all, x)
				}
			}
		}
		if len(v.all) <= mostValues {
			out[name] = v
		}
	}
	return out
}

// follow returns the values that an expression can have for label l where those of
// columns are known, of which one at the most has several.
func (a *analysis) follow(n *node, mark string, e expr.Node, l int, in map[string]values) (values, bool) {
	if e == nil {
		return values{}, false
	}
	p, err := expr.Check(e, n.input[l])
	if err != nil || p.Strict() {
		return values{}, false
	}
	bounds, many := expr.Bounds{}, ""
	for _, c := range expr.Columns(e) {
		switch v, ok := in[c]; {
		case !ok:
			return values{}, false
		case len(v.all) == 1:
			bounds[c] = exactly(v.all[0])
		case many != "":
			return values{}, false
		default:
			many = c
		}
	}
	out := values{at: n.Dataset.At(mark)}
	if at := e.At(); at.Line > 0 {
		out.at = n.Dataset.AtText(mark, at.Line, at.Column)
	}
	if c, ok := e.(*expr.Column); ok {
		out.at = in[c.Name].at
	}
	tries := []any{nil}
	if many != "" {
		tries = in[many].all
	}
	for _, x := range tries {
		if many != "" {
			bounds[many] = exactly(x)
		}
		v, ok := value(p.Range(bounds))
		if !ok {
			return values{}, false
		}
		if !slices.Contains(out.all, v) {
			out.all = append(out.all, v)
		}
	}
	return out, true
}

// exactly bounds one value.
func exactly(v any) expr.Range {
	if v == nil {
		return expr.Range{Nulls: true, AllNull: true}
	}
	return expr.Range{Min: v, Max: v}
}

// value is the one value within bounds.
func value(r expr.Range) (any, bool) {
	if r.AllNull {
		return nil, true
	}
	switch v := r.Min.(type) {
	case float64:
		return v, r.Max == r.Min && !r.Nulls && !r.NaN && !math.IsNaN(v)
	case bool, int64, string:
		return v, r.Max == r.Min && !r.Nulls
	}
	return nil, false
}

// verify asks a function what is wrong with the values that are known of its columns.
// What is wrong with a constant, whatever the author's others are, is told where it is
// written, else at a mark of the operation.
func (a *analysis) verify(n *node, mark string, ask func(fn.Known) error, in map[string]values) {
	if ask == nil || len(in) == 0 {
		return
	}
	all, others := fn.Known{}, fn.Known{}
	var written []string // constants that the author has set
	for _, name := range slices.Sorted(maps.Keys(in)) {
		v := in[name]
		if all[name] = v.all; len(v.all) == 1 && v.at != (rdd.Pos{}) {
			written = append(written, name)
		} else {
			others[name] = v.all
		}
	}
	found := false
	for _, name := range written {
		alone := maps.Clone(others)
		alone[name] = all[name]
		found = a.refused(in[name].at, "", ask(alone)) || found
	}
	if !found && len(written) != 1 {
		a.refused(n.Dataset.At(mark), n.op.Kind()+": ", ask(all))
	}
}

// refused reports what a function has said, each of several mistakes by itself. Of the
// same constant several functions may say the same.
func (a *analysis) refused(at rdd.Pos, where string, err error) bool {
	if err == nil {
		return false
	}
	list := []error{err}
	if many, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // joined here, not somewhere below
		list = many.Unwrap()
	}
	for _, e := range list {
		a.fail(at, "%s%v", where, e)
	}
	return true
}
