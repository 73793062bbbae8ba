package driver

import (
	"encoding/json"
	"maps"
	"math"
	"slices"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// A plan with Results has tasks that read rows which the job wrote before. What batch n
// sees follows from the receipts of the batches up to n - InFlight, as its watermark does,
// and comes by the same way: with the Observations.
//
// Such rows are computed one of another, a window from the one before. So that a window
// sees it, windows leave one after another: a batch moves the watermark past the end of
// one at the most, and as long as event time is further than that, the next batches read
// nothing. The input ends in the same way: the final batch comes when the watermark is at the
// largest event time, and the lateness behind it.

// results is what the core knows of the rows that the job reads of itself.
type results struct {
	windows map[int]int64 // by sink: the size of its windows in microseconds; empty without
	stages  []int         // that keep the rows of windows that have not left; none where that is not all of them
	known   known
	ended   []bool // sources that ended with the batches planned
}

// known is what batches have said of the rows that their job reads of itself, as of a
// checkpoint.
type known struct {
	Last  map[int]connectors.Result `json:"last,omitempty"` // by sink
	Timed bool                      `json:"timed,omitempty"`
	Least int64                     `json:"least,omitempty"` // the smallest event time, in microseconds since the epoch
	Most  int64                     `json:"most,omitempty"`  // the largest
	// Next is the watermark at which a window leaves next, of those that had rows when the
	// last batch was seen, or an earlier one; nil where that is not known.
	Next *int64 `json:"next,omitempty"`
	// Rows is the last batch planned that reads something.
	Rows rdd.BatchID `json:"rows,omitempty"`
}

func newResults(p *planner.Plan) results {
	r := results{windows: map[int]int64{}, ended: make([]bool, len(p.Reads))}
	for _, s := range p.Results {
		r.windows[s.Sink] = s.Window.Microseconds()
		r.stages = append(r.stages, s.Stage)
	}
	if slices.Contains(r.stages, -1) {
		r.stages = nil
	}
	return r
}

func (r *results) on() bool { return len(r.windows) > 0 }

// told gathers what a batch wrote that the job may read.
func (c *core) told(b *batch) (map[int]connectors.Result, error) {
	var out map[int]connectors.Result
	if !c.results.on() {
		return nil, nil
	}
	for t := range b.tasks() {
		if t.receipt == nil {
			continue
		}
		for _, part := range t.receipt.Staged {
			if _, read := c.results.windows[part.Sink]; !read || len(part.Part) == 0 {
				continue
			}
			var r connectors.Result
			if err := json.Unmarshal(part.Part, &r); err != nil {
				return nil, fault.New(fault.Bug, "batch %d has staged no row for sink %d: %w", b.id, part.Sink, err)
			}
			if len(r.Rows) == 0 {
				continue
			}
			if out == nil {
				out = map[int]connectors.Result{}
			}
			newest(out, part.Sink, r)
		}
	}
	return out, nil
}

// nextOf is the watermark at which a window leaves that batches up to b have brought and
// that has not left with them, or nil where not all tasks that keep some have said so.
func (c *core) nextOf(b *batch) *int64 {
	if !b.leaves() || len(c.results.stages) == 0 {
		return nil
	}
	next := int64(math.MaxInt64)
	for _, s := range c.results.stages {
		for i := range b.stages[s].tasks {
			r := b.stages[s].tasks[i].receipt
			if r == nil || r.Next == nil {
				return nil
			}
			next = min(next, *r.Next)
		}
	}
	return &next
}

// newest keeps the row of the later window. There are never two of one window: it leaves once.
func newest(list map[int]connectors.Result, sink int, r connectors.Result) {
	if was, ok := list[sink]; !ok || r.At > was.At {
		list[sink] = r
	}
}

// learn takes in what a batch had to say.
func (r *results) learn(o *Observation) {
	if !r.on() {
		return
	}
	k := &r.known
	k.Next = o.Next
	for _, t := range o.Times {
		k.see(t.Min, t.Max)
	}
	if len(o.Results) > 0 {
		k.Last = maps.Clone(k.Last) // tasks that are out have the one before
		if k.Last == nil {
			k.Last = map[int]connectors.Result{}
		}
		for sink, row := range o.Results {
			newest(k.Last, sink, row)
		}
	}
}

func (k *known) see(least, most int64) {
	if !k.Timed {
		k.Timed, k.Least, k.Most = true, least, most
	}
	k.Least, k.Most = min(k.Least, least), max(k.Most, most)
}

// of are the rows that a task of a stage is given.
func (k *known) of(s *planner.Stage) map[int][]byte {
	var out map[int][]byte
	for _, sink := range s.Results {
		if row, ok := k.Last[sink]; ok {
			if out == nil {
				out = map[int][]byte{}
			}
			out[sink] = row.Rows
		}
	}
	return out
}

// stride returns how far the next batch may move the watermark to a time: past the end of
// one window. If it reads nothing, and all that was read is known, that is a window which
// has rows: clocks that are wrong by years do not cost a batch for each hour of them.
func (c *core) stride(to int64, reads bool) int64 {
	r, from := &c.results, c.input.mark
	if !r.on() || to == work.NoTime {
		return to
	}
	if from == work.NoTime {
		if !r.known.Timed || r.known.Least >= to {
			return to
		}
		return r.known.Least // nothing leaves at the beginning of the first window
	}
	late := c.set.Lateness.Microseconds()
	next := func(after int64) int64 {
		first := int64(math.MaxInt64)
		for _, size := range r.windows {
			if end := (floorDiv(after-late, size)+1)*size + late; end > after { // else it is beyond all time
				first = min(first, end)
			}
		}
		return first
	}
	end := next(from)
	if r.known.Next != nil && !reads && r.known.Rows <= c.next-rdd.BatchID(c.set.InFlight) {
		end = max(end, *r.known.Next)
	}
	if end < to {
		return max(from, min(to, next(end)-1))
	}
	return to
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// trails reports whether event time has come further than one batch may move the watermark.
func (c *core) trails() bool {
	if in := &c.input; !c.results.on() || in.cutting || in.ahead == nil && !in.polling {
		return false // what comes next may hold the watermark
	}
	c.observe(c.next - rdd.BatchID(c.set.InFlight))
	to := c.goal()
	return c.stride(to, true) < to
}

// goal is where the watermark may go: at the end of the input to where all windows but the
// last have left.
func (c *core) goal() int64 {
	clock := c.input.clock.Clone()
	if c.input.ahead != nil {
		clock.Cut(c.input.ahead.splits)
	}
	clock.Idle(c.idle())
	to := max(clock.Advance(), c.input.mark)
	if c.drained() && c.results.known.Timed {
		to = max(to, c.last())
	}
	return to
}

// last is the watermark at which all windows before that of the largest event time have left.
func (c *core) last() int64 {
	most, late := c.results.known.Most, c.set.Lateness.Microseconds()
	if most > math.MaxInt64-late {
		return math.MaxInt64
	}
	return most + late
}

// drained reports whether all rows have been read, and their receipts seen.
func (c *core) drained() bool {
	return !slices.Contains(c.results.ended, false) && c.results.known.Rows <= c.next-rdd.BatchID(c.set.InFlight)
}

// lingers reports whether batches without rows go on at the end of the input.
func (c *core) lingers() bool {
	return c.results.on() && c.next > 1 && !slices.Contains(c.results.ended, false)
}

// closes reports whether the next batch may be the final one.
func (c *core) closes(splits []rdd.Split) bool {
	if !c.results.on() {
		return c.input.allEnded()
	}
	if c.next == 1 {
		return c.input.allEnded() && len(splits) == 0
	}
	return c.lingers() && c.drained() && (c.input.mark >= c.last() || !c.results.known.Timed)
}
