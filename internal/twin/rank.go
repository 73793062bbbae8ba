package twin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
)

// eventColumns are those that every event has and no group.
func eventColumns() []string {
	return []string{rdd.ColHash, rdd.ColSeq, rdd.ColPart, rdd.ColTime}
}

// fromOf is the labels that enter an operation that keeps some of its rows; zero is all.
func fromOf(op rdd.Operation) rdd.LabelSet {
	switch op := op.(type) {
	case rdd.Distinct:
		return op.From
	case rdd.Sort:
		return op.From
	case rdd.Limit:
		return op.From
	case rdd.Sample:
		return op.From
	default:
		return 0
	}
}

// deriveRows finds the columns of what an operation keeps: those of its rows, but
// for those that only events have.
func deriveRows(d *rdd.Dataset, out map[int]schema) {
	from, as := fromOf(d.Op()), d.Result()
	together := schema{}
	for label, have := range out {
		if from != 0 && !from.Has(label) {
			continue
		}
		for _, c := range eventColumns() {
			delete(have, c)
		}
		maps.Copy(together, have)
		if as != 0 {
			delete(out, label)
		}
	}
	if as != 0 {
		out[as.First()] = together
	}
}

// ranked keeps the rows that enter an operation until they leave: all when the input
// ends, and those of a Distinct by window when their window does. What it makes of
// those that leave has its label; without one each label is taken by itself.
func (r *run) ranked(d *rdd.Dataset, in []row) ([]row, error) {
	op := d.Op()
	from, as := fromOf(op), d.Result()
	if s, ok := op.(rdd.Sample); ok && s.N == 0 {
		return r.each(d, from, in, func(_ *scope, x row) ([]row, string) {
			if float64(r.placeHash(s.Seed, x)>>11)/(1<<53) < s.Fraction {
				return []row{x}, ""
			}
			return nil, ""
		})
	}
	var out []row
	leaving, staying := map[int][]row{}, []row{}
	for _, x := range append(r.kept[d], in...) {
		to := x.label
		switch {
		case from != 0 && !from.Has(x.label):
			out = append(out, x)
			continue
		case as != 0:
			to = as.First()
		}
		if r.batch.Final || r.distinctLeaves(d, to, x) {
			leaving[to] = append(leaving[to], x)
		} else {
			staying = append(staying, x)
		}
	}
	r.kept[d] = staying
	for _, label := range slices.Sorted(maps.Keys(leaving)) {
		rows, err := r.rank(d, label, leaving[label])
		if err != nil {
			return nil, err
		}
		for _, x := range rows {
			out = append(out, r.groupOf(d, label, x))
		}
	}
	return out, nil
}

// groupOf makes the group of a row that was kept.
func (r *run) groupOf(d *rdd.Dataset, label int, x row) row {
	y := row{label: label, source: -1, values: maps.Clone(x.values)}
	for _, c := range eventColumns() {
		delete(y.values, c)
	}
	y.values[rdd.ColLabel] = r.job.Labels[label]
	if op, ok := d.Op().(rdd.Distinct); ok && slices.Contains(r.compared(d, op, label), rdd.WindowStart) {
		y.size = x.size
	}
	return y
}

// compared is the columns that a Distinct compares, of rows that become label.
func (r *run) compared(d *rdd.Dataset, op rdd.Distinct, label int) []string {
	if len(op.By) > 0 {
		return op.By
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(r.schemas[d][label])), func(c string) bool { return c == rdd.ColLabel })
}

func (r *run) distinctLeaves(d *rdd.Dataset, label int, x row) bool {
	op, ok := d.Op().(rdd.Distinct)
	start, timed := x.values[rdd.WindowStart].(arrow.Timestamp)
	return ok && timed && x.size != 0 && slices.Contains(r.compared(d, op, label), rdd.WindowStart) &&
		r.batch.Watermark != noTime && int64(start)+x.size+r.lateness() <= r.batch.Watermark
}

// rank picks and orders the rows that become one label.
func (r *run) rank(d *rdd.Dataset, label int, rows []row) ([]row, error) {
	rows = slices.Clone(rows)
	switch op := d.Op().(type) {
	case rdd.Distinct:
		slices.SortFunc(rows, inOrder)
		seen := map[string]bool{}
		return slices.DeleteFunc(rows, func(x row) bool {
			name := ""
			for _, c := range r.compared(d, op, label) {
				name += text(x.values[c]) + ","
			}
			was := seen[name]
			seen[name] = true
			return was
		}), nil
	case rdd.Sort:
		return r.sort(d, op, label, rows)
	case rdd.Limit:
		if _, sorted := d.Parents()[0].Op().(rdd.Sort); !sorted || rows[0].source >= 0 {
			slices.SortFunc(rows, inOrder)
		}
		return rows[:min(int64(len(rows)), op.N)], nil
	case rdd.Sample:
		slices.SortFunc(rows, func(x, y row) int {
			return cmp.Or(cmp.Compare(r.placeHash(op.Seed, x), r.placeHash(op.Seed, y)), inOrder(x, y))
		})
		return rows[:min(int64(len(rows)), op.N)], nil
	default:
		return nil, fmt.Errorf("no order")
	}
}

// inOrder is the order of events: those without a time come last.
func inOrder(x, y row) int {
	return cmp.Or(cmp.Compare(b2i(x.time == nil), b2i(y.time == nil)), compareNull(x.time, y.time), cmp.Compare(x.source, y.source),
		cmp.Compare(x.partition, y.partition), cmp.Compare(x.seq, y.seq), cmp.Compare(x.child, y.child))
}

// placeHash is the hash by which rows are drawn.
func (r *run) placeHash(seed int64, x row) uint64 {
	if r.hash == nil {
		return 0
	}
	i64 := arrow.PrimitiveTypes.Int64
	return r.hash([]arrow.DataType{i64, i64, i64, i64, i64}, []any{seed, int64(x.source), int64(x.partition), x.seq, x.child})
}

// sort puts rows in order: by the keys, and equal ones in the order of events or,
// where some are groups, by all columns.
func (r *run) sort(d *rdd.Dataset, op rdd.Sort, label int, rows []row) ([]row, error) {
	parent := d.Parents()[0]
	events := true
	for l, have := range r.schemas[parent] {
		if _, ok := have[rdd.ColSeq]; !ok && (op.As != 0 && (op.From == 0 || op.From.Has(l)) || op.As == 0 && l == label) {
			events = false
		}
	}
	type keyed struct {
		row
		keys []any
	}
	list := make([]keyed, len(rows))
	for i, x := range rows {
		list[i].row = x
		s := r.scope(parent, x)
		for k := range op.By {
			src, _, _ := op.Order(k)
			list[i].keys = append(list[i].keys, s.eval(r.parse(s, src)))
		}
		if s.err != nil {
			return nil, s.err
		}
	}
	cols := slices.Sorted(maps.Keys(r.schemas[d][label]))
	slices.SortStableFunc(list, func(x, y keyed) int {
		for i := range op.By {
			_, desc, nullsFirst := op.Order(i)
			a, b := x.keys[i], y.keys[i]
			c := 0
			switch {
			case a == nil && b == nil:
			case a == nil:
				c = 1 - 2*b2i(nullsFirst)
			case b == nil:
				c = 2*b2i(nullsFirst) - 1
			default:
				c = compare(a, b) * (1 - 2*b2i(desc))
			}
			if c != 0 {
				return c
			}
		}
		if events {
			return inOrder(x.row, y.row)
		}
		for _, col := range cols {
			if c := compareNull(x.values[col], y.values[col]); col != rdd.ColLabel && c != 0 {
				return c
			}
		}
		return 0
	})
	for i := range list {
		rows[i] = list[i].row
	}
	return rows, nil
}
