package twin

import (
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
)

// waiting is the rows of both sides of a join that have not left.
type waiting struct{ left, right []row }

// join keeps the rows of both sides until they leave, passes the others on, and
// compares every row that leaves with every other.
func (r *run) join(d *rdd.Dataset, op rdd.Join, in [][]row) ([]row, error) {
	w := r.waiting[d]
	if w == nil {
		w = &waiting{}
		r.waiting[d] = w
	}
	one := len(in) == 1
	var out []row
	for i, rows := range in {
		for _, x := range rows {
			isLeft := (one || i == 0) && enters(op.From, x)
			isRight := (one || i == 1) && enters(op.With, x)
			if isLeft {
				w.left = append(w.left, x)
			}
			if isRight {
				w.right = append(w.right, x)
			}
			if !isLeft && !isRight {
				out = append(out, x)
			}
		}
	}
	windowed := slices.Contains(op.On, rdd.JoinKey{Left: rdd.WindowStart, Right: rdd.WindowStart})
	leaves := func(x row) bool {
		if r.batch.Final {
			return true
		}
		start, ok := x.values[rdd.WindowStart].(arrow.Timestamp)
		return windowed && ok && x.size != 0 && r.batch.Watermark != noTime && int64(start)+x.size+r.lateness() <= r.batch.Watermark
	}
	var left, right []row
	w.left, left = split(w.left, leaves)
	w.right, right = split(w.right, leaves)
	made, err := r.match(d, op, left, right, windowed)
	return append(out, made...), err
}

func enters(labels rdd.LabelSet, x row) bool { return labels == 0 || labels.Has(x.label) }

func split(rows []row, leaves func(row) bool) (stay, leave []row) {
	for _, x := range rows {
		if leaves(x) {
			leave = append(leave, x)
		} else {
			stay = append(stay, x)
		}
	}
	return stay, leave
}

// match compares every left row with every right row.
func (r *run) match(d *rdd.Dataset, op rdd.Join, left, right []row, windowed bool) ([]row, error) {
	j := r.joined(d, op)
	var out []row
	met := map[int]bool{} // right rows
	for _, x := range left {
		found := false
		for i, y := range right {
			ok, err := r.agree(j, op, x, y)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			found, met[i] = true, true
			if op.How != "semi" && op.How != "anti" && op.How != "diff" {
				out = append(out, r.pair(j, op, &x, &y, windowed))
			}
		}
		switch op.How {
		case "left", "full", "anti", "diff":
			found = !found
		case "semi":
		default:
			found = false
		}
		if found {
			out = append(out, r.pair(j, op, &x, nil, windowed))
		}
	}
	for i, y := range right {
		if !met[i] && (op.How == "right" || op.How == "full" || op.How == "diff") {
			out = append(out, r.pair(j, op, nil, &y, windowed))
		}
	}
	return out, nil
}

// agree reports whether two rows match.
func (r *run) agree(j joined, op rdd.Join, x, y row) (bool, error) {
	for _, k := range op.On {
		a, b := x.values[k.Left], y.values[k.Right]
		if a == nil || b == nil || compare(a, b) != 0 {
			return false, nil
		}
	}
	if w := op.Within; w.Left != "" {
		a, ok1 := x.values[w.Left].(arrow.Timestamp)
		b, ok2 := y.values[w.Right].(arrow.Timestamp)
		if !ok1 || !ok2 || int64(b) < int64(a)-w.Before.Microseconds() || int64(b) > int64(a)+w.After.Microseconds() {
			return false, nil
		}
	}
	if op.Where == "" {
		return true, nil
	}
	s := &scope{types: j.types, row: map[string]any{}, now: arrow.Timestamp(r.batch.Now)}
	for name, of := range j.right {
		s.row[of] = y.values[name]
	}
	for _, name := range j.left {
		s.row[name] = x.values[name]
	}
	v := s.eval(r.parse(s, op.Where))
	return v == true, s.err
}

// pair makes a row of the result; one side may be missing.
func (r *run) pair(j joined, op rdd.Join, x, y *row, windowed bool) row {
	out := row{label: op.As.First(), source: -1, values: map[string]any{rdd.ColLabel: r.job.Labels[op.As.First()]}}
	if y != nil && !leftOnly(op) {
		for name, of := range j.right {
			out.values[of] = y.values[name]
		}
		out.size = y.size
	}
	if x != nil {
		for _, name := range j.left {
			out.values[name] = x.values[name]
		}
		out.size = x.size
	}
	if !windowed {
		out.size = 0
	}
	return out
}

func leftOnly(op rdd.Join) bool { return op.How == "semi" || op.How == "anti" }

// joined is the columns of the two sides: the left ones, the right ones with their
// names in the result, and the types of all.
type joined struct {
	left  []string
	right map[string]string
	types schema
}

// joined names the columns: a key of one name is one column, and so is the end of
// a window whose start is; another right column that the left side has too is
// renamed.
func (r *run) joined(d *rdd.Dataset, op rdd.Join) joined {
	parents := d.Parents()
	j := joined{right: map[string]string{}, types: schema{}}
	have := schema{}
	for label, s := range r.schemas[parents[0]] {
		if op.From == 0 || op.From.Has(label) {
			maps.Copy(have, s)
		}
	}
	for name, t := range have {
		if !strings.HasPrefix(name, "_") {
			j.left = append(j.left, name)
			j.types[name] = t
		}
	}
	for label, s := range r.schemas[parents[len(parents)-1]] {
		for name, t := range s {
			if strings.HasPrefix(name, "_") || op.With != 0 && !op.With.Has(label) {
				continue
			}
			of, key := name, name
			if name == rdd.WindowEnd {
				key = rdd.WindowStart
			}
			if _, both := have[name]; both && !slices.Contains(op.On, rdd.JoinKey{Left: key, Right: key}) {
				of = op.Prefix + name
			}
			j.right[name] = of
			j.types[of] = t
			if r.result.Loose[name] {
				r.result.Loose[of] = true
			}
		}
	}
	return j
}

// deriveJoin finds the columns of the result and drops the labels that entered.
func (r *run) deriveJoin(d *rdd.Dataset, op rdd.Join, out map[int]schema) {
	clear(out)
	parents := d.Parents()
	for i, p := range parents {
		for label, s := range r.schemas[p] {
			isLeft := i == 0 && (op.From == 0 || op.From.Has(label))
			isRight := i == len(parents)-1 && (op.With == 0 || op.With.Has(label))
			if isLeft || isRight {
				continue
			}
			if out[label] == nil {
				out[label] = schema{}
			}
			maps.Copy(out[label], s)
		}
	}
	j := r.joined(d, op)
	result := schema{rdd.ColLabel: arrow.STRING}
	for _, name := range j.left {
		result[name] = j.types[name]
	}
	if !leftOnly(op) {
		for _, of := range j.right {
			result[of] = j.types[of]
		}
	}
	out[op.As.First()] = result
}
