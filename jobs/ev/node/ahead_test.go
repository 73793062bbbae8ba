package node_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/jobs/ev/node"
	"github.com/idag/idag/jobs/ev/state"
	"pgregory.net/rapid"
)

// level is a reading: of which series, at which second, what level; feature 1 is its
// number.
type level struct {
	series string
	second int64
	level  float64
}

// readings are the columns of readings, with a rule.
func readings(t testing.TB, list []level, minutes, points, low float64) []arrow.Array {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	names := array.NewStringBuilder(mem)
	times := array.NewTimestampBuilder(mem, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"})
	builders := []array.Builder{names, times}
	for range 12 {
		builders = append(builders, array.NewFloat64Builder(mem))
	}
	for i, r := range list {
		if r.series == "" {
			names.AppendNull()
		} else {
			names.Append(r.series)
		}
		times.Append(arrow.Timestamp(r.second * 1e6))
		for j, b := range builders[2:] {
			v := map[int]float64{0: r.level, 1: float64(i), 9: minutes, 10: points, 11: low}[j]
			b.(*array.Float64Builder).Append(v)
		}
	}
	var out []arrow.Array
	for _, b := range builders {
		out = append(out, b.NewArray())
		b.Release()
	}
	t.Cleanup(func() {
		for _, a := range out {
			a.Release()
		}
		mem.AssertSize(t, 0)
	})
	return out
}

// labelled are the numbers of the readings that are examples, with their results.
func labelled(t testing.TB, a *node.Ahead) string {
	t.Helper()
	b := array.NewBinaryBuilder(memory.NewGoAllocator(), arrow.BinaryTypes.Binary)
	defer b.Release()
	a.Result(b)
	out := b.NewBinaryArray()
	defer out.Release()
	flat, err := state.Flat(out.Value(0), 8, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for i := 0; i < len(flat); i += 9 {
		text += fmt.Sprintf("%v:%v ", flat[i], flat[i+8])
	}
	return text
}

// TestAhead: the level a minute on decides, by the last reading that is not beyond it, in the
// reading's own series; who has no minute left is no example.
func TestAhead(t *testing.T) {
	list := []level{
		{"a", 0, 80}, {"b", 30, 10}, {"a", 60, 77}, {"a", 61, 70}, {"a", 100, 70}, {"b", 95, 9}, {"", 50, 1}, {"a", 160, 70}, {"a", 59, 90},
	}
	a := new(node.Ahead)
	if err := a.Update(readings(t, list, 1, 2, 20), all(len(list))); err != nil {
		t.Fatal(err)
	}
	// 0: 80 to 77 is more than 2. 8: 90 to 70. 2: 77 to 70. 3: 70 to 70. 1: low. 4: the last is
	// a minute on. 5 and 7: nobody knows.
	if got, want := labelled(t, a), "0:1 1:1 2:1 3:0 4:0 8:1 "; got != want {
		t.Errorf("%s, expected %s", got, want)
	}
	if a.Size() < 8*40 {
		t.Errorf("%d bytes", a.Size())
	}
	if err := a.Update(readings(t, list, 1, 3, 20), all(1)); err == nil || fault.Of(err) != fault.Invalid {
		t.Errorf("two rules: %v", err)
	}
	if err := new(node.Ahead).Update(readings(t, list, -1, 3, 20), all(1)); err == nil {
		t.Error("into the past")
	}
	if err := a.Update(readings(t, list, 1, 2, 20)[:5], all(1)); err == nil {
		t.Error("five columns")
	}
	good := a.AppendState(nil)
	for cut := range good {
		// A state may end behind a series.
		if err := new(node.Ahead).Merge(good[:cut]); err != nil && fault.Of(err) != fault.Invalid {
			t.Fatalf("%d bytes: %v", cut, err)
		}
	}
	for _, bad := range [][]byte{nil, {1}, good[:len(good)-1], append([]byte{2}, good[1:]...), append(slices.Clone(good), 0xff)} {
		if err := new(node.Ahead).Merge(bad); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
}

// TestAheadIsASet: nothing depends on the order of readings, nor on parts that are merged.
func TestAheadIsASet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) level {
			return level{rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "series"), rapid.Int64Range(0, 200).Draw(t, "at"), float64(rapid.IntRange(0, 9).Draw(t, "level"))}
		}), 1, 20).Draw(rt, "list")
		in := readings(t, list, 1, 2, 3)
		whole, merged := new(node.Ahead), new(node.Ahead)
		if err := whole.Update(in, all(len(list))); err != nil {
			rt.Fatal(err)
		}
		order := rapid.Permutation(all(len(list))).Draw(rt, "order")
		cut := rapid.IntRange(0, len(order)).Draw(rt, "cut")
		for _, part := range [][]int32{order[cut:], order[:cut]} {
			slices.Sort(part)
			a := new(node.Ahead)
			if err := a.Update(in, part); err != nil {
				rt.Fatal(err)
			}
			if err := merged.Merge(a.AppendState(nil)); err != nil {
				rt.Fatal(err)
			}
		}
		if !bytes.Equal(whole.AppendState(nil), merged.AppendState(nil)) || labelled(t, whole) != labelled(t, merged) {
			rt.Fatal("the order of readings shows")
		}
	})
}

// How far ahead is looked must fit into microseconds, or another machine would find
// another result.
func TestAheadTooFar(t *testing.T) {
	for _, minutes := range []float64{-1, 1e10, 1e38} {
		if err := new(node.Ahead).Update(readings(t, []level{{series: "a", level: 50}}, minutes, 1, 1), []int32{0}); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%v minutes: %v", minutes, err)
		}
	}
	if err := new(node.Ahead).Update(readings(t, []level{{series: "a", level: 50}}, 1e9, 1, 1), []int32{0}); err != nil {
		t.Error(err)
	}
}
