package executor

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/agg"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
)

// lastWindow returns the start of the last window that the rows with a key of
// the grouping's column Window are in: with panes several windows share them.
func lastWindow(g *physical.Grouping, start int64) int64 {
	if g.Pane == 0 {
		return start
	}
	return floorTo(start, g.Slide)
}

// windowLeaves reports whether any window that holds groups of the state may leave
// with the state's batch.
func (s *state) windowLeaves() bool {
	g := s.g
	if g.Pane == 0 {
		return leaves(s.earliest, g, s.marks.Watermark)
	}
	if s.marks.Watermark == work.NoTime || s.earliest == math.MaxInt64 {
		return false
	}
	span := saturated(g.Size, g.Lateness)
	last := floorTo(back(s.marks.Watermark, span), g.Slide)
	if s.marks.Closed != work.NoTime && floorTo(back(s.marks.Closed, span), g.Slide) == last {
		return false
	}
	return saturated(last, g.Size) > s.earliest
}

// leavesNow reports whether a window leaves with the state's batch and not before.
func (s *state) leavesNow(start int64) bool {
	end := saturated(saturated(start, s.g.Size), s.g.Lateness)
	return end > s.marks.Closed && (s.marks.Final || s.marks.Watermark != work.NoTime && end <= s.marks.Watermark)
}

// leavePanes merges the panes of every window that leaves into the groups of
// that window.
func (s *state) leavePanes(gone *agg.Table) error {
	for _, f := range s.fresh.List() {
		cols := f.Batch.Columns()
		if err := s.mergePanes(gone, windowsOf(cols, s.g), func(rows []int32) []arrow.Array {
			out := make([]arrow.Array, len(cols))
			for i, c := range cols {
				out[i] = kernel.Take(s.mem, c, rows)
			}
			return out
		}); err != nil {
			return err
		}
	}
	if s.base.Len() == 0 {
		return nil
	}
	keys := s.base.Keys(nil)
	defer releaseAll(keys)
	return s.mergePanes(gone, windowsOf(keys, s.g), func(rows []int32) []arrow.Array {
		return append(s.base.Keys(rows), s.base.States(rows)...)
	})
}

// mergePanes merges partial groups, given by the pane of each, into the windows
// that leave. A pane is taken into its last window, into the one before, and so on.
func (s *state) mergePanes(gone *agg.Table, panes []int64, take func(rows []int32) []arrow.Array) error {
	g := s.g
	var rows []int32
	var starts []int64
	for k := int64(0); k*g.Slide < g.Size; k++ {
		rows, starts = rows[:0], starts[:0]
		for i, p := range panes {
			start := back(floorTo(p, g.Slide), k*g.Slide)
			if saturated(start, g.Size) > p && s.leavesNow(start) {
				rows, starts = append(rows, int32(i)), append(starts, start)
			}
		}
		if len(rows) == 0 {
			continue
		}
		cols := take(rows)
		cols[g.Window].Release()
		vals, done := kernel.NewFixed[int64](s.mem, timestamp(), len(rows))
		copy(vals, starts)
		cols[g.Window] = done(nil)
		err := gone.Merge(cols[:len(g.Keys)], cols[len(g.Keys):], len(rows))
		releaseAll(cols)
		if err != nil {
			return fault.New(fault.Bug, "state: %w", err)
		}
	}
	return nil
}
