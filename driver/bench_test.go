package driver

import (
	"fmt"
	"testing"

	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// BenchmarkStep decides batches of 2,000 reading tasks and 2,000 key groups
// over 1,000 nodes, with every task sending to 8 groups. The figure that counts
// is decided tasks a second.
func BenchmarkStep(b *testing.B) {
	const nodes, groups, fan = 1000, 2000, 8
	plan := &planner.Plan{
		Digest: "d", Reads: []int{0}, Writes: []int{0},
		Job: rdd.NewJob("job", nil).With(rdd.Settings{KeyGroups: groups, InFlight: 3}),
		Stages: []planner.Stage{
			{ID: 0},
			{ID: 1, Source: -1, Stateful: true, Inputs: []planner.Edge{{Stage: 0}}, Sinks: []int{0}},
		},
	}
	c, err := newCore(plan, Pace{})
	if err != nil {
		b.Fatal(err)
	}
	first := started{}
	for i := range nodes {
		first.nodes = append(first.nodes, Node{Name: fmt.Sprintf("n%d", i), Slots: 1})
	}
	splits := make([]rdd.Split, 2*nodes)
	for i := range splits {
		splits[i] = rdd.Split{Partition: int32(i % 64), Rows: 1000}
	}
	events, tasks := []event{first}, 0
	b.ReportAllocs()
	for b.Loop() {
		for n := tasks; tasks < n+4000; {
			e := events[0]
			events = events[1:]
			for _, cmd := range c.step(e) {
				switch cmd := cmd.(type) {
				case saveState, restoreStates, tidyUp:
				case cutSources:
					events = append(events, sliced{[]slice{{splits: splits}}})
				case appendLog:
					events = append(events, logged{})
				case publishParts:
					events = append(events, published{batch: cmd.commit.Batch, sink: cmd.sink})
				case runTask:
					tasks++
					events = append(events, benchReceipt(cmd.task, groups, fan))
				case releaseBlocks, setAlarm, notify, cancelTask, moveState:
				case finish, abort:
					b.Fatal(cmd)
				}
			}
		}
	}
	b.ReportMetric(float64(tasks)/b.Elapsed().Seconds(), "tasks/s")
}

func benchReceipt(t work.Task, groups, fan int) event {
	r := work.Receipt{Tally: work.Tally{RowsIn: 1000}}
	if t.Stage == 0 {
		r.Times = []work.PartTime{{Max: int64(t.Batch)}}
		for i := range fan {
			r.Blocks = append(r.Blocks, rdd.Block{Batch: t.Batch, Task: t.Index, Partition: (t.Index*fan + i) % groups, Node: "n1"})
		}
	}
	return taskDone{ref: taskRef{t.Batch, t.Stage, t.Index, t.Attempt}, receipt: &r}
}
