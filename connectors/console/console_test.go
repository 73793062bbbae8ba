package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/console"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, out *recorder, o rdd.Options) connectors.Sink {
	t.Helper()
	w := rdd.From("x", nil).Write(rdd.Write{Connector: "console", Options: o})
	s, err := connectors.NewRegistry(console.Kind()).Sink(context.Background(), w, connectors.Env{Labels: []string{"error", "info"}, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// recorder keeps each call of Write apart.
type recorder struct {
	calls []string
	err   error
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	r.calls = append(r.calls, string(p))
	return len(p), nil
}

// batch has a column of every type, the first row at an offset of two and the
// last one null throughout.
func batch(mem memory.Allocator) arrow.RecordBatch {
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	b := array.NewRecordBuilder(mem, arrow.NewSchema([]arrow.Field{
		{Name: "ts", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}}, {Name: "id", Type: dict}, {Name: "name", Type: arrow.BinaryTypes.String},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "f", Type: arrow.PrimitiveTypes.Float64}, {Name: "ok", Type: arrow.FixedWidthTypes.Boolean}, {Name: "d", Type: arrow.FixedWidthTypes.Date32},
	}, nil))
	defer b.Release()
	add := func(ts int64, id, name string, n int64, f float64, ok bool, d int32) {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(ts))
		if err := b.Field(1).(*array.BinaryDictionaryBuilder).AppendString(id); err != nil {
			panic(err)
		}
		b.Field(2).(*array.StringBuilder).Append(name)
		b.Field(3).(*array.Int64Builder).Append(n)
		b.Field(4).(*array.Float64Builder).Append(f)
		b.Field(5).(*array.BooleanBuilder).Append(ok)
		b.Field(6).(*array.Date32Builder).Append(arrow.Date32(d))
	}
	add(0, "x", "x", 0, 0, false, 0)
	add(0, "x", "x", 0, 0, false, 0)
	add(1, "m1", "Zoë <&>", -5, 0.1, true, 0)
	add(1_700_000_000_000_000, "m2", "a\x1b[31m\n", 12345, math.NaN(), false, 19000)
	add(-1, "m1", strings.Repeat("é", 99), 0, 1e300, true, -1)
	for _, f := range b.Fields() {
		f.AppendNull()
	}
	whole := b.NewRecordBatch()
	defer whole.Release()
	return whole.NewSlice(2, 6)
}

func stage(t testing.TB, s connectors.Sink, labels ...rdd.LabelSet) rdd.Staged {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	b := batch(mem)
	defer b.Release()
	p, err := s.Stage(context.Background(), rdd.Block{}, func(yield func(*rdd.Frame, error) bool) {
		for _, l := range labels {
			if !yield(&rdd.Frame{Header: rdd.Header{Labels: l}, Batch: b}, nil) {
				return
			}
		}
	})
	if err != nil || p.Rows != 4*int64(len(labels)) || !json.Valid(p.Part) {
		t.Fatalf("%+v, %v", p, err)
	}
	return p
}

// TestTable shows a table: numbers to the right, nulls empty, nothing that a
// terminal would act on, and how much was left out.
func TestTable(t *testing.T) {
	out := &recorder{}
	s := open(t, out, rdd.Options{"name": "readings", "limit": 5})
	one, two := stage(t, s, 2, 2), stage(t, s, 1)
	if err := s.Publish(context.Background(), rdd.Commit{Batch: 7}, []rdd.Staged{one, two}); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("é", 59) + "…"
	pad := strings.Repeat(" ", 48)
	head := "  ts                           id  name     " + pad + "       n       f  ok     d\n"
	row1 := "  1970-01-01T00:00:00.000001Z  m1  Zoë <&>  " + pad + "      -5     0.1  true   1970-01-01\n"
	row2 := "  2023-11-14T22:13:20Z         m2  a\\x1b[31m\\n" + pad[2:] + "   12345     NaN  false  2022-01-08\n"
	row3 := "  1969-12-31T23:59:59.999999Z  m1  " + long + "      0  1e+300  true   1969-12-31\n"
	want := "readings, info, batch 7: 5 of 8 rows\n" + head + row1 + row2 + row3 + "\n" + row1 + "\nreadings, error, batch 7: 4 rows\n" + head + row1 + row2 + row3 + "\n\n"
	if len(out.calls) != 1 || squeeze(out.calls[0]) != squeeze(want) {
		t.Errorf("%d calls:\n%s\nwant\n%s", len(out.calls), strings.Join(out.calls, "\n"), want)
	}
	lines := strings.Split(strings.ReplaceAll(out.calls[0], "ë", "e"), "\n")
	if c, d := strings.Index(lines[1], " f "), strings.Index(lines[2], " 0.1"); c < 0 || c+1 != d+3 {
		t.Errorf("the column f is not set to the right:\n%s\n%s", lines[1], lines[2])
	}
}

// squeeze makes every run of spaces one.
func squeeze(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(l), " ")
	}
	return strings.Join(lines, "\n")
}

// TestJSON shows lines of JSON: nulls left out, floats that JSON lacks as text.
func TestJSON(t *testing.T) {
	out := &recorder{}
	s := open(t, out, rdd.Options{"format": "json", "limit": 0})
	if err := s.Publish(context.Background(), rdd.Commit{Batch: 1}, []rdd.Staged{stage(t, s, 2), stage(t, s, 0)}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(out.calls[0], "\n"), "\n")
	if len(out.calls) != 1 || len(lines) != 8 {
		t.Fatalf("%d calls, %d lines", len(out.calls), len(lines))
	}
	for i, want := range []string{
		`{"_label":"info","ts":"1970-01-01T00:00:00.000001Z","id":"m1","name":"Zoë <&>","n":-5,"f":0.1,"ok":true,"d":"1970-01-01"}`,
		`{"_label":"info","ts":"2023-11-14T22:13:20Z","id":"m2","name":"a\u001b[31m\n","n":12345,"f":"NaN","ok":false,"d":"2022-01-08"}`,
		`{"_label":"info","ts":"1969-12-31T23:59:59.999999Z","id":"m1","name":"` + strings.Repeat("é", 99) + `","n":0,"f":1e+300,"ok":true,"d":"1969-12-31"}`,
		`{"_label":"info"}`,
		`{"ts":"1970-01-01T00:00:00.000001Z","id":"m1","name":"Zoë <&>","n":-5,"f":0.1,"ok":true,"d":"1970-01-01"}`,
	} {
		if lines[i] != want || !json.Valid([]byte(want)) {
			t.Errorf("line %d is\n%s, want\n%s", i, lines[i], want)
		}
	}
	if lines[7] != "{}" {
		t.Errorf("a row of nulls is %s", lines[7])
	}
}

// TestPublishOnce proves that a batch is printed once, that one which could not
// be printed can be tried again, and that lower epochs are refused.
func TestPublishOnce(t *testing.T) {
	ctx := context.Background()
	out := &recorder{err: errors.New("pipe closed")}
	s := open(t, out, nil)
	parts := []rdd.Staged{stage(t, s, 1)}
	if err := s.Publish(ctx, rdd.Commit{Batch: 1, Epoch: 2}, parts); fault.Of(err) != fault.Retry {
		t.Error(err)
	}
	out.err = nil
	for range 2 {
		if err := s.Publish(ctx, rdd.Commit{Batch: 1, Epoch: 2}, parts); err != nil {
			t.Error(err)
		}
	}
	if err := s.Publish(ctx, rdd.Commit{Batch: 2, Epoch: 2}, nil); err != nil {
		t.Error(err)
	}
	if len(out.calls) != 1 {
		t.Errorf("printed %d times", len(out.calls))
	}
	if err := s.Publish(ctx, rdd.Commit{Batch: 3, Epoch: 1}, parts); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	if err := s.Publish(ctx, rdd.Commit{Batch: 4, Epoch: 2}, []rdd.Staged{{Part: []byte("x")}}); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	if s.Close() != nil {
		t.Error("Close failed")
	}
}

func TestStageFails(t *testing.T) {
	s := open(t, &recorder{}, nil)
	broken := errors.New("broken")
	if _, err := s.Stage(context.Background(), rdd.Block{}, func(yield func(*rdd.Frame, error) bool) { yield(nil, broken) }); !errors.Is(err, broken) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Stage(ctx, rdd.Block{}, func(yield func(*rdd.Frame, error) bool) { yield(&rdd.Frame{}, nil) }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w := rdd.From("x", nil).Write(rdd.Write{Connector: "console", Options: rdd.Options{"limit": -1}})
	if _, err := connectors.NewRegistry(console.Kind()).Sink(context.Background(), w, connectors.Env{}); err == nil || !strings.HasSuffix(err.Error(), "expected 0 or more, got -1") {
		t.Error(err)
	}
}

// FuzzPrint proves that no text breaks a table or a line of JSON.
func FuzzPrint(f *testing.F) {
	f.Add("a\x00b\xff", 1.5)
	f.Fuzz(func(t *testing.T, text string, v float64) {
		b := array.NewRecordBuilder(memory.NewGoAllocator(), arrow.NewSchema([]arrow.Field{{Name: text, Type: arrow.BinaryTypes.String}, {Name: "v", Type: arrow.PrimitiveTypes.Float64}}, nil))
		b.Field(0).(*array.StringBuilder).Append(text)
		b.Field(1).(*array.Float64Builder).Append(v)
		rec := b.NewRecordBatch()
		for _, format := range []string{"json", "table"} {
			out := &recorder{}
			s := open(t, out, rdd.Options{"format": format})
			p, err := s.Stage(context.Background(), rdd.Block{}, func(yield func(*rdd.Frame, error) bool) { yield(&rdd.Frame{Batch: rec}, nil) })
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Publish(context.Background(), rdd.Commit{Batch: 1}, []rdd.Staged{p}); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(out.calls[0], "\n"); format == "table" && (n != 4 || bytes.ContainsAny([]byte(out.calls[0]), "\x1b\x00\r\b")) {
				t.Errorf("%q", out.calls[0])
			}
			if format == "json" && !json.Valid([]byte(out.calls[0])) {
				t.Errorf("%q", out.calls[0])
			}
		}
	})
}
