package twin

import (
	"cmp"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
)

// sessionOf begins a session with a row. It is late if its own time, plus the
// lateness, had passed before the batch: a session that it could join may have left.
func (r *run) sessionOf(x row, t int64) ([]row, string) {
	if r.batch.Closed != noTime && t+r.lateness() < r.batch.Closed {
		return nil, "late"
	}
	x.size, x.values = 0, maps.Clone(x.values)
	x.values[rdd.WindowStart], x.values[rdd.WindowEnd] = arrow.Timestamp(t), nil
	return []row{x}, ""
}

// gapBefore is the gap of the sessions that a Reduce makes, or 0.
func gapBefore(d *rdd.Dataset) int64 {
	if w, ok := d.Parents()[0].Op().(rdd.Window); ok {
		return w.Gap.Microseconds()
	}
	return 0
}

// sessions cuts the rows of every group, in the order of their times, where one
// is the gap or more after the one before, and lets go of the sessions that are over.
func (r *run) sessions(op rdd.Reduce, groups map[string]*group, gap int64, out []row) ([]row, error) {
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		time := func(i int) int64 { return int64(g.rows[i].values[rdd.WindowStart].(arrow.Timestamp)) }
		order := make([]int, len(g.rows))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(time(a), time(b)) })
		rest := &group{key: g.key, items: make([][]item, len(op.Get))}
		for len(order) > 0 {
			n := 1
			for n < len(order) && time(order[n]) < time(order[n-1])+gap {
				n++
			}
			start, end := time(order[0]), time(order[n-1])+gap
			leaves := r.batch.Final || r.batch.Watermark != noTime && end+r.lateness() <= r.batch.Watermark
			one := &group{key: slices.Clone(g.key), items: make([][]item, len(op.Get))}
			into := one
			if !leaves {
				into = rest
			}
			for _, i := range order[:n] {
				into.rows = append(into.rows, g.rows[i])
				for k := range g.items {
					into.items[k] = append(into.items[k], g.items[k][i])
				}
			}
			order = order[n:]
			if !leaves {
				continue
			}
			for i, c := range op.By {
				switch c {
				case rdd.WindowStart:
					one.key[i] = arrow.Timestamp(start)
				case rdd.WindowEnd:
					one.key[i] = arrow.Timestamp(end)
				}
			}
			x, err := r.leave(op, one)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
		groups[name] = rest
		if len(rest.rows) == 0 {
			delete(groups, name)
		}
	}
	return out, nil
}
