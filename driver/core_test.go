package driver

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/locator"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// The first batches are small, and the wish is shared by the live sources.
func TestWish(t *testing.T) {
	set := rdd.Settings{BatchRows: 1600, BatchBytes: 160}
	var got []string
	for _, batch := range []rdd.BatchID{1, 2, 3, 4, 1 << 40} {
		w := wish(set, batch, 1)
		got = append(got, fmt.Sprintf("%d/%d", w.Rows, w.Bytes))
	}
	if want := "100/10 400/40 1600/160 1600/160 1600/160"; strings.Join(got, " ") != want {
		t.Error(got)
	}
	if w := wish(rdd.Settings{BatchRows: 7}, 1, 3); w != (rdd.Size{Rows: 1}) {
		t.Errorf("a wish of nothing means no bound: %+v", w)
	}
}

// Pauses double, are never shorter than half of that, and follow from what is
// retried.
func TestPause(t *testing.T) {
	for attempt := 1; attempt <= 8; attempt++ {
		whole := firstPause << min(attempt-1, 6)
		seen := map[int64]bool{}
		for id := range int64(100) {
			p := pause(attempt, id, 3)
			if p <= whole/2 || p > whole || p != pause(attempt, id, 3) {
				t.Fatalf("attempt %d: %d of %d", attempt, p, whole)
			}
			seen[p] = true
		}
		if len(seen) < 90 {
			t.Errorf("attempt %d: only %d different pauses for 100 tasks", attempt, len(seen))
		}
	}
}

// However splits are dealt into tasks, every one is in exactly one task, and
// those of a task follow one another. Slots that take the tasks in their order
// come to their end not later than slots would that share everything evenly, but
// for a quarter of such a share and one split; dealt evenly, nobody has more than one
// task.
func TestPortion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var splits []rdd.Split
		for i, rows := range rapid.SliceOfN(rapid.Int64Range(0, 1000), 0, 50).Draw(t, "rows") {
			splits = append(splits, rdd.Split{First: int64(i), Rows: rows, Bytes: 1})
		}
		if rapid.Bool().Draw(t, "unknown") && len(splits) > 0 {
			splits[0].Rows = -1
		}
		weigh := locator.New([]locator.Route{{Name: "a", Ops: rapid.IntRange(0, 9).Draw(t, "operations")}}).Weight
		var sum, heaviest int64
		for i := range splits {
			sum += weigh(&splits[i])
			heaviest = max(heaviest, weigh(&splits[i]))
		}
		ends := make([]int64, rapid.IntRange(1, 10).Draw(t, "slots"))
		cut, most := portion, 3*len(ends)
		if rapid.Bool().Draw(t, "even") {
			cut, most = evenly, len(ends)
		}
		tasks := cut(splits, int64(len(ends)), sum, weigh)
		longestFirst(tasks, weigh)
		var dealt []rdd.Split
		for _, task := range tasks {
			slices.Sort(ends)
			for i := range task.splits {
				ends[0] += weigh(&task.splits[i])
				if i > 0 && task.splits[i].First != task.splits[i-1].First+1 {
					t.Fatalf("a task of %v", task.splits)
				}
			}
			dealt = append(dealt, task.splits...)
		}
		slices.SortFunc(dealt, func(a, b rdd.Split) int { return int(a.First - b.First) })
		if len(tasks) > most || len(dealt) != len(splits) || !slices.EqualFunc(dealt, splits, func(a, b rdd.Split) bool { return a.First == b.First }) {
			t.Fatalf("%d tasks for %d slots with %v", len(tasks), len(ends), dealt)
		}
		if share := float64(sum) / float64(len(ends)); float64(slices.Max(ends)) > share*5/4+float64(heaviest)+1 {
			t.Fatalf("%v, with %d shared", ends, sum)
		}
	})
}

// The parts of a stage that keeps state go to different nodes as far as there are
// slots, to each as many as it has slots at most, and part 0 is not on the same
// node in all stages.
func TestHomes(t *testing.T) {
	stage := planner.Stage{Stateful: true}
	g := graph{stages: []planner.Stage{{}, stage, stage, stage}}
	slots := func(counts ...int) []Node {
		var out []Node
		for _, n := range counts {
			out = append(out, Node{Slots: n})
		}
		return out
	}
	for _, c := range []struct {
		groups int
		nodes  []Node
		want   string
	}{
		{8, slots(1, 1), "2 [[] [0 1] [1 0] [0 1]]"},
		{8, slots(4), "4 [[] [0 0 0 0] [0 0 0 0] [0 0 0 0]]"},
		{3, slots(1, 0, 3), "3 [[] [0 2 2] [2 0 2] [2 2 0]]"},
		{8, slots(1, 0, 3), "4 [[] [0 2 2 2] [2 2 2 0] [2 2 0 2]]"},
		{1, slots(2, 2, 2), "1 [[] [0] [1] [2]]"},
		{2, slots(1 << 40), "2 [[] [0 0] [0 0] [0 0]]"},
		{2, slots(1, 1, 1), "2 [[] [0 1] [2 0] [1 2]]"},
	} {
		p := newParts(g, c.groups, 0, c.nodes)
		if got := fmt.Sprint(p.count, p.homes); got != c.want {
			t.Errorf("%d key groups on %v: %s, want %s", c.groups, c.nodes, got, c.want)
		}
	}
}

func TestHeap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := heap[int]{less: func(a, b int) bool { return a < b }}
		var twin []int
		for _, v := range rapid.SliceOf(rapid.IntRange(-1, 50)).Draw(t, "operations") {
			if v >= 0 {
				h.push(v)
				twin = append(twin, v)
				slices.Sort(twin)
			} else if len(twin) > 0 {
				if top, got := h.top(), h.pop(); top != twin[0] || got != twin[0] {
					t.Fatalf("%d, %d; want %d", top, got, twin[0])
				}
				twin = twin[1:]
			}
			if h.len() != len(twin) {
				t.Fatalf("%d items, want %d", h.len(), len(twin))
			}
		}
	})
}

// A plan that cannot be run is a bug of the planner, found before it is.
func TestGraphErrors(t *testing.T) {
	read := planner.Stage{}
	from := func(id int, stages ...int) planner.Stage {
		s := planner.Stage{ID: id, Source: -1}
		for _, f := range stages {
			s.Inputs = append(s.Inputs, planner.Edge{Stage: f})
		}
		return s
	}
	for want, stages := range map[string][]planner.Stage{
		"stage 1 has the ID 0":            {read, read},
		"reads source 3 of 1":             {{Source: 3}},
		"neither reads nor has inputs":    {read, from(1)},
		"stage 1 is fed by stage 9 of 2":  {read, from(1, 9)},
		"do not all lead back to a sourc": {read, from(1, 0, 2), from(2, 1)},
		"do not all lead back to a so":    {},
	} {
		_, err := newGraph(&planner.Plan{Reads: []int{0}, Stages: stages})
		if fault.Of(err) != fault.Bug || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v, not %s", err, want)
		}
	}
	// A stage may be fed by one that comes after it.
	g, err := newGraph(&planner.Plan{Reads: []int{0, 1}, Stages: []planner.Stage{read, from(1, 0, 2, 2), {ID: 2, Source: 1}}})
	if err != nil || fmt.Sprint(g.producers, g.consumers) != "[[] [0 2] []] [[1] [] [1]]" {
		t.Error(g.producers, g.consumers, err)
	}
}

// A receipt that speaks of blocks that are not the task's, or of a key group
// that there is not, ends the run as a bug.
func TestForgedReceipts(t *testing.T) {
	for want, block := range map[string]rdd.Block{
		"names a block of batch 2 stage 0 task 0": {Batch: 2},
		"names a block of batch 1 stage 1 task 0": {Batch: 1, Stage: 1},
		"names a block of batch 1 stage 0 task 5": {Batch: 1, Task: 5},
		"a block for key group 8 of 8":            {Batch: 1, Partition: 8},
		"a block for key group -1 of 8":           {Batch: 1, Partition: -1},
	} {
		plan := &planner.Plan{Job: rdd.NewJob("job", nil), Reads: []int{0}, Stages: []planner.Stage{
			{}, {ID: 1, Source: -1, Inputs: []planner.Edge{{Stage: 0}}},
		}}
		c, err := newCore(plan, Pace{})
		if err != nil {
			t.Fatal(err)
		}
		c.step(started{nodes: []Node{{Name: "a", Slots: 1}}})
		c.step(sliced{[]slice{{splits: []rdd.Split{{Rows: 1}}, ended: true}}})
		c.step(logged{})
		cmds := c.step(taskDone{ref: taskRef{1, 0, 0, 1}, receipt: &work.Receipt{Blocks: []rdd.Block{block}}})
		a, ok := cmds[len(cmds)-1].(abort)
		if len(cmds) != 1 || !ok || fault.Of(a.err) != fault.Bug || !strings.Contains(a.err.Error(), want) {
			t.Errorf("%v, not %s", cmds, want)
		}
	}
}

// Answers about what there is not change nothing.
func TestStrayAnswers(t *testing.T) {
	c, err := newCore(&planner.Plan{Job: rdd.NewJob("job", nil), Reads: []int{0}, Stages: []planner.Stage{{}}}, Pace{})
	if err != nil {
		t.Fatal(err)
	}
	c.step(started{nodes: []Node{{Name: "a", Slots: 1}}})
	stray := []event{
		sliced{[]slice{{splits: []rdd.Split{{Rows: 1}}}}}, // the answer that is waited for
		logged{},
		sliced{[]slice{{ended: true}}},
	}
	for _, e := range stray {
		c.step(e)
	}
	for _, e := range []event{
		logged{}, sliced{[]slice{{}}}, published{batch: 1}, published{batch: 7},
		taskDone{ref: taskRef{1, 0, 9, 1}}, taskDone{ref: taskRef{1, 9, 0, 1}}, taskDone{ref: taskRef{1, 0, 0, 2}},
		taskDone{ref: taskRef{9, 0, 0, 1}}, taskFailed{ref: taskRef{1, 0, -1, 1}, err: fault.New(fault.Bug, "stray")},
		broke{op: opPublish, batch: 1, err: fault.New(fault.Retry, "stray")},
	} {
		if cmds := c.step(e); len(cmds) > 0 {
			t.Errorf("%#v led to %#v", e, cmds)
		}
	}
}

// Places are taken again once no batch speaks of the nodes that had them: a fleet that
// changes for ever does not grow. A node keeps its place while its process lives, and
// another process of its name has another.
func TestPlaces(t *testing.T) {
	s := newSlots([]Node{{Name: "a", Slots: 2}})
	for round := rdd.BatchID(1); round < 1000; round++ {
		left := s.update([]Node{{Name: "a", Slots: 3}, {Name: fmt.Sprint("n", round), Slots: 1}, {Name: "b", Since: int64(round), Slots: 1}}, round-1, round)
		if want := min(int(round)-1, 1) * 2; len(left) != want || s.total != 5 || s.byName["a"] != 0 || s.free[0] != 3 {
			t.Fatalf("round %d: %v are gone, of %+v", round, left, s.nodes)
		}
		if b := s.byName["b"]; s.nodes[b].Since != int64(round) || s.seats[b].gone {
			t.Fatalf("round %d: b is %+v", round, s.nodes[b])
		}
	}
	if len(s.nodes) > 7 || len(s.byName) > 7 {
		t.Errorf("%d places for three nodes, %d names", len(s.nodes), len(s.byName))
	}
	twice := newSlots([]Node{{Name: "a", Slots: 2}, {Name: "a", Slots: 2}, {Name: "c", Slots: -1}})
	if twice.total != 2 || len(twice.nodes) != 2 {
		t.Errorf("%+v", twice.nodes)
	}
}
