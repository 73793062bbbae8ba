package work_test

import (
	"encoding/json"
	"math/big"
	"reflect"
	"testing"

	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/locator"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"pgregory.net/rapid"
)

func drawTally(t *rapid.T) work.Tally {
	n := rapid.Int64Range(0, 1000)
	out := work.Tally{RowsIn: n.Draw(t, "in"), Tagged: n.Draw(t, "tagged"), Pruned: n.Draw(t, "pruned"), RowsOut: n.Draw(t, "out"),
		DeadLetters: n.Draw(t, "dead"), Late: n.Draw(t, "late"), BytesRead: n.Draw(t, "bytes"), RowsMerged: n.Draw(t, "merged"),
		Checksum: [2]uint64{rapid.Uint64().Draw(t, "high"), rapid.Uint64().Draw(t, "low")}}
	out.Labelling.Tag = 3
	if rapid.Bool().Draw(t, "with operations") {
		k := rapid.IntRange(0, 2)
		out.Ops = map[work.OpLabel]work.OpCount{{Op: k.Draw(t, "op"), Label: k.Draw(t, "label")}: {In: n.Draw(t, "op in"), Out: n.Draw(t, "op out"), Nulled: n.Draw(t, "nulled")}}
		out.Bypassed = map[physical.Bypass]int64{{Op: k.Draw(t, "by op"), Reason: bypass.Label}: n.Draw(t, "bypassed")}
		out.Routes = map[int]locator.Seen{k.Draw(t, "route"): {Rows: n.Draw(t, "route rows"), Time: 5, At: rapid.Uint64().Draw(t, "entered at")}}
		out.Dead = map[work.Death]int64{{Op: k.Draw(t, "dead op"), Reason: work.LateRow}: n.Draw(t, "dead rows")}
	}
	return out
}

func sum(list ...work.Tally) work.Tally {
	var out work.Tally
	for _, t := range list {
		out.Add(t)
	}
	return out
}

// TestTalliesAddUp: tallies may be added in any order and grouping, as the
// receipts of tasks come; checksums are numbers modulo 2^128.
func TestTalliesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawTally(t), drawTally(t), drawTally(t)
		left, right := sum(a, b, c), sum(c, sum(b, a))
		if !reflect.DeepEqual(left, right) {
			t.Fatalf("%+v\n%+v", left, right)
		}
		want := new(big.Int)
		for _, x := range []work.Tally{a, b, c} {
			v := new(big.Int).SetUint64(x.Checksum[0])
			want.Add(want, v.Add(v.Lsh(v, 64), new(big.Int).SetUint64(x.Checksum[1])))
		}
		want.And(want, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1)))
		got := new(big.Int).SetUint64(left.Checksum[0])
		got.Add(got.Lsh(got, 64), new(big.Int).SetUint64(left.Checksum[1]))
		if got.Cmp(want) != 0 {
			t.Fatalf("checksum %x, want %x", got, want)
		}
	})
}

// TestTalliesSurviveJSON: what a receipt counts is whole when it comes out of a
// ledger or off a wire.
func TestTalliesSurviveJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawTally(t)
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out work.Tally
		if err := json.Unmarshal(text, &out); err != nil || !reflect.DeepEqual(in, out) {
			t.Fatalf("%+v became %+v by %s (%v)", in, out, text, err)
		}
	})
}

// TestAddLeavesItsArgument: a receipt that is added stays what it was.
func TestAddLeavesItsArgument(t *testing.T) {
	one := work.Tally{Ops: map[work.OpLabel]work.OpCount{{Op: 1}: {In: 1}}}
	var total work.Tally
	total.Add(one)
	total.Add(one)
	if one.Ops[work.OpLabel{Op: 1}].In != 1 || total.Ops[work.OpLabel{Op: 1}].In != 2 {
		t.Errorf("one %+v, total %+v", one, total)
	}
}

// TestTaskSurvivesJSON: a work order is whole when it comes off a wire.
func TestTaskSurvivesJSON(t *testing.T) {
	in := work.Task{Job: "j", Plan: "d", Batch: 3, Stage: 1, Index: 2, Attempt: 1,
		Marks: work.Marks{Closed: work.NoTime, Watermark: 5, Final: true, Now: 7}}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out work.Task
	if err := json.Unmarshal(text, &out); err != nil || !reflect.DeepEqual(in, out) {
		t.Errorf("%s became %+v (%v)", text, out, err)
	}
}
