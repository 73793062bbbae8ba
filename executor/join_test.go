package executor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// peak counts what is allocated, and how much of it there was at once.
type peak struct {
	memory.Allocator
	now, most atomic.Int64
}

func (p *peak) note(n int) {
	now := p.now.Add(int64(n))
	for most := p.most.Load(); now > most && !p.most.CompareAndSwap(most, now); most = p.most.Load() {
	}
}

func (p *peak) Allocate(n int) []byte { p.note(n); return p.Allocator.Allocate(n) }

func (p *peak) Reallocate(n int, b []byte) []byte {
	p.note(n - len(b))
	return p.Allocator.Reallocate(n, b)
}

func (p *peak) Free(b []byte) { p.note(-len(b)); p.Allocator.Free(b) }

// joinRig joins errors with information, in one key group.
func joinRig(t testing.TB, j rdd.Join, set rdd.Settings, batches ...[]string) *rig {
	j.From, j.With, j.As, j.Prefix = Err, Info, Sums, "i_"
	set.KeyGroups = 1
	return newRig(t, planner.IDAG, "kind ts meter code wh", rdd.Tag{Column: "kind"}, func(ev *rdd.Dataset) *rdd.Job {
		if j.On == nil {
			j.On = []rdd.JoinKey{{Left: "meter", Right: "meter"}}
			return written(ev.Join(j)).With(set)
		}
		return written(ev.Window(rdd.Window{Time: "ts", Size: 10_000}).Join(j)).With(set)
	}, batches...)
}

// events makes rows of both sides with some keys, of which the first is in most of
// them if it is hot, and some of the others null.
func events(batch, n, keys int, hot bool) []string {
	var out []string
	for i := range n {
		kind, key := "error", (i*7+batch*3)%keys
		if i%3 > 0 {
			kind = "info"
		}
		if hot && i%5 > 0 {
			key = 0
		}
		meter := fmt.Sprintf(`,"meter":"meter number %d"`, key)
		if i%11 == 5 {
			meter = ""
		}
		out = append(out, fmt.Sprintf(`"kind":%q,"ts":%d,"code":%d,"wh":%d.5%s`, kind, 1+batch*5+i%10, i, i*batch, meter))
	}
	return out
}

// all runs one batch after the other, the last one as the end of the input, and
// returns the rows of each.
func (r *rig) all(batches int, marks func(batch int) int64) [][]string {
	var out [][]string
	for i := range batches {
		task := r.merge(rdd.BatchID(i+1), marks(i), i, i+1)
		task.Final = i+1 == batches
		r.run(task)
		r.x.Blocks.Drop(rdd.BatchID(i + 1))
		out = append(out, r.out.take())
	}
	return out
}

func never(int) int64 { return work.NoTime }

// A join with hardly any room gives the rows of one with plenty, whatever the kind and
// however the keys are distributed, and it does write rows to disk.
func TestJoinsSpill(t *testing.T) {
	for _, hot := range []bool{false, true} {
		var batches [][]string
		for i := range 5 {
			batches = append(batches, events(i, 60, 25, hot))
		}
		for _, how := range rdd.JoinKind("").All() {
			for _, where := range []string{"", "code > i_code OR wh < 3"} {
				if hot && where != "" {
					continue
				}
				j := rdd.Join{How: how, Where: where}
				want := joinRig(t, j, rdd.Settings{}, batches...).all(5, never)
				for _, room := range []int64{1, 3000} {
					r := joinRig(t, j, rdd.Settings{Memory: room, FrameRows: 50}, batches...)
					got := r.all(5, never)
					if r.x.room.spilled.Load() == 0 {
						t.Errorf("%s join with %d bytes wrote nothing to disk", how, room)
					}
					for i := range want {
						if !slices.Equal(got[i], want[i]) {
							t.Errorf("%s join with %d bytes, hot %t: %d rows in batch %d, want %d", how, room, hot, len(got[i]), i+1, len(want[i]))
						}
					}
					if left := r.x.room.used.Load(); left > max(room, 1<<12) {
						t.Errorf("%d bytes are in use of %d", left, room)
					}
				}
			}
		}
	}
}

// Rows leave with their windows from disk as they do from memory, each once, when a
// batch runs again too.
func TestJoinsSpillInWindows(t *testing.T) {
	var batches [][]string
	for i := range 10 {
		batches = append(batches, events(i, 90, 10, false))
	}
	j := rdd.Join{How: "full", On: []rdd.JoinKey{{Left: "meter", Right: "meter"}, {Left: "window_start", Right: "window_start"}}}
	marks := func(i int) int64 { return int64(i*5 - 10) }
	want := joinRig(t, j, rdd.Settings{}, batches...).all(10, marks)
	r := joinRig(t, j, rdd.Settings{Memory: 1}, batches...)
	for i := range want {
		task := r.merge(rdd.BatchID(i+1), marks(i), i, i+1)
		task.Final = i == 9
		for range 2 {
			r.run(task)
			sameRows(t, fmt.Sprint("batch ", i+1), r.out.take(), want[i]...)
		}
	}
	if r.x.room.spilled.Load() == 0 {
		t.Error("nothing was written to disk")
	}
}

// What is frozen, rows on disk included, goes on as if nothing had happened.
func TestJoinsAreFrozen(t *testing.T) {
	var batches [][]string
	for i := range 6 {
		batches = append(batches, events(i, 60, 10, false))
	}
	marks := func(i int) int64 { return int64(i*5 - 10) }
	for _, on := range [][]rdd.JoinKey{nil, {{Left: "meter", Right: "meter"}, {Left: "window_start", Right: "window_start"}}} {
		j := rdd.Join{How: "full", On: on}
		want := joinRig(t, j, rdd.Settings{}, batches...).all(6, marks)
		r := joinRig(t, j, rdd.Settings{Memory: 1}, batches...)
		id := stateID{stage: 1}
		for i := range want {
			if i > 0 {
				f, err := r.x.frozen(id)
				if err != nil {
					t.Fatal(err)
				}
				r.x.forget()
				k, err := r.x.keeper(id)
				if err != nil {
					t.Fatal(err)
				}
				if err := k.restore(f.batch, f.tables); err != nil {
					t.Fatal(err)
				}
				f.release()
			}
			task := r.merge(rdd.BatchID(i+1), marks(i), i, i+1)
			task.Final = i == 5
			r.run(task)
			sameRows(t, fmt.Sprint("batch ", i+1), r.out.take(), want[i]...)
		}
	}
}

// A state that does not fit the plan is refused.
func TestJoinRefusesStrangeState(t *testing.T) {
	r := joinRig(t, rdd.Join{}, rdd.Settings{})
	k, err := r.x.newKeeper(1)
	if err != nil {
		t.Fatal(err)
	}
	defer k.release()
	b := batch(t, r.mem, schemaOf("code"), `"code":1`)
	defer b.Release()
	if err := k.restore(1, []arrow.RecordBatch{b}); fault.Of(err) != fault.Invalid {
		t.Errorf("got %v", err)
	}
}

// The pairs of a hot key are not made all at once: of ten million a few frames are in
// memory; and a join that is cancelled stops among them.
func TestHotKeys(t *testing.T) {
	var rows []string
	for i := range 7000 {
		rows = append(rows, fmt.Sprintf(`"kind":%q,"meter":"hot","code":%d`, []string{"error", "info"}[i%2], i))
	}
	r := joinRig(t, rdd.Join{Where: "code < i_code AND i_code < 0"}, rdd.Settings{FrameRows: 1000}, rows)
	task := r.merge(1, work.NoTime, 0, 1)
	task.Final = true
	p := &peak{Allocator: r.mem}
	r.x.Mem = p
	r.run(task)
	if r.out.take(); p.most.Load() > 1<<20 {
		t.Errorf("12 million pairs took %d bytes at once", p.most.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	p.Allocator = cancelling{Allocator: r.mem, after: new(atomic.Int64), cancel: cancel}
	if _, err := r.x.Run(ctx, task); !errors.Is(err, context.Canceled) {
		t.Errorf("a join that is cancelled gives %v", err)
	}
	r.x.Mem = r.mem
}

// cancelling cancels a context some allocations later.
type cancelling struct {
	memory.Allocator
	after  *atomic.Int64
	cancel func()
}

func (c cancelling) Allocate(n int) []byte {
	if c.after.Add(1) == 300 {
		c.cancel()
	}
	return c.Allocator.Allocate(n)
}

// However many rows wait, they take about as much memory as they may: that, what the
// batch under way brings, and the work of joining a part.
func TestMemoryOfJoins(t *testing.T) {
	const room = 256 << 10
	most := func(set rdd.Settings) int64 {
		var batches [][]string
		for i := range 40 {
			batches = append(batches, events(i, 1000, 1<<20, false))
		}
		r := joinRig(t, rdd.Join{How: "anti"}, set, batches...)
		p := &peak{Allocator: r.mem}
		r.x.Mem = p
		r.all(40, never)
		r.free()
		return p.most.Load()
	}
	plenty, little := most(rdd.Settings{}), most(rdd.Settings{Memory: room})
	if plenty < 6*room || little > 4*room {
		t.Errorf("%d bytes at once with plenty of room, %d with %d", plenty, little, room)
	}
}

// A time range at the ends of time does not wrap around.
func TestRangesAtTheEndsOfTime(t *testing.T) {
	r := joinRig(t, rdd.Join{Within: rdd.JoinTime{Left: "ts", Right: "ts", Before: math.MaxInt64 / 1000 * 1000, After: math.MaxInt64 / 1000 * 1000}},
		rdd.Settings{}, []string{`"kind":"error","meter":"m","ts":-9223372036854775808,"code":1`, `"kind":"info","meter":"m","ts":9223372036854775807,"code":2`,
			`"kind":"error","meter":"m","ts":9223372036854775807,"code":3`, `"kind":"info","meter":"m","ts":-9223372036854775807,"code":4`})
	rows := r.all(1, never)[0]
	if len(rows) != 2 {
		t.Errorf("%d pairs: %v", len(rows), rows)
	}
}

// BenchmarkJoinTask is the task that joins: a hundred thousand rows a side, whose
// pairs go to a sink that throws them away.
func BenchmarkJoinTask(b *testing.B) {
	var rows []string
	for i := range 200_000 {
		rows = append(rows, fmt.Sprintf(`"kind":%q,"meter":"meter number %d","code":%d`, []string{"error", "info"}[i%2], i/2*7919%100_000, i))
	}
	r := joinRig(b, rdd.Join{}, rdd.Settings{}, rows)
	r.out.stage = func(_ context.Context, in rdd.Stream) (st rdd.Staged, err error) {
		for f, err := range in {
			if err != nil {
				return st, err
			}
			st.Rows += f.Batch.NumRows()
		}
		return st, nil
	}
	task := r.merge(1, work.NoTime, 0, 1)
	task.Final = true
	b.ResetTimer()
	for range b.N {
		if got := r.run(task); got.Tally.RowsOut != 100_000 {
			b.Fatalf("%d pairs", got.Tally.RowsOut)
		}
	}
	b.ReportMetric(200_000*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
