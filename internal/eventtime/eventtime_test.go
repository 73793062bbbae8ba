package eventtime_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/idag/idag/internal/eventtime"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// split of source 0; times are unknown where high < low.
func split(part int32, low, high int64) rdd.Split {
	return rdd.Split{Partition: part, Times: rdd.TimeRange{Known: low <= high, Min: low, Max: high}}
}

func unknown(part int32) rdd.Split { return split(part, 1, 0) }

func last(s rdd.Split) rdd.Split {
	s.Last = true
	return s
}

func at(part int32) eventtime.Part { return eventtime.Part{Partition: part} }

// The engine's two names for "no time yet" are one value.
func TestNoneIsNoTime(t *testing.T) {
	if eventtime.None != work.NoTime {
		t.Fatal(int64(eventtime.None), int64(work.NoTime))
	}
}

func TestTracker(t *testing.T) {
	const none = eventtime.None
	cut := func(s ...rdd.Split) func(*eventtime.Tracker) { return func(t *eventtime.Tracker) { t.Cut(s) } }
	read := func(largest int64, s rdd.Split) func(*eventtime.Tracker) {
		return func(t *eventtime.Tracker) {
			t.Seen(eventtime.Part{Source: s.Source, Partition: s.Partition}, largest)
			t.Read([]eventtime.Part{{Source: s.Source, Partition: s.Partition}})
		}
	}
	for _, c := range []struct {
		name  string
		steps []func(*eventtime.Tracker)
		want  int64
	}{
		{"nothing is known", nil, none},
		{"cut, and nothing known of it", []func(*eventtime.Tracker){cut(unknown(0))}, none},
		{"a floor is known before anything is read", []func(*eventtime.Tracker){cut(split(0, 10, 90))}, 10},
		{"an unknown partition holds everything before the first is read",
			[]func(*eventtime.Tracker){cut(split(0, 10, 90), unknown(1))}, none},
		{"and nothing after that",
			[]func(*eventtime.Tracker){cut(unknown(0), unknown(1)), read(50, unknown(0))}, 50},
		{"the largest time read", []func(*eventtime.Tracker){cut(unknown(0), unknown(0)), read(50, unknown(0)), read(40, unknown(0))}, 50},
		{"the minimum over partitions",
			[]func(*eventtime.Tracker){cut(unknown(0), unknown(1)), read(50, unknown(0)), read(20, unknown(1))}, 20},
		{"a partition not begun holds it at its floor",
			[]func(*eventtime.Tracker){cut(unknown(0)), read(50, unknown(0)), cut(split(1, 30, 60))}, 30},
		{"so does an unread split of one that has begun",
			[]func(*eventtime.Tracker){cut(unknown(0)), read(50, unknown(0)), cut(split(0, 45, 60))}, 45},
		{"until it is read",
			[]func(*eventtime.Tracker){cut(unknown(0)), read(50, unknown(0)), cut(split(0, 45, 60)), read(60, split(0, 45, 60))}, 60},
		{"a partition that ended stops counting",
			[]func(*eventtime.Tracker){cut(last(unknown(0)), unknown(1)), read(20, last(unknown(0))), read(70, unknown(1))}, 70},
		{"but not before its last split is read",
			[]func(*eventtime.Tracker){cut(unknown(0), unknown(1)), read(20, unknown(0)), read(70, unknown(1)), cut(last(unknown(0)))}, 20},
		{"a source that ended, too",
			[]func(*eventtime.Tracker){cut(unknown(0), rdd.Split{Source: 1}), read(20, unknown(0)), read(70, rdd.Split{Source: 1}),
				func(t *eventtime.Tracker) { t.End(0) }}, 70},
		{"a source that ended with a split unread",
			[]func(*eventtime.Tracker){cut(unknown(0), unknown(0), rdd.Split{Source: 1}), read(20, unknown(0)), read(70, rdd.Split{Source: 1}),
				func(t *eventtime.Tracker) { t.End(0) }}, 20},
		{"an idle partition does not hold it",
			[]func(*eventtime.Tracker){cut(unknown(0), unknown(1)), read(20, unknown(0)), read(70, unknown(1)),
				func(t *eventtime.Tracker) { t.Idle([]eventtime.Part{at(0)}) }}, 70},
		{"one with unread splits is not idle",
			[]func(*eventtime.Tracker){cut(unknown(0), unknown(1), unknown(0)), read(20, unknown(0)), read(70, unknown(1)),
				func(t *eventtime.Tracker) { t.Idle([]eventtime.Part{at(0)}) }}, 20},
		{"with all idle it stays",
			[]func(*eventtime.Tracker){cut(unknown(0)), read(20, unknown(0)), func(t *eventtime.Tracker) { t.Advance(); t.Idle([]eventtime.Part{at(0)}) }}, 20},
		{"negative times are times",
			[]func(*eventtime.Tracker){cut(unknown(0), unknown(1)), read(-5, unknown(0)), read(-9, unknown(1))}, -9},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tr eventtime.Tracker
			for _, step := range c.steps {
				step(&tr)
			}
			if got := tr.Advance(); got != c.want || tr.Watermark() != got {
				t.Fatalf("watermark %d, %d; want %d", got, tr.Watermark(), c.want)
			}
		})
	}
}

// A clone and its original go their own ways.
func TestClone(t *testing.T) {
	var a eventtime.Tracker
	a.Cut([]rdd.Split{split(0, 10, 20), split(0, 15, 30)})
	a.End(1)
	b := a.Clone()
	b.Seen(at(0), 30)
	b.Read([]eventtime.Part{at(0), at(0)})
	b.Cut([]rdd.Split{split(1, 40, 50)})
	if got := fmt.Sprint(a.Advance(), b.Advance(), a.Parts(0), b.Parts(0)); got != "10 30 [{0 0}] [{0 0} {0 1}]" {
		t.Fatal(got)
	}
}

// The watermark never goes back, and where a source cuts its splits in order of
// their smallest time, and knows it, no row it will ever give lies before it.
func TestNothingIsLateFromAnOrderedSource(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var splits []rdd.Split
		for range rapid.IntRange(1, 30).Draw(t, "splits") {
			low := rapid.Int64Range(-100, 100).Draw(t, "min")
			splits = append(splits, split(rapid.Int32Range(0, 4).Draw(t, "partition"), low, low+rapid.Int64Range(0, 80).Draw(t, "span")))
		}
		slices.SortStableFunc(splits, func(a, b rdd.Split) int { return int(a.Times.Min - b.Times.Min) })
		lag := rapid.IntRange(1, 4).Draw(t, "lag")
		var tr eventtime.Tracker
		mark := int64(eventtime.None)
		for i := range splits {
			if splits[i].Times.Min < mark {
				t.Fatalf("split %d begins at %d, behind the watermark %d", i, splits[i].Times.Min, mark)
			}
			if i >= lag {
				s := splits[i-lag]
				tr.Seen(at(s.Partition), s.Times.Max)
				tr.Read([]eventtime.Part{at(s.Partition)})
			}
			tr.Cut(splits[i : i+1])
			next := tr.Advance()
			if next < mark {
				t.Fatalf("the watermark goes back from %d to %d", mark, next)
			}
			mark = next
		}
	})
}
