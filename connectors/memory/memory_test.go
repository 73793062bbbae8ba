package memory_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func schema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "ts", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
		{Name: "id", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "d", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	}, nil)
}

// batch makes rows first to first+n; every seventh is null throughout.
func batch(mem arrowmem.Allocator, first, n int) arrow.RecordBatch {
	b := array.NewRecordBuilder(mem, schema())
	defer b.Release()
	for i := first; i < first+n; i++ {
		if i%7 == 6 {
			for _, f := range b.Fields() {
				f.AppendNull()
			}
			continue
		}
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(1000 * i))
		if err := b.Field(1).(*array.BinaryDictionaryBuilder).AppendString(fmt.Sprintf("id%d", i%3)); err != nil {
			panic(err)
		}
		b.Field(2).(*array.Int64Builder).Append(int64(i))
		b.Field(3).(*array.Float64Builder).Append(float64(i) / 2)
		b.Field(4).(*array.BooleanBuilder).Append(i%2 == 0)
		b.Field(5).(*array.Date32Builder).Append(arrow.Date32(i))
	}
	return b.NewRecordBatch()
}

// store returns a store with the table "t" of partitions made of batches of the
// given sizes, numbered through, each a slice at an offset.
func store(t testing.TB, mem arrowmem.Allocator, partitions ...[]int) *memory.Store {
	t.Helper()
	s := memory.NewStore(mem)
	var parts [][]arrow.RecordBatch
	for p, sizes := range partitions {
		var part []arrow.RecordBatch
		at := 1000 * p
		for _, n := range sizes {
			whole := batch(mem, at-3, n+5)
			part = append(part, whole.NewSlice(3, int64(n+3)))
			whole.Release()
			at += n
		}
		parts = append(parts, part)
	}
	if err := s.Put("t", parts...); err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		for _, b := range part {
			b.Release()
		}
	}
	return s
}

func open(t testing.TB, s *memory.Store, o rdd.Options) connectors.Source {
	t.Helper()
	src, err := connectors.NewRegistry(s.Kind()).Source(context.Background(), rdd.From("memory", o), connectors.Env{Time: "ts"})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// cuts returns the splits of the cuts that it takes to reach the end.
func cuts(t testing.TB, src connectors.Source, wish rdd.Size) [][]rdd.Split {
	t.Helper()
	var out [][]rdd.Split
	var at rdd.Offset
	for range 10_000 {
		splits, next, err := src.Cut(context.Background(), at, wish)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		out, at = append(out, splits), next
		if err != nil {
			return out
		}
	}
	t.Fatal("the source does not end")
	return nil
}

// TestSplitsCoverEveryRowOnce proves, for random partitions, split and frame
// sizes, that the splits of a partition are in sequence, without gaps, that
// they are marked and timed rightly, and that reading them gives the rows put.
func TestSplitsCoverEveryRowOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		sizes := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 40), 1, 4), 1, 4).Draw(rt, "sizes")
		s := store(t, mem, sizes...)
		defer s.Release()
		src := open(t, s, rdd.Options{
			"name": "t", "split_rows": rapid.IntRange(1, 50).Draw(rt, "split"), "shuffle": rapid.IntRange(0, 5).Draw(rt, "shuffle"),
		})
		defer func() { _ = src.Close() }()
		next := make([]int64, len(sizes))
		for _, splits := range cuts(t, src, rdd.Size{Rows: rapid.Int64Range(0, 60).Draw(rt, "wish")}) {
			for _, split := range splits {
				p := split.Partition
				total := 0
				for _, n := range sizes[p] {
					total += n
				}
				if split.First != next[p] || split.Rows < 1 || split.Last != (split.First+split.Rows == int64(total)) {
					rt.Fatalf("split %+v after row %d of %d", split, next[p], total)
				}
				next[p] += split.Rows
				readBack(rt, src, split, rapid.IntRange(1, 20).Draw(rt, "frame"))
			}
		}
		for p, list := range sizes {
			total := 0
			for _, n := range list {
				total += n
			}
			if next[p] != int64(total) {
				rt.Errorf("partition %d: %d of %d rows", p, next[p], total)
			}
		}
	})
}

// readBack reads a split and compares it with what batch makes.
func readBack(t *rapid.T, src connectors.Source, split rdd.Split, frame int) {
	seq := split.First
	known := rdd.TimeRange{}
	for f, err := range src.Read(context.Background(), split, rdd.Projection{Columns: []string{"n", "id", "ts"}, Rows: frame}) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Header.Origin.First != seq || f.Header.Origin.Partition != split.Partition || f.Batch.NumRows() > int64(frame) || f.Batch.ColumnName(1) != "id" {
			t.Fatalf("frame %+v of %d rows at %d", f.Header, f.Batch.NumRows(), seq)
		}
		for i := range int(f.Batch.NumRows()) {
			want := 1000*int64(split.Partition) + seq
			n, ts, id := f.Batch.Column(0).(*array.Int64), f.Batch.Column(2).(*array.Timestamp), f.Batch.Column(1)
			seq++
			if want%7 == 6 {
				if n.IsValid(i) || ts.IsValid(i) || id.IsValid(i) {
					t.Fatalf("row %d is not null", want)
				}
				continue
			}
			if n.Value(i) != want || id.ValueStr(i) != fmt.Sprintf("id%d", want%3) {
				t.Fatalf("row %d is %d, %s", want, n.Value(i), id.ValueStr(i))
			}
			if !known.Known {
				known = rdd.TimeRange{Known: true, Min: 1000 * want}
			}
			known.Max = 1000 * want
		}
	}
	if seq != split.First+split.Rows || known != split.Times {
		t.Fatalf("%d rows of split %+v, times %+v", seq-split.First, split, known)
	}
}

// TestCutsAreReplayable proves that a cut depends on its offset alone.
func TestCutsAreReplayable(t *testing.T) {
	s := store(t, arrowmem.NewGoAllocator(), []int{100}, []int{30, 50}, []int{70})
	defer s.Release()
	o := rdd.Options{"name": "t", "split_rows": 7, "shuffle": 42}
	a, b := open(t, s, o), open(t, s, o)
	defer func() { _ = a.Close(); _ = b.Close() }()
	first, second := fmt.Sprint(cuts(t, a, rdd.Size{Rows: 20})), fmt.Sprint(cuts(t, b, rdd.Size{Rows: 20}))
	if first != second {
		t.Errorf("%s\n%s", first, second)
	}
	if inTurn := fmt.Sprint(cuts(t, open(t, s, rdd.Options{"name": "t", "split_rows": 7}), rdd.Size{Rows: 20})); inTurn == first {
		t.Error("the seed has no effect")
	}
	if n := len(cuts(t, a, rdd.Size{Bytes: 1})); n < 30 {
		t.Errorf("%d cuts of at least a byte, want one a split", n)
	}
}

// TestBounds proves that frames are left out when their bounds say so, that the
// bounds hold, and that nothing is left out unasked.
func TestBounds(t *testing.T) {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	s := store(t, mem, []int{10, 10})
	defer s.Release()
	src := open(t, s, rdd.Options{"name": "t"})
	defer func() { _ = src.Close() }()
	split := cuts(t, src, rdd.Size{})[0][0]
	var pruned, read int64
	want := rdd.Projection{Columns: []string{"n"}, Rows: 10, Skip: func(b expr.Bounds) bool {
		r := b["n"]
		if !r.Nulls || r.AllNull || b["f"].NaN || b["id"].Min != "id0" || b["id"].Max != "id2" || b["ts"].Min != arrow.Timestamp(1000*r.Min.(int64)) {
			t.Errorf("bounds %+v", b)
		}
		return r.Max.(int64) < 10
	}}
	for f, err := range src.Read(context.Background(), split, want) {
		if err != nil {
			t.Fatal(err)
		}
		pruned += f.Header.Pruned
		if f.Batch != nil {
			read += f.Batch.NumRows()
		}
	}
	if pruned != 10 || read != 10 {
		t.Errorf("%d rows pruned, %d read", pruned, read)
	}
}

func TestMisuse(t *testing.T) {
	mem := arrowmem.NewGoAllocator()
	s := store(t, mem, []int{5})
	defer s.Release()
	r := connectors.NewRegistry(s.Kind())
	for o, want := range map[string]rdd.Options{
		`option "name" of memory: no table has this name; did you mean "t"?`:   {"name": "tt"},
		`option "split_rows" of memory: expected at least 1, got 0`:            {"name": "t", "split_rows": 0},
		`option "shuffle" of memory: expected a whole number, got "sometimes"`: {"name": "t", "shuffle": "sometimes"},
	} {
		if _, err := r.Source(context.Background(), rdd.From("memory", want), connectors.Env{}); err == nil || !strings.HasSuffix(err.Error(), o) {
			t.Errorf("%v, want %s", err, o)
		}
	}
	src := open(t, s, rdd.Options{"name": "t"})
	defer func() { _ = src.Close() }()
	for _, at := range []rdd.Offset{"x", "[1,2]", "{}"} {
		if _, _, err := src.Cut(context.Background(), at, rdd.Size{}); fault.Of(err) != fault.Invalid {
			t.Errorf("offset %s: %v", at, err)
		}
	}
	for _, c := range []struct {
		split rdd.Split
		col   string
	}{{rdd.Split{Rows: 1}, "zzz"}, {rdd.Split{Rows: 6}, "n"}, {rdd.Split{Partition: 1}, "n"}, {rdd.Split{First: -1}, "n"}} {
		for _, err := range src.Read(context.Background(), c.split, rdd.Projection{Columns: []string{c.col}}) {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("%+v %s: %v", c.split, c.col, err)
			}
		}
	}
	other := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int8}}, nil), nil, 0)
	b := batch(mem, 0, 1)
	for _, parts := range [][]arrow.RecordBatch{nil, {other}, {b, b.NewSlice(0, 0), array.NewRecordBatch(arrow.NewSchema(nil, nil), nil, 0)}} {
		if err := s.Put("u", parts); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("Put: %v", err)
		}
	}
	if err := s.Put("t", []arrow.RecordBatch{b}); err == nil {
		t.Error("a table was put twice")
	}
}

// sink opens a sink that collects under the name out.
func sink(t testing.TB, s *memory.Store) connectors.Sink {
	t.Helper()
	w := rdd.From("memory", nil).Write(rdd.Write{Connector: "memory", Options: rdd.Options{"name": "out"}})
	k, err := connectors.NewRegistry(s.Kind()).Sink(context.Background(), w, connectors.Env{Labels: []string{"error", "info"}})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// frames lends batches of one label as a stage does, from an allocator of its own.
func frames(label rdd.LabelSet, batches ...arrow.RecordBatch) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		for _, b := range batches {
			if !yield(&rdd.Frame{Header: rdd.Header{Labels: label}, Batch: b}, nil) {
				return
			}
		}
	}
}

// TestSink proves that what is published is a copy with all types and nulls,
// that the first publication of a batch wins, that lower epochs are refused,
// that Close removes what was staged, and that no byte is left behind.
func TestSink(t *testing.T) {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	task := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	s := memory.NewStore(mem)
	defer s.Release()
	k, again := sink(t, s), sink(t, s)
	ctx := context.Background()
	stage := func(k connectors.Sink, id rdd.BatchID, first, n int) rdd.Staged {
		whole := batch(task, first-2, n+4)
		piece := whole.NewSlice(2, int64(n+2))
		defer whole.Release()
		defer piece.Release()
		p, err := k.Stage(ctx, rdd.Block{Batch: id}, frames(2, piece))
		if err != nil || p.Rows != int64(n) {
			t.Fatalf("%d rows staged, %v", p.Rows, err)
		}
		return p
	}
	two := []rdd.Staged{stage(k, 2, 10, 3)}
	one := []rdd.Staged{stage(again, 1, 0, 8), stage(k, 1, 8, 2)}
	retried := []rdd.Staged{stage(k, 1, 0, 8)}
	stage(k, 3, 50, 1) // never published
	task.AssertSize(t, 0)
	if len(s.Rows("out")) != 0 {
		t.Error("staged rows are visible")
	}
	for _, p := range []struct {
		batch rdd.BatchID
		epoch int64
		parts []rdd.Staged
		ok    bool
	}{{2, 1, two, true}, {1, 2, one, true}, {1, 2, retried, true}, {1, 2, one, true}, {4, 1, nil, false}, {5, 2, two, false}, {6, 2, []rdd.Staged{{Part: []byte("x")}}, false}} {
		if err := k.Publish(ctx, rdd.Commit{Batch: p.batch, Epoch: p.epoch}, p.parts); (err == nil) != p.ok {
			t.Errorf("batch %d in epoch %d: %v", p.batch, p.epoch, err)
		}
	}
	if k.Close() != nil || again.Close() != nil {
		t.Error("Close failed")
	}
	rows := s.Rows("out")
	if len(rows) != 13 || len(s.Batches("out")) != 3 {
		t.Fatalf("%d rows in %d batches", len(rows), len(s.Batches("out")))
	}
	for i, r := range rows {
		want := map[string]any{}
		if i%7 != 6 {
			want = map[string]any{"ts": arrow.Timestamp(1000 * i), "id": fmt.Sprintf("id%d", i%3), "n": int64(i), "f": float64(i) / 2, "b": i%2 == 0, "d": arrow.Date32(i)}
		}
		if r.Label != "info" || r.Batch != rdd.BatchID(1+i/10) || fmt.Sprint(r.Values) != fmt.Sprint(want) {
			t.Errorf("row %d is %+v, want %v", i, r, want)
		}
	}
}

// TestStageFails proves that an error in the stream leaves nothing staged.
func TestStageFails(t *testing.T) {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	s := memory.NewStore(mem)
	defer s.Release()
	b := batch(mem, 0, 3)
	defer b.Release()
	k := sink(t, s)
	broken := errors.New("broken")
	in := func(yield func(*rdd.Frame, error) bool) {
		if yield(&rdd.Frame{Batch: b}, nil) {
			yield(nil, broken)
		}
	}
	if _, err := k.Stage(context.Background(), rdd.Block{}, in); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := k.Stage(ctx, rdd.Block{}, frames(1, b)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestSinksOfOneName proves that two writes to one name both keep their rows.
func TestSinksOfOneName(t *testing.T) {
	mem := arrowmem.NewGoAllocator()
	s := memory.NewStore(mem)
	defer s.Release()
	a, b := sink(t, s), sink(t, s)
	for i, k := range []connectors.Sink{a, b} {
		p, err := k.Stage(context.Background(), rdd.Block{Batch: 1}, frames(1, batch(mem, 10*i, 2)))
		if err != nil {
			t.Fatal(err)
		}
		p.Sink = i
		if err := k.Publish(context.Background(), rdd.Commit{Batch: 1}, []rdd.Staged{p}); err != nil {
			t.Fatal(err)
		}
	}
	var got []int64
	for _, r := range s.Rows("out") {
		got = append(got, r.Values["n"].(int64))
	}
	slices.Sort(got)
	if !slices.Equal(got, []int64{0, 1, 10, 11}) {
		t.Errorf("%v", got)
	}
}

// TestStagingForAnother: a sink may stage for another one of the same store; where there
// is none, in another process, the author is told.
func TestStagingForAnother(t *testing.T) {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	s := memory.NewStore(mem)
	defer s.Release()
	open := func(s *memory.Store, desk string, stages bool) (connectors.Sink, error) {
		return s.Kind().Sink(t.Context(), rdd.Options{"name": "out"}, connectors.Env{Labels: []string{"a"}, Desk: desk, Stages: stages})
	}
	driver, err := open(s, "run", false)
	if err != nil {
		t.Fatal(err)
	}
	executor, err := open(s, "run", true)
	if err != nil {
		t.Fatal(err)
	}
	b := batch(mem, 0, 3)
	defer b.Release()
	part, err := executor.Stage(t.Context(), rdd.Block{Batch: 1}, frames(1, b))
	if err != nil {
		t.Fatal(err)
	}
	if err := driver.Publish(t.Context(), rdd.Commit{Batch: 1}, []rdd.Staged{part}); err != nil || len(s.Rows("out")) != 3 {
		t.Errorf("%d rows, %v", len(s.Rows("out")), err)
	}
	if err := errors.Join(executor.Close(), driver.Close()); err != nil {
		t.Error(err)
	}
	other := memory.NewStore(mem)
	for _, where := range []*memory.Store{s, other} { // the driver is gone, or elsewhere
		var at *connectors.OptionError
		if _, err := open(where, "run", true); !errors.As(err, &at) || !strings.Contains(err.Error(), "cluster") {
			t.Errorf("%v", err)
		}
	}
}
