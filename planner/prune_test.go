package planner_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// pruneOf compiles a job in every mode and returns what its one scan may leave
// out, which is the same in all of them.
func pruneOf(t *testing.T, job *rdd.Job) *physical.Prune {
	t.Helper()
	var first *physical.Prune
	for i, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
		scan := compile(t, job, mode).Stages[0].Root.Action.(physical.Scan)
		if i == 0 {
			first = scan.Prune
		} else if (first == nil) != (scan.Prune == nil) {
			t.Fatalf("the %s plan prunes otherwise than the I-DAG plan", mode)
		}
	}
	return first
}

func only(v string) expr.Range { return expr.Range{Min: v, Max: v} }

func between(lo, hi int64) expr.Range { return expr.Range{Min: lo, Max: hi} }

// upTo bounds a time from above.
func upTo(t int64) expr.Range { return expr.Range{Min: arrow.Timestamp(0), Max: arrow.Timestamp(t)} }

// A row group is left out only if every row of it is proven to get a label and
// then to be removed.
func TestPrune(t *testing.T) {
	low, high := between(0, 3), between(4, 9)
	byRule := rdd.Tag{Rules: []rdd.Rule{{Label: Err, When: "code > 100"}}, Otherwise: Info}
	for _, c := range []struct {
		name   string
		job    *rdd.Job
		bounds expr.Bounds
		want   bool
	}{
		{"a filter that is never true", jobOf(read().Tag(byKind()).Filter(Err, "code > 3")),
			expr.Bounds{"kind": only("error"), "code": low}, true},
		{"a filter that may be true", jobOf(read().Tag(byKind()).Filter(Err, "code > 3")),
			expr.Bounds{"kind": only("error"), "code": high}, false},
		{"a filter over a column of which nothing is known", jobOf(read().Tag(byKind()).Filter(Err, "code > 3")),
			expr.Bounds{"kind": only("error")}, false},
		{"another label", jobOf(read().Tag(byKind()).Filter(Err, "code > 3")),
			expr.Bounds{"kind": only("info"), "code": low}, false},
		{"a value that is no label: dead letters", jobOf(read().Tag(byKind()).Filter(0, "code > 3")),
			expr.Bounds{"kind": only("nonsense"), "code": low}, false},
		{"several values", jobOf(read().Tag(byKind()).Filter(0, "code > 3")),
			expr.Bounds{"kind": {Min: "error", Max: "info"}, "code": low}, false},
		{"one value and nulls", jobOf(read().Tag(byKind()).Filter(0, "code > 3")),
			expr.Bounds{"kind": {Min: "error", Max: "error", Nulls: true}, "code": low}, false},
		{"several values, and every row gets a label", jobOf(read().Tag(rdd.Tag{Column: "kind", Otherwise: Info}).Filter(0, "code > 3")),
			expr.Bounds{"kind": {Min: "a", Max: "z", Nulls: true}, "code": low}, true},
		{"a mapped value", jobOf(read().Tag(rdd.Tag{Column: "kind", Values: map[string]rdd.LabelSet{"E": Err, "I": Info}}).Filter(Err, "code > 3")),
			expr.Bounds{"kind": only("E"), "code": low}, true},
		{"rules with otherwise", jobOf(read().Tag(byRule).Filter(0, "code > 3")), expr.Bounds{"code": low}, true},
		{"rules with otherwise, one label is not filtered", jobOf(read().Tag(byRule).Filter(Err, "code > 3")),
			expr.Bounds{"code": low}, false},
		{"rules without otherwise", jobOf(read().Tag(rdd.Tag{Rules: byRule.Rules}).Filter(0, "code > 3")),
			expr.Bounds{"code": low}, false},
		{"exclusive rules", jobOf(read().Tag(rdd.Tag{Rules: byRule.Rules, Otherwise: Info, Exclusive: true}).Filter(0, "code > 3")),
			expr.Bounds{"code": low}, false},
		{"input that brings its hash", jobOf(read().Tag(rdd.Tag{Column: "kind", Identity: []string{"meter"}, HashColumn: "h"}).Filter(0, "code > 3")),
			expr.Bounds{"kind": only("error"), "code": low}, false},
		{"input that brings its sequence", jobOf(read().Tag(rdd.Tag{Column: "kind", SeqColumn: "h"}).Filter(0, "code > 3")),
			expr.Bounds{"kind": only("error"), "code": low}, false},
		{"the column is another's by then", jobOf(read().Tag(byKind()).Map(Err, "code", "code + 10").Filter(Err, "code > 3")),
			expr.Bounds{"kind": only("error"), "code": low}, false},
		{"only another label's is", jobOf(read().Tag(byKind()).Map(Info, "code", "code + 10").Filter(0, "code > 3")),
			expr.Bounds{"kind": only("error"), "code": low}, true},
		{"a map of another column", jobOf(read().Tag(byKind()).Map(Err, "wh", "wh + 1").Filter(Err, "code > 3")),
			expr.Bounds{"kind": only("error"), "code": low}, true},
		{"a flatmap of the column", jobOf(read().Tag(byKind()).FlatMap(rdd.FlatMap{Rows: [][]rdd.Assign{{{Column: "code", Expr: "code + 10"}}}}).Filter(0, "code > 3")),
			expr.Bounds{"kind": only("error"), "code": low}, false},
		{"strict before the filter", jobOf(read().Tag(byKind()).Map(0, "n", "strict(CAST(meter AS bigint))").Filter(0, "code > 3")),
			expr.Bounds{"kind": only("error"), "code": low}, false},
		{"strict behind the filter", jobOf(read().Tag(byKind()).Filter(0, "code > 3").Map(0, "n", "strict(CAST(meter AS bigint))")),
			expr.Bounds{"kind": only("error"), "code": low}, true},
		{"strict in the filter", jobOf(read().Tag(byKind()).Filter(0, "strict(code + 1) > 4")),
			expr.Bounds{"kind": only("error"), "code": low}, false},
		{"a second filter says it", jobOf(read().Tag(byKind()).Filter(0, "wh > 0").Filter(0, "code > 3")),
			expr.Bounds{"kind": only("error"), "code": low}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pruneOf(t, c.job)
			if got := p != nil && p.Skips(c.bounds); got != c.want {
				t.Errorf("the row group is left out: %t, want %t", got, c.want)
			}
		})
	}
}

// The watermark counts rows that are left out, so their latest time must be
// known.
func TestPruneKnowsTheTime(t *testing.T) {
	tag := rdd.Tag{Column: "kind", Time: "ts"}
	p := pruneOf(t, jobOf(read().Tag(tag).Filter(0, "code > 3")))
	gone := expr.Bounds{"kind": only("error"), "code": between(0, 3)}
	if p.Skips(gone) {
		t.Error("rows of unknown time are left out")
	}
	gone["ts"] = upTo(77)
	if latest, ok := p.LatestTime(gone); !p.Skips(gone) || !ok || latest != 77 {
		t.Errorf("left out: %t, latest time %d (%t)", p.Skips(gone), latest, ok)
	}
	gone["ts"] = expr.Range{AllNull: true, Nulls: true}
	if p.Skips(gone) {
		t.Error("rows without a time are left out")
	}
	// A computed time is only known from the row.
	tag.Time = "ts + INTERVAL '1 hour'"
	if p := pruneOf(t, jobOf(read().Tag(tag).Filter(0, "code > 3"))); p != nil {
		t.Error("rows of a computed time may be left out")
	}
}

// A window dead-letters late rows and those without a time, so it must see the
// rows that a filter behind it would remove; before it they may go.
func TestPruneStopsAtWindows(t *testing.T) {
	window := rdd.Tumbling("ts", 60e9)
	gone := expr.Bounds{"kind": only("error"), "code": between(0, 3), "ts": upTo(77)}
	if p := pruneOf(t, jobOf(read().Tag(byKind()).Window(window).Filter(0, "code > 3"))); p != nil && p.Skips(gone) {
		t.Error("the window does not see all its rows")
	}
	if p := pruneOf(t, jobOf(read().Tag(byKind()).Filter(0, "code > 3").Window(window))); p == nil || !p.Skips(gone) {
		t.Error("a filter before the window removes nothing")
	}
}

// A row is removed only if it is on every way that it takes.
func TestPruneOfSeveralWays(t *testing.T) {
	ev := read().Tag(byKind())
	high, big := ev.Filter(0, "code > 3"), ev.Filter(0, "wh > 100")
	p := pruneOf(t, jobOf(high, big))
	b := expr.Bounds{"kind": only("error"), "code": between(0, 3), "wh": {Min: 0.0, Max: 200.0}}
	if p.Skips(b) {
		t.Error("a row that one way may keep is left out")
	}
	b["wh"] = expr.Range{Min: 0.0, Max: 50.0}
	if !p.Skips(b) {
		t.Error("rows that no way keeps are read")
	}
	if p := pruneOf(t, jobOf(high, ev)); p != nil && p.Skips(b) {
		t.Error("a way without a filter keeps every row")
	}
	if p := pruneOf(t, jobOf(high.Union(ev.Filter(0, "code > 5")))); p == nil || !p.Skips(b) {
		t.Error("a union of two filtered ways keeps rows that neither does")
	}
}

// Rows of a label that is written nowhere need no filter to be left out.
func TestPruneOfUnwrittenLabels(t *testing.T) {
	job := rdd.NewJob("j", labels(), read().Tag(byKind()).Write(rdd.Write{From: Info, Connector: "console"}))
	p := pruneOf(t, job)
	if !p.Skips(expr.Bounds{"kind": only("error")}) {
		t.Error("a row group of a label that is written nowhere is read")
	}
	if p.Skips(expr.Bounds{"kind": only("info")}) || p.Skips(nil) {
		t.Error("rows that are written are left out")
	}
}
