package twin

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
)

// Labels of the jobs below.
const (
	labE rdd.LabelSet = 1 << iota
	labB
	labI
	labR
)

const minute = 60_000_000

func labels() []string { return []string{"E", "B", "I", "R"} }

func testSchema() *arrow.Schema {
	us := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	return arrow.NewSchema([]arrow.Field{
		{Name: "kind", Type: arrow.BinaryTypes.String}, {Name: "t", Type: us}, {Name: "i", Type: arrow.PrimitiveTypes.Int64},
		{Name: "f", Type: arrow.PrimitiveTypes.Float64}, {Name: "s", Type: arrow.BinaryTypes.String},
		{Name: "h", Type: arrow.PrimitiveTypes.Int64}, {Name: "q", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
}

func read() *rdd.Dataset {
	return rdd.Extend(rdd.Read{Connector: "memory", Schema: testSchema()}, rdd.Pos{}, nil)
}

func events() *rdd.Dataset { return read().Tag(rdd.Tag{Column: "kind"}) }

// in is an event: kind, minutes of event time since the epoch, i.
func in(seq int64, kind string, at any, i any, more ...any) InRow {
	v := map[string]any{"kind": kind, "i": i}
	if m, ok := at.(int); ok {
		v["t"] = arrow.Timestamp(m * minute)
	}
	for k := 0; k+1 < len(more); k += 2 {
		v[more[k].(string)] = more[k+1]
	}
	return InRow{Seq: seq, Values: v}
}

func batch(rows ...InRow) Batch {
	return Batch{Closed: noTime, Watermark: noTime, Rows: map[int][]InRow{0: rows}}
}

func final(rows ...InRow) Batch {
	b := batch(rows...)
	b.Final = true
	return b
}

// check runs the datasets, each written without kind and t, and compares rows
// and dead letters.
func check(t *testing.T, batches []Batch, want string, lateness time.Duration, sets ...*rdd.Dataset) {
	t.Helper()
	var sinks []*rdd.Dataset
	for _, d := range sets {
		if _, ok := d.Op().(rdd.Write); !ok {
			d = d.Drop(0, "kind", "t").Write(rdd.Write{})
		}
		sinks = append(sinks, d)
	}
	job := rdd.NewJob("test", labels(), sinks...).With(rdd.Settings{Lateness: lateness})
	r, err := Run(job, batches, func(_ []arrow.DataType, identity []any) uint64 { return uint64(identity[0].(int64)) * 10 })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, rows := range r.Sinks {
		for _, row := range rows {
			got = append(got, fmt.Sprintf("%d %v", i, row))
		}
	}
	for _, d := range r.Dead {
		got = append(got, "dead "+d.String())
	}
	lines := strings.FieldsFunc(want, func(c rune) bool { return c == '\n' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	lines = slices.DeleteFunc(lines, func(s string) bool { return s == "" })
	slices.Sort(got)
	slices.Sort(lines)
	if !slices.Equal(got, lines) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}

func TestTag(t *testing.T) {
	three := batch(in(0, "E", 0, int64(1)), in(1, "x", 0, int64(2)), in(2, "B", 0, nil), InRow{Seq: 3, Values: map[string]any{}})
	t.Run("names", func(t *testing.T) {
		check(t, []Batch{three}, `
			0 E{i=1}
			0 B{}
			dead abnormal tag at tag, of source 0/0 event 1.0
			dead abnormal tag at tag, of source 0/0 event 3.0`, 0, events())
	})
	t.Run("values replace names", func(t *testing.T) {
		tag := rdd.Tag{Column: "kind", Values: map[string]rdd.LabelSet{"x": labI, "E": labE}, Otherwise: labB}
		check(t, []Batch{three}, "0 E{i=1}\n0 I{i=2}\n0 B{}\n0 B{}", 0, read().Tag(tag))
	})
	rules := []rdd.Rule{{Label: labE, When: "i < 3"}, {Label: labB, When: "i > 1"}, {Label: labI, When: "i > 8"}}
	four := batch(in(0, "", 0, int64(1)), in(1, "", 0, int64(2)), in(2, "", 0, int64(3)), in(3, "", 0, nil))
	t.Run("the first rule that is true", func(t *testing.T) {
		check(t, []Batch{four}, "0 E{i=1}\n0 E{i=2}\n0 B{i=3}\ndead abnormal tag at tag, of source 0/0 event 3.0", 0,
			read().Tag(rdd.Tag{Rules: rules}))
	})
	t.Run("exclusive rules", func(t *testing.T) {
		check(t, []Batch{four}, "0 E{i=1}\n0 B{i=3}\n0 I{}\ndead abnormal tag at tag, of source 0/0 event 1.0", 0,
			read().Tag(rdd.Tag{Rules: rules, Exclusive: true, Otherwise: labI}))
	})
	t.Run("tags that come with the input", func(t *testing.T) {
		check(t, []Batch{batch(
			in(0, "E", 0, int64(1), "h", int64(10), "q", int64(0)),
			in(1, "E", 0, int64(1), "h", int64(11), "q", int64(1)),
			in(2, "E", 0, int64(1), "h", nil, "q", int64(2)),
			in(3, "E", 0, int64(1), "h", int64(10)),
			in(4, "x", 0, int64(1)))}, `
			0 E{_hash=10, _label="E", _partition=0, _seq=0, _time=1970-01-01T00:01:00Z}
			dead inaccurate tag at tag, of source 0/0 event 1.0
			dead partial release at tag, of source 0/0 event 2.0
			dead partial release at tag, of source 0/0 event 3.0
			dead abnormal tag at tag, of source 0/0 event 4.0`, 0,
			read().Tag(rdd.Tag{Column: "kind", Identity: []string{"i"}, HashColumn: "h", SeqColumn: "q", Time: "t + INTERVAL '1 minute'"}).
				Write(rdd.Write{Columns: []string{"_hash", "_label", "_partition", "_seq", "_time"}}))
	})
}

func TestRowWise(t *testing.T) {
	rows := batch(in(0, "E", 0, int64(1)), in(1, "B", 0, int64(2)), in(2, "I", 0, nil))
	t.Run("map sees its input", func(t *testing.T) {
		check(t, []Batch{rows}, "0 E{i=2, j=1}\n0 B{i=3, j=2}\n0 I{}", 0, events().Map(labE|labB, "i", "i + 1", "j", "i"))
	})
	t.Run("map drops", func(t *testing.T) {
		d := rdd.Extend(rdd.Map{Set: []rdd.Assign{{Column: "j", Expr: "i"}}, Drop: []string{"i"}}, rdd.Pos{}, nil, events())
		check(t, []Batch{rows}, "0 E{j=1}\n0 B{j=2}\n0 I{}", 0, d)
	})
	t.Run("filter keeps what is true", func(t *testing.T) {
		check(t, []Batch{rows}, "0 B{i=2}", 0, events().Filter(0, "i > 1"))
	})
	t.Run("others pass a filter", func(t *testing.T) {
		check(t, []Batch{rows}, "0 E{i=1}\n0 I{}", 0, events().Filter(labB, "i > 9"))
	})
	t.Run("strict", func(t *testing.T) {
		check(t, []Batch{rows}, "0 E{i=1, j=1}\n0 I{}\ndead strict at map, of source 0/0 event 1.0", 0,
			events().Map(0, "j", "strict(1 div (i - 2)) + 2"))
	})
	t.Run("failure", func(t *testing.T) {
		check(t, []Batch{rows}, "0 E{i=1, j=-1}\n0 B{i=2}\n0 I{}", 0, events().Map(0, "j", "1 div (i - 2)"))
	})
	t.Run("flatmap numbers the children", func(t *testing.T) {
		twice := rdd.FlatMap{For: labB, Rows: [][]rdd.Assign{{{Column: "p", Expr: "1"}}, {{Column: "p", Expr: "i + 1"}}}}
		check(t, []Batch{rows}, `
			0 E{i=1}
			0 I{}
			0 B{i=2, p=1, q=0}
			0 B{i=2, p=1, q=0}
			dead strict at map, of source 0/0 event 1.1
			dead strict at map, of source 0/0 event 1.3`, 0,
			events().FlatMap(twice).FlatMap(twice).Map(labB, "q", "strict(1 div (p - 3))"))
	})
}

func TestNow(t *testing.T) {
	b := batch(in(0, "E", 0, nil))
	b.Now = 5 * minute
	check(t, []Batch{b}, "0 E{n=1970-01-01T00:05:00Z}", 0, events().Map(0, "n", "now()"))
}

func TestWindow(t *testing.T) {
	size := 10 * time.Minute
	rows := []InRow{in(0, "E", 9, nil), in(1, "E", 10, nil), in(2, "E", -1, nil), in(3, "E", nil, nil), in(4, "B", 0, int64(1))}
	t.Run("aligned to the epoch, before it too", func(t *testing.T) {
		check(t, []Batch{batch(rows...)}, `
			0 E{window_end=1970-01-01T00:10:00Z, window_start=1970-01-01T00:00:00Z}
			0 E{window_end=1970-01-01T00:20:00Z, window_start=1970-01-01T00:10:00Z}
			0 E{window_end=1970-01-01T00:00:00Z, window_start=1969-12-31T23:50:00Z}
			0 B{i=1}
			dead no event time at window, of source 0/0 event 3.0`, 0,
			events().Window(rdd.Window{For: labE, Time: "t", Size: size}))
	})
	t.Run("late by the watermark of the batch before", func(t *testing.T) {
		b := batch(rows[:3]...)
		b.Closed, b.Watermark = 12*minute, 90*minute
		check(t, []Batch{b}, `
			0 E{window_end=1970-01-01T00:10:00Z, window_start=1970-01-01T00:00:00Z}
			0 E{window_end=1970-01-01T00:20:00Z, window_start=1970-01-01T00:10:00Z}
			dead late at window, of source 0/0 event 2.0`, 3*time.Minute, events().Window(rdd.Tumbling("t", size)))
		b.Closed = 13 * minute // 10 + 3: the window has left
		check(t, []Batch{b}, `
			0 E{window_end=1970-01-01T00:20:00Z, window_start=1970-01-01T00:10:00Z}
			dead late at window, of source 0/0 event 0.0
			dead late at window, of source 0/0 event 2.0`, 3*time.Minute, events().Window(rdd.Tumbling("t", size)))
	})
	t.Run("without for, of the labels that have the column", func(t *testing.T) {
		check(t, []Batch{batch(rows[4])}, "0 B{i=1}", 0,
			events().Drop(labB, "t").Window(rdd.Tumbling("t", size)).Drop(labE|labI, "t").Drop(0, "kind").Write(rdd.Write{}))
	})
}

func get(pairs ...string) (out []rdd.Assign) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, rdd.Assign{Column: pairs[i], Expr: pairs[i+1]})
	}
	return out
}

func write(d *rdd.Dataset, from rdd.LabelSet) *rdd.Dataset { return d.Write(rdd.Write{From: from}) }

func TestReduce(t *testing.T) {
	t.Run("groups and aggregates", func(t *testing.T) {
		rows := final(in(0, "E", 3, int64(1), "f", 1.5, "s", "b"), in(1, "B", 1, int64(3), "f", math.Inf(1), "s", "a"),
			in(2, "E", 2, nil, "f", 0.5), in(3, "I", 0, int64(9)))
		ev := read().Tag(rdd.Tag{Column: "kind", Time: "t"})
		check(t, []Batch{rows}, `
			0 R{avg=2.0, b=3, c=2, d=2, f="a", m=0.5, min="a", n=3, sd=1.4142135623730951, x=4}
			1 I{i=9}`, 0,
			write(ev.Reduce(rdd.Reduce{From: labE | labB, As: labR, Get: get("n", "count()", "c", "count(i)", "x", "sum(i)",
				"avg", "avg(i)", "m", "min(f)", "min", "min(s)", "b", "max(i)", "sd", "stddev(i)", "f", "first(s)", "l", "last(if(i = 1, NULL, s))", "d", "count(distinct s)")}), labR),
			ev.Reduce(rdd.Reduce{From: labE | labB, As: labR, Get: get("n", "count()")}).Drop(labI, "kind", "t").Write(rdd.Write{From: labI}))
	})
	t.Run("null, NaN and zero are one key each", func(t *testing.T) {
		rows := final(in(0, "E", 0, nil), in(1, "E", 0, nil), in(2, "E", 0, nil, "f", math.NaN()), in(3, "E", 0, nil, "f", -math.NaN()),
			in(4, "E", 0, nil, "f", 0.0), in(5, "E", 0, nil, "f", math.Copysign(0, -1)))
		check(t, []Batch{rows}, "0 R{n=2}\n0 R{f=NaN, n=2}\n0 R{f=0.0, n=2}", 0,
			write(events().Reduce(rdd.Reduce{As: labR, By: []string{"f"}, Get: get("n", "count()")}), 0))
	})
	t.Run("sums overflow at the end only", func(t *testing.T) {
		rows := final(in(0, "E", 0, int64(math.MaxInt64)), in(1, "E", 0, int64(1)), in(2, "E", 0, int64(-1)), in(3, "B", 0, int64(math.MaxInt64)), in(4, "B", 0, int64(1)))
		check(t, []Batch{rows}, `0 R{k="E", s=9223372036854775807}`+"\n"+`0 R{k="B"}`, 0,
			write(events().Map(0, "k", "_label").Reduce(rdd.Reduce{As: labR, By: []string{"k"}, Get: get("s", "sum(i)")}), 0))
	})
	t.Run("float sums are exact", func(t *testing.T) {
		rows := final(in(0, "E", 0, nil, "f", 1e16), in(1, "E", 0, nil, "f", 1.0), in(2, "E", 0, nil, "f", -1e16))
		check(t, []Batch{rows}, "0 R{s=1.0}", 0, write(events().Reduce(rdd.Reduce{As: labR, Get: get("s", "sum(f)")}), 0))
		rows.Rows[0] = append(rows.Rows[0], in(3, "E", 0, nil, "f", math.Inf(1)))
		check(t, []Batch{rows}, "0 R{s=+Inf}", 0, write(events().Reduce(rdd.Reduce{As: labR, Get: get("s", "sum(f)")}), 0))
		rows.Rows[0] = append(rows.Rows[0], in(4, "E", 0, nil, "f", math.Inf(-1)))
		check(t, []Batch{rows}, "0 R{s=NaN}", 0, write(events().Reduce(rdd.Reduce{As: labR, Get: get("s", "sum(f)")}), 0))
	})
	t.Run("of nothing", func(t *testing.T) {
		counts := get("n", "count()", "s", "sum(i)", "l", "last(i)", "sd", "stddev(i)")
		check(t, []Batch{batch(), final()}, "0 R{n=0}", 0,
			write(events().Reduce(rdd.Reduce{As: labR, Get: counts}), 0),
			write(events().Reduce(rdd.Reduce{As: labR, By: []string{"i"}, Get: counts}), 0))
	})
	t.Run("first and last", func(t *testing.T) {
		rows := []InRow{in(0, "E", nil, int64(1)), in(1, "E", 5, int64(2)), in(2, "E", 4, nil), in(3, "E", 5, int64(4))}
		reduce := rdd.Reduce{As: labR, Get: get("f", "first(_seq)", "l", "last(_seq)", "v", "first(i)")}
		timed := read().Tag(rdd.Tag{Column: "kind", Time: "t"})
		check(t, []Batch{final(rows...)}, "0 R{f=2, l=3}", 0, write(timed.Reduce(reduce), 0))
		check(t, []Batch{final(rows[0])}, "0 R{f=0, l=0, v=1}", 0, write(timed.Reduce(reduce), 0))
	})
}

func TestReduceByWindow(t *testing.T) {
	perWindow := events().Window(rdd.Tumbling("t", 10*time.Minute)).
		Reduce(rdd.Reduce{From: labE, As: labR, By: []string{rdd.WindowStart}, Get: get("n", "count()")})
	b1 := batch(in(0, "E", 1, nil), in(1, "E", 11, nil))
	b1.Watermark = 12 * minute
	b2 := batch(in(2, "E", 12, nil), in(3, "E", 9, nil), in(4, "E", 2, nil))
	b2.Closed, b2.Watermark = 12*minute, 15*minute
	first := "0 R{n=3, window_start=1970-01-01T00:00:00Z}"
	t.Run("leaves with lateness", func(t *testing.T) {
		check(t, []Batch{b1}, "", 5*time.Minute, write(perWindow, 0))
		check(t, []Batch{b1, b2}, first, 5*time.Minute, write(perWindow, 0))
	})
	t.Run("leaves at the end", func(t *testing.T) {
		b2 := b2
		b2.Final = true
		check(t, []Batch{b1, b2}, first+"\n0 R{n=2, window_start=1970-01-01T00:10:00Z}", 5*time.Minute, write(perWindow, 0))
	})
	t.Run("a second reduce goes in the same batch", func(t *testing.T) {
		again := perWindow.Reduce(rdd.Reduce{From: labR, As: labI, By: []string{rdd.WindowStart}, Get: get("m", "max(n)")})
		check(t, []Batch{b1, b2}, "0 I{m=3, window_start=1970-01-01T00:00:00Z}", 5*time.Minute, write(again, labI))
	})
}

func TestUnionAndWrite(t *testing.T) {
	rows := batch(in(0, "E", 0, int64(1)), in(1, "B", 0, int64(2)))
	ev := events()
	both := ev.Filter(0, "i = 1").Union(ev.Map(0, "j", "i").Shuffle(rdd.Shuffle{Keys: []string{"j"}}))
	check(t, []Batch{rows}, "0 E{i=1}\n0 E{i=1, j=1}\n0 B{i=2, j=2}", 0, both)
	check(t, []Batch{rows}, "0 B{_seq=1, i=2}", 0, ev.Write(rdd.Write{From: labB, Columns: []string{"_seq", "i", "f"}}))
}

func TestCompare(t *testing.T) {
	row := func(i any, z float64) Row { return Row{Label: "E", Values: map[string]any{"i": i, "z": z, "n": nil}} }
	want := &Result{Sinks: [][]Row{{row(0.0, 1), row(math.NaN(), 2), row(int64(1), 3), row(int64(1), 4)}},
		Dead: []Dead{{Reason: "late", Source: -1, Seq: 3}}, Loose: map[string]bool{"z": true}}
	same := &Result{Sinks: [][]Row{{row(int64(1), 4), row(math.Copysign(0, -1), 1+1e-12), row(-math.NaN(), 2), row(int64(1), 3)}},
		Dead: []Dead{{Reason: "late", Source: -1}}}
	if err := Compare(same, want); err != nil {
		t.Errorf("equal results differ: %v", err)
	}
	other := &Result{Sinks: [][]Row{{row(int64(1), 4), row(0.0, 1), row(1.0, 3), row(math.NaN(), 2), row(int64(1), 4)}}}
	const diff = `sink 0: got 5 rows, want 4 (- missing, + unexpected)
  + E{i=1, z=4.0}
  - E{i=1, z=3.0}
  + E{i=1.0, z=3.0}
dead letters: got 0 rows, want 1 (- missing, + unexpected)
  - late at , of a group`
	if err := Compare(other, want); err == nil || !sameLines(err.Error(), diff) {
		t.Errorf("got\n%v\nwant\n%s", err, diff)
	}
	if err := Compare(&Result{}, want); err == nil {
		t.Error("a missing sink is not missed")
	}
}

func sameLines(a, b string) bool {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// TestBadJobs proves that what the twin cannot run is an error.
func TestBadJobs(t *testing.T) {
	for _, d := range []*rdd.Dataset{
		events().Filter(0, "i >"), events().Map(0, "x", "nothere + 1"), events().Map(0, "x", "sin(f)"),
		events().Reduce(rdd.Reduce{As: labR, Get: get("x", "i + 1")}), events().Reduce(rdd.Reduce{As: labR, Get: get("x", "median(i)")}),
		events().Reduce(rdd.Reduce{As: labR, Get: get("x", "sum(strict(1 div 0))")}),
	} {
		job := rdd.NewJob("bad", labels(), d.Write(rdd.Write{}))
		if _, err := Run(job, []Batch{final(in(0, "E", 0, int64(1)))}, nil); err == nil {
			t.Errorf("%+v: no error", d.Op())
		}
	}
}
