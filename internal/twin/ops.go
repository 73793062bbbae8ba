package twin

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
)

// step carries out the operation of d on the rows of one batch, by parent.
func (r *run) step(d *rdd.Dataset, parents [][]row) ([]row, error) {
	in := slices.Concat(parents...)
	switch op := d.Op().(type) {
	case rdd.Read:
		return r.read(d), nil
	case rdd.Tag:
		return r.each(d, 0, in, func(s *scope, x row) ([]row, string) { return r.tag(d, op, s, x) })
	case rdd.Map:
		return r.each(d, op.For, in, func(s *scope, x row) ([]row, string) {
			x.values = r.assign(s, x.values, op.Set)
			for _, c := range op.Drop {
				delete(x.values, c)
			}
			return []row{x}, ""
		})
	case rdd.Filter:
		return r.each(d, op.For, in, func(s *scope, x row) ([]row, string) {
			if s.eval(r.parse(s, op.Where)) == true {
				return []row{x}, ""
			}
			return nil, ""
		})
	case rdd.FlatMap:
		return r.each(d, op.For, in, func(s *scope, x row) ([]row, string) {
			var out []row
			for i, set := range op.Rows {
				y := x
				y.child = x.child*int64(len(op.Rows)) + int64(i)
				y.values = r.assign(s, x.values, set)
				out = append(out, y)
			}
			return out, ""
		})
	case rdd.Apply:
		return r.each(d, op.For, in, func(s *scope, x row) ([]row, string) { return r.applied(s, op, x), "" })
	case rdd.Broadcast:
		return r.recall(d, op, in)
	case rdd.Window:
		return r.each(d, r.windowed(d, op), in, func(_ *scope, x row) ([]row, string) { return r.window(op, x) })
	case rdd.Reduce:
		return r.reduce(d, op, in)
	case rdd.Join:
		return r.join(d, op, parents)
	case rdd.Distinct, rdd.Sort, rdd.Limit, rdd.Sample:
		return r.ranked(d, in)
	case rdd.Shuffle, rdd.Union, rdd.Cache, rdd.Write:
		return in, nil
	}
	return nil, fmt.Errorf("no such operation")
}

// assign returns a copy of values with set over it; every expression sees s.
func (r *run) assign(s *scope, values map[string]any, set []rdd.Assign) map[string]any {
	out := maps.Clone(values)
	for _, a := range set {
		out[a.Column] = s.eval(r.parse(s, a.Expr))
	}
	return out
}

func (r *run) read(d *rdd.Dataset) []row {
	var out []row
	for _, x := range r.batch.Rows[r.source[d]] {
		out = append(out, row{source: r.source[d], partition: x.Partition, seq: x.Seq, values: x.Values})
	}
	return out
}

// tag labels a row. A missing label is found before a missing tag, that before
// a wrong hash. The sequence that input brings is looked at for presence only.
func (r *run) tag(d *rdd.Dataset, op rdd.Tag, s *scope, x row) ([]row, string) {
	set := r.label(op, s, x)
	if set == 0 {
		return nil, "abnormal tag"
	}
	for _, c := range []string{op.HashColumn, op.SeqColumn} {
		if c != "" && x.values[c] == nil {
			return nil, "partial release"
		}
	}
	var hash int64
	if r.hash != nil && len(op.Identity) > 0 {
		types, identity := make([]arrow.DataType, len(op.Identity)), make([]any, len(op.Identity))
		for i, c := range op.Identity {
			f, _ := d.Parents()[0].Op().(rdd.Read).Schema.FieldsByName(c)
			types[i], identity[i] = f[0].Type, x.values[c]
		}
		hash = int64(r.hash(types, identity))
	}
	if op.HashColumn != "" && x.values[op.HashColumn] != hash {
		return nil, "inaccurate tag"
	}
	if t := r.timeOf(d, op); t != "" {
		x.time = s.eval(r.parse(s, t))
	}
	x.label = set.First()
	x.values = maps.Clone(x.values)
	x.values[rdd.ColLabel], x.values[rdd.ColHash], x.values[rdd.ColSeq] = r.job.Labels[x.label], hash, x.seq
	x.values[rdd.ColPart], x.values[rdd.ColTime] = int64(x.partition), x.time
	return []row{x}, ""
}

// label is the label of a row, or the empty set. Values, where given, replaces
// the labels' names. Otherwise is for rows that get no label, not for those that
// get several.
func (r *run) label(op rdd.Tag, s *scope, x row) rdd.LabelSet {
	var found rdd.LabelSet
	if name, ok := x.values[op.Column].(string); ok {
		found = op.Values[name]
		if i := slices.Index(r.job.Labels, name); i >= 0 && len(op.Values) == 0 {
			found = r.labelled(op) & (1 << i)
		}
	}
	for _, rule := range op.Rules {
		if (found == 0 || op.Exclusive) && s.eval(r.parse(s, rule.When)) == true {
			found |= rule.Label
		}
	}
	switch found.Len() {
	case 0:
		return op.Otherwise
	case 1:
		return found
	}
	return 0
}

// timeOf is the expression of the event time: by default the time column of
// the job's first window that the source has.
func (r *run) timeOf(d *rdd.Dataset, op rdd.Tag) string {
	if op.Time != "" {
		return op.Time
	}
	for _, other := range r.job.Datasets() {
		w, ok := other.Op().(rdd.Window)
		if ok && r.schemas[d.Parents()[0]][0][w.Time] == arrow.TIMESTAMP {
			return (&expr.Column{Name: w.Time}).String()
		}
	}
	return ""
}

// window assigns a row to the windows that it is in: those that start at a multiple
// of the slide, counted from the epoch, at or before its time, and end after it.
// It is late if it is in windows and all have left; those that have left are left out.
// The copies are numbered by their windows, the last possible one last.
func (r *run) window(op rdd.Window, x row) ([]row, string) {
	t, ok := x.values[op.Time].(arrow.Timestamp)
	if !ok {
		return nil, "no event time"
	}
	if op.Gap != 0 {
		return r.sessionOf(x, int64(t))
	}
	size, slide := op.Size.Microseconds(), op.Slide.Microseconds()
	if slide == 0 {
		slide = size
	}
	most := (size + slide - 1) / slide
	var out []row
	late := false
	for k := most - 1; k >= 0; k-- {
		start := int64(t) - ((int64(t)%slide)+slide)%slide - k*slide
		end := start + size
		if end <= int64(t) {
			continue
		}
		if r.batch.Closed != noTime && end+r.lateness() <= r.batch.Closed {
			late = true
			continue
		}
		y := x
		y.child, y.size, y.values = x.child*most+most-1-k, size, maps.Clone(x.values)
		y.values[rdd.WindowStart], y.values[rdd.WindowEnd] = arrow.Timestamp(start), arrow.Timestamp(end)
		out = append(out, y)
	}
	if late && out == nil {
		return nil, "late"
	}
	return out, ""
}

func (r *run) lateness() int64 { return r.job.Settings.Lateness.Microseconds() }

// write adds the rows of From to a sink: Columns, or all without underscore. What the job
// writes for itself is in no sink.
func (r *run) write(d *rdd.Dataset, op rdd.Write, sink int, in []row) {
	for _, x := range in {
		if op.From != 0 && !op.From.Has(x.label) {
			continue
		}
		out := Row{Label: r.job.Labels[x.label], Values: map[string]any{}}
		for c, v := range x.values {
			if _, ok := r.schemas[d][x.label][c]; !ok && slices.Contains(eventColumns(), c) {
				continue // the row has come together with groups
			}
			if op.Columns == nil && !strings.HasPrefix(c, "_") || slices.Contains(op.Columns, c) {
				out.Values[c] = v
			}
		}
		if name, ok := toldAs(op); ok {
			r.told[name] = append(r.told[name], told{batch: r.number, values: out.Values})
			continue
		}
		r.result.Sinks[sink] = append(r.result.Sinks[sink], out)
	}
}

// reduce adds the rows of From to their groups, passes the others on, and lets
// go of the groups whose time has come: with window_start among By when
// the watermark has passed the window and the lateness, else at the end.
func (r *run) reduce(d *rdd.Dataset, op rdd.Reduce, in []row) ([]row, error) {
	groups := r.groups[d]
	if groups == nil {
		groups = map[string]*group{}
		r.groups[d] = groups
	}
	if len(op.By) == 0 && emptyGlobal && r.batch.Final && len(groups) == 0 {
		groups[""] = &group{items: make([][]item, len(op.Get))}
	}
	var out []row
	for _, x := range in {
		if op.From != 0 && !op.From.Has(x.label) {
			out = append(out, x)
			continue
		}
		if err := r.add(d, op, groups, x); err != nil {
			return nil, err
		}
	}
	if gap := gapBefore(d); gap != 0 {
		return r.sessions(op, groups, gap, out)
	}
	at := slices.Index(op.By, rdd.WindowStart)
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		leaves := r.batch.Final
		if at >= 0 && r.batch.Watermark != noTime {
			start := int64(g.key[at].(arrow.Timestamp))
			leaves = leaves || start+g.size+r.lateness() <= r.batch.Watermark
		}
		if !leaves {
			continue
		}
		delete(groups, name)
		x, err := r.leave(op, g)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// add puts a row into its group: null is a key like any other, so are NaN and
// zero, each one key.
func (r *run) add(d *rdd.Dataset, op rdd.Reduce, groups map[string]*group, x row) error {
	key, name := make([]any, len(op.By)), ""
	for i, c := range op.By {
		if gapBefore(d) != 0 && (c == rdd.WindowStart || c == rdd.WindowEnd) {
			continue // a row's session is not known yet
		}
		key[i] = x.values[c]
		name += text(key[i]) + ","
	}
	g := groups[name]
	if g == nil {
		g = &group{key: key, size: x.size, items: make([][]item, len(op.Get))}
		groups[name] = g
	}
	g.rows = append(g.rows, x)
	s := r.scope(d.Parents()[0], x)
	for i, a := range op.Get {
		var v any = true // count() counts rows
		if call, ok := r.parse(s, a.Expr).(*expr.Call); ok && len(call.Args) > 0 {
			v = s.eval(call.Args[0])
			if call.Name == "own_spread" {
				v = []any{v, s.eval(call.Args[1])}
			}
		}
		g.items[i] = append(g.items[i], item{value: v, row: x})
	}
	if s.failed {
		return fmt.Errorf("strict() within an aggregate has no meaning")
	}
	return s.err
}

// leave makes the row of a group.
func (r *run) leave(op rdd.Reduce, g *group) (row, error) {
	x := row{label: op.As.First(), source: -1, size: g.size, values: map[string]any{rdd.ColLabel: r.job.Labels[op.As.First()]}}
	for i, c := range op.By {
		x.values[c] = g.key[i]
	}
	for i, a := range op.Get {
		s := &scope{}
		call, ok := r.parse(s, a.Expr).(*expr.Call)
		if !ok {
			return x, fmt.Errorf("%q is not an aggregate", a.Expr)
		}
		if v, ok := r.approximate(call, g.items[i]); ok {
			x.values[a.Column] = v
			continue
		}
		if x.values[a.Column] = aggregate(s, call.Name, g.items[i]); s.err != nil {
			return x, s.err
		}
	}
	return x, nil
}
