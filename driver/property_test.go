package driver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// drawPlan draws a graph of stages: a few that read, and a few behind them.
func drawPlan(t *rapid.T) *planner.Plan {
	p := &planner.Plan{Digest: "d", Mode: planner.IDAG, Job: rdd.NewJob("job", nil).With(rdd.Settings{
		BatchRows: rapid.Int64Range(1, 2000).Draw(t, "batch_rows"),
		InFlight:  rapid.IntRange(1, 4).Draw(t, "in_flight"),
		KeyGroups: rapid.IntRange(1, 4).Draw(t, "key_groups"),
	})}
	for i := range rapid.IntRange(1, 2).Draw(t, "sources") {
		p.Stages = append(p.Stages, planner.Stage{ID: i, Source: i, Sinks: []int{0}})
		p.Reads = append(p.Reads, i)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "stages") {
		s := planner.Stage{ID: len(p.Stages), Source: -1}
		for range rapid.IntRange(1, 2).Draw(t, "inputs") {
			from := rapid.IntRange(0, len(p.Stages)-1).Draw(t, "from")
			if e := (planner.Edge{Stage: from, Outlet: s.ID}); !slices.Contains(s.Inputs, e) {
				s.Inputs = append(s.Inputs, e)
			}
		}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			s.Stateful = true
		case 1:
			s.Narrow = len(s.Inputs) == 1
		}
		if i%2 == 0 {
			s.Sinks = []int{work.DeadLetters, 1}
		}
		p.Stages = append(p.Stages, s)
	}
	return p
}

// drawSource draws the splits of a source: a few partitions in sequence, mixed.
func drawSource(t *rapid.T, source int) []rdd.Split {
	var out []rdd.Split
	firsts, clocks := map[int32]int64{}, map[int32]int64{}
	for range rapid.IntRange(0, 40).Draw(t, "splits") {
		part := rapid.Int32Range(0, 3).Draw(t, "partition")
		rows := rapid.Int64Range(0, 300).Draw(t, "rows")
		s := rdd.Split{Source: source, Partition: part, First: firsts[part], Rows: rows, Bytes: -1}
		s.Times = rdd.TimeRange{Known: rapid.Bool().Draw(t, "known"), Min: clocks[part], Max: clocks[part] + 50}
		firsts[part] += rows
		clocks[part] += 40
		out = append(out, s)
	}
	return out
}

func drawWorld(t *rapid.T) *world {
	w := &world{plan: drawPlan(t), stopAt: -1}
	for i := range w.plan.Reads {
		w.sources = append(w.sources, drawSource(t, i))
	}
	return w
}

// fresh gives a world a fleet and chances of its own.
func (w *world) fresh(t *rapid.T, hostile bool) *world {
	out := &world{plan: w.plan, sources: w.sources, hostile: hostile, stopAt: -1}
	for i := range rapid.IntRange(1, 3).Draw(t, "nodes") {
		out.nodes = append(out.nodes, Node{Name: fmt.Sprintf("n%d", i), Slots: rapid.IntRange(1, 3).Draw(t, "slots")})
	}
	out.rnd = rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	out.lost = 2
	var err error
	if out.core, err = newCore(w.plan, Pace{}); err != nil {
		t.Fatal(err)
	}
	return out
}

// Whatever the order of answers and whatever fails: every batch is planned,
// published and committed once and in order, no part runs twice at once or
// out of order, every split is read, and the run ends with all rows counted.
func TestAnyFleet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t).fresh(t, rapid.Bool().Draw(t, "hostile"))
		if err := w.play(); err != nil {
			t.Fatal(err)
		}
		if w.stateGone() {
			return
		}
		end, ok := w.ending.(finish)
		if !ok {
			t.Fatalf("ended with %#v", w.ending)
		}
		var rows int64
		for source, splits := range w.sources {
			var read []rdd.Split
			for _, p := range w.planned {
				read = append(read, slices.DeleteFunc(slices.Clone(p.Splits), func(s rdd.Split) bool { return s.Source != source })...)
			}
			if !reflect.DeepEqual(read, splits) && len(read)+len(splits) > 0 {
				t.Fatalf("source %d: planned %v of %v", source, read, splits)
			}
			for _, s := range splits {
				rows += s.Rows
			}
		}
		if o := end.outcome; o.Tally.RowsIn != rows || !o.Final || o.Batches != int64(len(w.planned)) || w.committed != rdd.BatchID(len(w.planned)) {
			t.Fatalf("%d rows in %d batches came to %+v", rows, len(w.planned), o)
		}
		w.readOnce(t)
	})
}

// stateGone reports an end that is right although it is none: state that was
// needed again had gone on.
func (w *world) stateGone() bool {
	a, ok := w.ending.(abort)
	return ok && w.hostile && fault.Of(a.err) == fault.Lost && strings.Contains(a.err.Error(), "has gone on")
}

// readOnce checks that the accepted receipts of every reading stage hold the
// rows of every batch once.
func (w *world) readOnce(t *rapid.T) {
	got, want := map[[2]int]int64{}, map[[2]int]int64{}
	for ref, r := range w.last {
		if w.core.graph.stages[ref.stage].Source >= 0 {
			got[[2]int{int(ref.batch), ref.stage}] += r.Tally.RowsIn + 1<<32*int64(len(r.Times))
		}
	}
	for _, p := range w.planned {
		for _, s := range p.Splits {
			for _, r := range w.core.graph.readers {
				if w.core.graph.stages[r].Source == s.Source {
					want[[2]int{int(p.Batch), r}] += s.Rows + 1<<32
				}
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("read %v of %v", got, want)
	}
}

// Two runs over the same input fix the same batches and watermarks, whatever
// the fleet and whatever fails: a planned entry does not depend on timing.
func TestMarksDoNotDependOnTiming(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		a, b := w.fresh(t, false), w.fresh(t, true)
		if err := errors.Join(a.play(), b.play()); err != nil {
			t.Fatal(err)
		}
		if b.stateGone() {
			return
		}
		for i := range a.planned {
			a.planned[i].Now, b.planned[i].Now = 0, 0
		}
		if !reflect.DeepEqual(a.planned, b.planned) {
			t.Fatalf("planned\n%+v\nand\n%+v", a.planned, b.planned)
		}
	})
}

// Watermarks never go back, Closed is the watermark of the batch before, and
// only the last batch is final.
func TestMarksAreMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t).fresh(t, false)
		if err := w.play(); err != nil {
			t.Fatal(err)
		}
		closed := int64(work.NoTime)
		for i, p := range w.planned {
			if p.Closed != closed || p.Watermark < closed || p.Final != (i == len(w.planned)-1) {
				t.Fatalf("batch %d of %d: %+v after %d", p.Batch, len(w.planned), p.Marks, closed)
			}
			closed = p.Watermark
		}
	})
}

// A run that is stopped finishes what it planned, and one that takes up its
// ledger goes on: together they read everything, publish every batch once, and
// fix the watermarks that one run would have fixed.
func TestStopAndResume(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		whole, first := w.fresh(t, false), w.fresh(t, false)
		first.stopAt = rapid.IntRange(0, 60).Draw(t, "stop")
		if err := errors.Join(whole.play(), first.play()); err != nil {
			t.Fatal(err)
		}
		done, ok := first.ending.(finish)
		if !ok || int(first.committed) != len(first.planned) {
			t.Fatalf("committed %d of %d, ended with %#v", first.committed, len(first.planned), first.ending)
		}
		if done.outcome.Final {
			return
		}
		rest := w.fresh(t, true)
		known := len(first.planned)
		rest.resume(first.planned, rdd.BatchID(rapid.IntRange(max(0, known-2*first.core.set.InFlight), known).Draw(t, "committed")))
		if err := rest.err; err != nil {
			t.Fatal(err)
		}
		if rest.stateGone() {
			return
		}
		for i := range whole.planned {
			whole.planned[i].Now, rest.planned[i].Now = 0, 0
		}
		if !reflect.DeepEqual(rest.planned, whole.planned) {
			t.Fatalf("planned\n%+v\nnot\n%+v", rest.planned, whole.planned)
		}
	})
}

// resume plays a run behind what an earlier one planned and committed.
func (w *world) resume(planned []Planned, committed rdd.BatchID) {
	w.planned, w.committed = slices.Clone(planned), committed
	w.past = &started{nodes: w.nodes, epoch: 2, history: planned, committed: committed}
	if err := w.play(); w.err == nil {
		w.err = err
	}
	for key := range w.publishes {
		w.check(key[0] > int(committed), "batch %d is published again", key[0])
	}
}
