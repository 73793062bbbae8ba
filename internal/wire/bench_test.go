package wire

import (
	"context"
	"fmt"
	"testing"

	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// BenchmarkWorkOrder is a task of 100 splits and its receipt, from call to answer over the
// loopback.
func BenchmarkWorkOrder(b *testing.B) {
	task := work.Task{Job: "j", Plan: "digest"}
	for i := range 100 {
		task.Splits = append(task.Splits, rdd.Split{Name: fmt.Sprintf("data/meter/%d.parquet", i), Rows: 1e6, Bytes: 1e7, Payload: []byte(`{"group":5,"etag":"0123456789abcdef"}`)})
	}
	receipt := work.Receipt{Tally: work.Tally{Ops: map[work.OpLabel]work.OpCount{}}}
	for i := range 8 {
		receipt.Blocks = append(receipt.Blocks, rdd.Block{Partition: i, Node: "node-1", Rows: 1e5, Bytes: 1e6})
		receipt.Tally.Ops[work.OpLabel{Op: i, Label: 1}] = work.OpCount{In: 1e6, Out: 1e5}
	}
	run := func(context.Context, RunID, work.Task) (work.Receipt, error) { return receipt, nil }
	for _, n := range []int{0, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := pair(b, ServerConfig{Executor: &node{run: run}}).Executor()
			order := task
			order.Splits = task.Splits[:n]
			for b.Loop() {
				if _, err := x.Run(b.Context(), "j/1", order); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
