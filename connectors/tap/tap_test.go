package tap_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/tap"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink is one that fails when told to, and numbers what it stages unless told not to.
type sink struct {
	rows, parts int64
	same        bool
	stage, said error
	closed      bool
}

func (s *sink) Stage(_ context.Context, _ rdd.Block, in rdd.Stream) (out rdd.Staged, err error) {
	for f, err := range in {
		if err != nil {
			return out, err
		}
		if f.Batch != nil {
			out.Rows += f.Batch.NumRows()
		}
	}
	s.rows += out.Rows
	s.parts++
	out.Part = fmt.Appendf(nil, "%d", s.parts)
	if s.same {
		out.Part = nil
	}
	return out, s.stage
}

func (s *sink) Publish(context.Context, rdd.Commit, []rdd.Staged) error { return s.said }
func (s *sink) Close() error                                            { s.closed = true; return nil }

var _ connectors.Sink = (*sink)(nil)

// numbers is frames of whole numbers, at an offset of their arrays, with a frame that
// has none first.
func numbers(mem memory.Allocator, from, to, each int) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		if !yield(&rdd.Frame{}, nil) {
			return
		}
		for ; from < to; from += each {
			b := array.NewRecordBuilder(mem, arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil))
			for i := from - 2; i < min(from+each, to); i++ {
				b.Field(0).(*array.Int64Builder).Append(int64(i))
			}
			whole := b.NewRecordBatch()
			part := whole.NewSlice(2, whole.NumRows())
			ok := yield(&rdd.Frame{Batch: part}, nil)
			part.Release()
			whole.Release()
			b.Release()
			if !ok {
				return
			}
		}
	}
}

// spell is rows as their numbers.
func spell(rows []tap.Row) string {
	var list []any
	for _, r := range rows {
		list = append(list, r["n"])
	}
	return fmt.Sprint(list...)
}

// What is published is shown, once and when it is: not what a task staged in vain, not
// what could not be published, and not what another batch staged under the same name.
func TestOnlyWhatIsPublished(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	ctx := context.Background()
	for _, same := range []bool{false, true} {
		s, got := &sink{same: same}, []string{}
		x := tap.New(s, 100, func(rows []tap.Row) { got = append(got, spell(rows)) })
		stage := func(batch rdd.BatchID, from, to int) rdd.Staged {
			t.Helper()
			staged, err := x.Stage(ctx, rdd.Block{Batch: batch}, numbers(mem, from, to, 2))
			if err != nil || staged.Rows != int64(to-from) {
				t.Fatalf("%+v, %v", staged, err)
			}
			return staged
		}
		a, b := stage(1, 0, 3), stage(1, 0, 3) // a task that is run again
		other := stage(2, 10, 12)
		s.said = errors.New("full")
		if err := x.Publish(ctx, rdd.Commit{Batch: 1}, []rdd.Staged{b}); !errors.Is(err, s.said) || len(got) > 0 {
			t.Fatalf("%v, %v", err, got)
		}
		s.said = nil
		for range 2 { // a publication that is said again
			if err := x.Publish(ctx, rdd.Commit{Batch: 1}, []rdd.Staged{b}); err != nil {
				t.Fatal(err)
			}
		}
		if err := x.Publish(ctx, rdd.Commit{Batch: 2}, []rdd.Staged{other}); err != nil {
			t.Fatal(err)
		}
		if err := x.Publish(ctx, rdd.Commit{Batch: 3}, nil); err != nil {
			t.Fatal(err)
		}
		want := "[0 1 2 10 11]"
		if joined := fmt.Sprint(got); !same && joined != want {
			t.Errorf("shown %v, want %s; %s", joined, want, a.Part)
		}
		// Parts that cannot be told apart are rows of equal tasks: shown as often as said.
		if same && (len(got) == 0 || got[len(got)-1] != "10 11" || got[0] != "0 1 2") {
			t.Errorf("shown %v", got)
		}
		if err := x.Close(); err != nil || !s.closed {
			t.Errorf("%v, closed %v", err, s.closed)
		}
	}
}

// A stream that fails and a sink that fails end the staging with their errors.
func TestStagingFails(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		s  *sink
		in rdd.Stream
	}{
		{&sink{stage: broken}, numbers(memory.NewGoAllocator(), 0, 3, 1)},
		{&sink{}, func(yield func(*rdd.Frame, error) bool) { yield(nil, broken) }},
	} {
		x := tap.New(c.s, 10, func([]tap.Row) { t.Error("shown") })
		staged, err := x.Stage(context.Background(), rdd.Block{Batch: 1}, c.in)
		if !errors.Is(err, broken) {
			t.Error(err)
		}
		if err := x.Publish(context.Background(), rdd.Commit{Batch: 1}, []rdd.Staged{staged}); err != nil {
			t.Error(err)
		}
	}
}

// Of many rows the last are shown, as many as asked for, however they come in frames.
func TestManyRows(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	for _, most := range []int{0, 1, 7, 10_000} {
		for _, each := range []int{1, 5, 1000, 3000} {
			var got []tap.Row
			x := tap.New(&sink{}, most, func(rows []tap.Row) { got = rows })
			staged, err := x.Stage(context.Background(), rdd.Block{Batch: 1}, numbers(mem, 0, 3000, each))
			if err != nil {
				t.Fatal(err)
			}
			if err := x.Publish(context.Background(), rdd.Commit{Batch: 1}, []rdd.Staged{staged}); err != nil {
				t.Fatal(err)
			}
			if len(got) != min(most, 3000) {
				t.Errorf("%d of 3000 rows in frames of %d, asked for %d", len(got), each, most)
			}
			for i, r := range got {
				if r["n"] != int64(3000-len(got)+i) {
					t.Fatalf("row %d of %d is %v", i, len(got), r["n"])
				}
			}
		}
	}
}

// Values are shown as Row says; nulls and what a row cannot hold are left out.
func TestValues(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "bool", Type: arrow.FixedWidthTypes.Boolean}, {Name: "int", Type: arrow.PrimitiveTypes.Int64}, {Name: "float", Type: arrow.PrimitiveTypes.Float64},
		{Name: "string", Type: arrow.BinaryTypes.String}, {Name: "coded", Type: dict}, {Name: "time", Type: &arrow.TimestampType{Unit: arrow.Microsecond}},
		{Name: "binary", Type: arrow.BinaryTypes.Binary}, {Name: "date", Type: arrow.FixedWidthTypes.Date32},
	}, nil)
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	for i, text := range []string{"true", "7", "0.5", "a", "b", "1970-01-01T00:00:01", "eHk=", "1970-01-02"} {
		b.Field(i).AppendNull()
		if err := b.Field(i).AppendValueFromString(text); err != nil {
			t.Fatal(err)
		}
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	var got []tap.Row
	x := tap.New(&sink{}, 10, func(rows []tap.Row) { got = rows })
	staged, err := x.Stage(context.Background(), rdd.Block{Batch: 1}, func(yield func(*rdd.Frame, error) bool) { yield(&rdd.Frame{Batch: batch}, nil) })
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Publish(context.Background(), rdd.Commit{Batch: 1}, []rdd.Staged{staged}); err != nil {
		t.Fatal(err)
	}
	want := []tap.Row{{}, {"bool": true, "int": int64(7), "float": 0.5, "string": "a", "coded": "b", "time": arrow.Timestamp(1_000_000), "binary": []byte("xy")}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v\nwant\n%v", got, want)
	}
}
