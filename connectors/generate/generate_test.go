package generate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func columns() []string {
	return []string{"ts", "meter", "feeder", "kind", "wh", "back", "mv", "ma", "code", "firmware"}
}

func open(t testing.TB, mem memory.Allocator, o rdd.Options) connectors.Source {
	t.Helper()
	s, err := connectors.NewRegistry(generate.Kind()).Source(context.Background(), rdd.From("generate", o), connectors.Env{Mem: mem, Time: "ts"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// cuts returns all splits, cut by a wish.
func cuts(t testing.TB, s connectors.Source, wish int64) []rdd.Split {
	t.Helper()
	var out []rdd.Split
	for at := rdd.Offset(""); ; {
		splits, next, err := s.Cut(context.Background(), at, rdd.Size{Rows: wish})
		out, at = append(out, splits...), next
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// rows reads splits as text, by partition and sequence.
func rows(t testing.TB, s connectors.Source, mem memory.Allocator, splits []rdd.Split, frame int) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, split := range splits {
		for f, err := range s.Read(context.Background(), split, rdd.Projection{Columns: columns(), Rows: frame, Mem: mem}) {
			if err != nil {
				t.Fatal(err)
			}
			for i := range int(f.Batch.NumRows()) {
				var b strings.Builder
				for _, c := range f.Batch.Columns() {
					b.WriteString(c.ValueStr(i) + " ")
				}
				out[fmt.Sprintf("%d/%d", f.Header.Origin.Partition, f.Header.Origin.Seq(i))] = b.String()
			}
		}
	}
	return out
}

// TestRowsDoNotDependOnTheCut proves that the same options make the same rows
// whatever the sizes of batches, splits and frames, with no byte left behind.
func TestRowsDoNotDependOnTheCut(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	o := rdd.Options{"rows": 2003, "partitions": 3, "meters": 50, "disorder": "1 minute", "dirt": 0.01}
	s := open(t, mem, o)
	defer func() { _ = s.Close() }()
	want := rows(t, s, mem, cuts(t, s, 0), 1<<20)
	if len(want) != 2003 {
		t.Fatalf("%d rows", len(want))
	}
	rapid.Check(t, func(rt *rapid.T) {
		again := open(t, mem, o)
		defer func() { _ = again.Close() }()
		// The rows of one random piece of one partition, made alone.
		p := rapid.Int32Range(0, 2).Draw(rt, "partition")
		first := rapid.Int64Range(0, 660).Draw(rt, "first")
		piece := rdd.Split{Partition: p, First: first, Rows: rapid.Int64Range(0, 667-first).Draw(rt, "rows")}
		for at, row := range rows(t, again, mem, []rdd.Split{piece}, rapid.IntRange(1, 700).Draw(rt, "frame")) {
			if want[at] != row {
				rt.Fatalf("row %s is %s, want %s", at, row, want[at])
			}
		}
	})
	if got := rows(t, s, mem, cuts(t, s, 100), 7); !reflect.DeepEqual(got, want) {
		t.Error("other rows in cuts of 100 and frames of 7")
	}
	o["seed"] = 2
	other := open(t, mem, o)
	defer func() { _ = other.Close() }()
	if reflect.DeepEqual(rows(t, other, mem, cuts(t, other, 0), 100), want) {
		t.Error("the seed has no effect")
	}
}

// TestGolden pins the rows: a change of the generator changes every data set
// and every benchmark, and must be meant.
func TestGolden(t *testing.T) {
	mem := memory.NewGoAllocator()
	s := open(t, mem, nil)
	defer func() { _ = s.Close() }()
	got := rows(t, s, mem, []rdd.Split{{Partition: 0, First: 0, Rows: 2}, {Partition: 3, First: 499_999, Rows: 1}}, 10)
	for at, want := range golden() {
		if got[at] != want {
			t.Errorf("row %s is\n%q, want\n%q", at, got[at], want)
		}
	}
}

func golden() map[string]string {
	return map[string]string{
		"0/0":      "2026-01-05T00:00:00Z m09097 f091 information 865.8 201 231186 8353.88 (null) 2.2.0 ",
		"0/1":      "2026-01-05T00:00:00.691201Z m09861 f099 information 1736.2 281.2 227377 29148.07 (null) 2.0.0 ",
		"3/499999": "2026-01-09T00:00:00Z m04468 f045 information 590.2 340.1 239225 7443.88 (null) 2.1.0 ",
	}
}

// TestSplits proves that splits are in sequence, cover every row once, follow
// the wish, and bound their times.
func TestSplits(t *testing.T) {
	mem := memory.NewGoAllocator()
	s := open(t, mem, rdd.Options{"rows": 500_000, "partitions": 3, "disorder": "1 hour"})
	defer func() { _ = s.Close() }()
	next := map[int32]int64{}
	for _, split := range cuts(t, s, 200_000) {
		if split.First != next[split.Partition] || split.Rows < 1 || split.Rows > 1<<16 || !split.Times.Known {
			t.Fatalf("%+v after %d", split, next[split.Partition])
		}
		next[split.Partition] += split.Rows
		total := int64(166_667)
		if split.Partition == 2 {
			total--
		}
		if split.Last != (next[split.Partition] == total) {
			t.Errorf("%+v of %d", split, total)
		}
		for f, err := range s.Read(context.Background(), split, rdd.Projection{Columns: []string{"ts"}, Rows: 1 << 14, Mem: mem}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, ts := range f.Batch.Column(0).(*array.Timestamp).Values() {
				if int64(ts) < split.Times.Min || int64(ts) > split.Times.Max {
					t.Fatalf("%d is not in %+v", ts, split.Times)
				}
			}
		}
	}
	if next[0]+next[1]+next[2] != 500_000 {
		t.Errorf("%v rows", next)
	}
	first, _, err := s.Cut(context.Background(), "", rdd.Size{Rows: 100_000})
	if err != nil || len(first) != 2 || first[0].Partition == first[1].Partition {
		t.Errorf("a wish of 100,000 rows gives %+v, %v", first, err)
	}
}

// TestShape proves what the options promise: the mix, who belongs to whom, the
// span of time, codes of errors alone.
func TestShape(t *testing.T) {
	mem := memory.NewGoAllocator()
	s := open(t, mem, rdd.Options{"rows": 200_000, "meters": 1000, "mix": "10/30/60", "dirt": 0.1})
	defer func() { _ = s.Close() }()
	kinds, feeder, partition := map[string]int{}, map[string]string{}, map[string]int32{}
	severities := map[int64]int{}
	lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
	for _, split := range cuts(t, s, 0) {
		for f, err := range s.Read(context.Background(), split, rdd.Projection{Columns: columns(), Rows: 1 << 14, Mem: mem}) {
			if err != nil {
				t.Fatal(err)
			}
			code := f.Batch.Column(8).(*array.Int64)
			for i := range int(f.Batch.NumRows()) {
				kind, m, fd := f.Batch.Column(3).ValueStr(i), f.Batch.Column(1).ValueStr(i), f.Batch.Column(2).ValueStr(i)
				kinds[kind]++
				if code.IsValid(i) != (kind == "error") {
					t.Fatalf("an event of kind %s with code %s", kind, code.ValueStr(i))
				}
				if code.IsValid(i) {
					severities[code.Value(i)/100]++
				}
				if p, ok := partition[m]; ok && (p != split.Partition || feeder[m] != fd) {
					t.Fatalf("meter %s is in partitions %d and %d, of feeders %s and %s", m, p, split.Partition, feeder[m], fd)
				}
				partition[m], feeder[m] = split.Partition, fd
				ts := int64(f.Batch.Column(0).(*array.Timestamp).Value(i))
				lo, hi = min(lo, ts), max(hi, ts)
			}
		}
	}
	for kind, share := range map[string]float64{"error": 0.09, "backup": 0.27, "information": 0.54, "unknown": 0.1} {
		if got := float64(kinds[kind]) / 200_000; math.Abs(got-share) > 0.01 {
			t.Errorf("%.3f of the events are of kind %s, want %.3f", got, kind, share)
		}
	}
	if len(partition) != 1000 || len(severities) != 5 || severities[1] < severities[5] {
		t.Errorf("%d meters, severities %v", len(partition), severities)
	}
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	if lo != start.UnixMicro() || hi != start.Add(96*time.Hour).UnixMicro() {
		t.Errorf("from %s to %s", time.UnixMicro(lo).UTC(), time.UnixMicro(hi).UTC())
	}
}

// TestExtremes proves that the odd ends of the options work.
func TestExtremes(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	for _, o := range []rdd.Options{
		{"rows": 0}, {"rows": 1}, {"rows": 3, "partitions": 7, "meters": 7}, {"rows": 10, "span": "0s"}, {"rows": 10, "mix": "100/0/0"},
		{"rows": 10, "mix": "0/100/0", "meters": 4}, {"rows": 10, "dirt": 1}, {"rows": 10, "span": "100000 days", "disorder": "1 day"}, {"rows": 10, "start": "1969-12-31T00:00:00Z"},
	} {
		s := open(t, mem, o)
		want := 0
		if n, ok := o["rows"].(int); ok {
			want = n
		}
		if got := rows(t, s, mem, cuts(t, s, 4), 3); len(got) != want {
			t.Errorf("%v: %d rows", o, len(got))
		} else if o["mix"] == "100/0/0" {
			for _, r := range got {
				if !strings.Contains(r, " error ") {
					t.Errorf("%v: %s", o, r)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBadOptions(t *testing.T) {
	r := connectors.NewRegistry(generate.Kind())
	for _, c := range []struct {
		o    rdd.Options
		want string
	}{
		{rdd.Options{"rows": -1}, `option "rows" of generate: expected 0 or more, got -1`},
		{rdd.Options{"partitions": 0}, `option "partitions" of generate: expected 1 to 1024, got 0`},
		{rdd.Options{"meters": 3}, `option "meters" of generate: expected at least one a partition and 10,000,000 at the most, got 3`},
		{rdd.Options{"mix": "5/15"}, `option "mix" of generate: expected three percentages that add up to 100, such as "5/15/80", got "5/15"`},
		{rdd.Options{"mix": "5/15/81"}, `option "mix" of generate: expected three percentages that add up to 100, such as "5/15/80", got "5/15/81"`},
		{rdd.Options{"mix": "NaN/NaN/100"}, `option "mix" of generate: expected three percentages that add up to 100, such as "5/15/80", got "NaN/NaN/100"`},
		{rdd.Options{"mix": "a/b/c/d"}, `option "mix" of generate: expected three percentages that add up to 100, such as "5/15/80", got "a/b/c/d"`},
		{rdd.Options{"dirt": 2}, `option "dirt" of generate: expected a fraction from 0 to 1, got 2`},
		{rdd.Options{"start": "monday"}, `option "start" of generate: expected a time such as 2026-01-05T00:00:00Z, got "monday"`},
		{rdd.Options{"span": "-1s"}, `option "span" of generate: expected 0 or more, got -1s`},
		{rdd.Options{"disorder": "-1s"}, `option "disorder" of generate: expected 0 or more, got -1s`},
		{rdd.Options{"rate": -1}, `option "rate" of generate: expected 0 or more, got -1`},
		{rdd.Options{"trips": 2}, `option "trips" of generate: is of ev-fleet events; those of meter do not have it`},
		{rdd.Options{"topics": "node1_data"}, `option "topics" of generate: is of ev-fleet events; those of meter do not have it`},
		{rdd.Options{"events": "water"}, `option "events" of generate: "water" is not one of meter, ev-fleet`},
	} {
		_, err := r.Source(context.Background(), rdd.From("generate", c.o), connectors.Env{Mem: memory.NewGoAllocator()})
		if err == nil || fault.Of(err) != fault.Invalid || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
	s := open(t, memory.NewGoAllocator(), rdd.Options{"rows": 10})
	defer func() { _ = s.Close() }()
	if _, _, err := s.Cut(context.Background(), "[1]", rdd.Size{}); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	for _, c := range []struct {
		split rdd.Split
		col   string
	}{{rdd.Split{Rows: 1}, "volt"}, {rdd.Split{Rows: 100}, "ts"}, {rdd.Split{Partition: 9}, "ts"}} {
		for _, err := range s.Read(context.Background(), c.split, rdd.Projection{Columns: []string{c.col}, Mem: memory.NewGoAllocator()}) {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("%+v: %v", c, err)
			}
		}
	}
}

// TestRate proves that rows come when they are due, that a cut does not wait
// long, and that a replay from an offset starts anew.
func TestRate(t *testing.T) {
	s := open(t, memory.NewGoAllocator(), rdd.Options{"rows": 1000, "rate": 2000})
	defer func() { _ = s.Close() }()
	began := time.Now()
	n := 0
	for _, split := range cuts(t, s, 0) {
		n += int(split.Rows)
	}
	if d := time.Since(began); n != 1000 || d < 450*time.Millisecond {
		t.Errorf("%d rows in %s", n, d)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	slow := open(t, memory.NewGoAllocator(), rdd.Options{"rows": 1000, "rate": 0.001})
	defer func() { _ = slow.Close() }()
	if splits, next, err := slow.Cut(context.Background(), "[1,1,1,1]", rdd.Size{}); err != nil || len(splits) != 0 || next != "[1,1,1,1]" {
		t.Errorf("%v %s %v", splits, next, err)
	}
	if _, _, err := slow.Cut(ctx, "[1,1,1,1]", rdd.Size{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestSharedValues proves that every frame's dictionary is the same array, so
// that work once a value is work once.
func TestSharedValues(t *testing.T) {
	mem := memory.NewGoAllocator()
	s := open(t, mem, rdd.Options{"rows": 100})
	defer func() { _ = s.Close() }()
	var values arrow.ArrayData
	for f, err := range s.Read(context.Background(), rdd.Split{Rows: 25}, rdd.Projection{Columns: []string{"meter"}, Rows: 10, Mem: mem}) {
		if err != nil {
			t.Fatal(err)
		}
		d := f.Batch.Column(0).Data().Dictionary()
		if values != nil && values != d {
			t.Error("a frame has values of its own")
		}
		values = d
	}
}

// BenchmarkRead measures all columns into frames of 16k rows.
func BenchmarkRead(b *testing.B) {
	mem := memory.NewGoAllocator()
	s := open(b, mem, nil)
	defer func() { _ = s.Close() }()
	want := rdd.Projection{Columns: columns(), Rows: 1 << 14, Mem: mem}
	n := int64(0)
	for b.Loop() {
		for f, err := range s.Read(context.Background(), rdd.Split{Rows: 400_000}, want) {
			if err != nil {
				b.Fatal(err)
			}
			n += f.Batch.NumRows()
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mrow/s")
}
