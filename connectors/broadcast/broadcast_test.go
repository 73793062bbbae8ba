package broadcast_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/internal/codec"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// row is one to be written: a window, or none, and a text, or none.
type row struct {
	at    int64
	none  bool
	model string
	null  bool
}

// batch makes rows, between others that are cut off again; the text is dictionary-encoded
// if dict.
func batch(mem memory.Allocator, dict bool, rows ...row) arrow.RecordBatch {
	var text arrow.DataType = arrow.BinaryTypes.String
	if dict {
		text = kernel.StringDict()
	}
	b := array.NewRecordBuilder(mem, arrow.NewSchema([]arrow.Field{
		{Name: "model", Type: text, Nullable: true}, {Name: rdd.WindowStart, Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true},
	}, nil))
	defer b.Release()
	cut := row{at: math.MaxInt64, model: "cut off"}
	for _, r := range append(append([]row{cut}, rows...), cut) {
		switch {
		case r.null:
			b.Field(0).AppendNull()
		case dict:
			if err := b.Field(0).(*array.BinaryDictionaryBuilder).AppendString(r.model); err != nil {
				panic(err)
			}
		default:
			b.Field(0).(*array.StringBuilder).Append(r.model)
		}
		if r.none {
			b.Field(1).AppendNull()
			continue
		}
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(r.at))
	}
	whole := b.NewRecordBatch()
	defer whole.Release()
	return whole.NewSlice(1, whole.NumRows()-1)
}

// dirty is an allocator of memory that is not zero, as that of a pool is.
type dirty struct{ memory.Allocator }

func (d dirty) Allocate(size int) []byte {
	b := d.Allocator.Allocate(size)
	for i := range b {
		b[i] = 0xff
	}
	return b
}

func frames(batches ...arrow.RecordBatch) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		for _, b := range batches {
			if !yield(&rdd.Frame{Header: rdd.Header{Labels: 1}, Batch: b}, nil) {
				return
			}
		}
	}
}

func open(t testing.TB, mem memory.Allocator) connectors.Sink {
	t.Helper()
	w := rdd.From("broadcast", nil).Write(rdd.Write{Connector: "broadcast", Options: rdd.Options{"name": "server"}})
	s, err := connectors.NewRegistry(broadcast.Kind()).Sink(t.Context(), w, connectors.Env{Mem: dirty{mem}, Desk: "run", Stages: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// staged is what a stream comes to: its result, and the row in it in words, or "".
func staged(t testing.TB, mem memory.Allocator, in rdd.Stream) (rdd.Staged, connectors.Result, string) {
	t.Helper()
	s := open(t, mem)
	part, err := s.Stage(t.Context(), rdd.Block{Batch: 1}, in)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(t.Context(), rdd.Commit{Batch: 1}, []rdd.Staged{part}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var r connectors.Result
	if err := json.Unmarshal(part.Part, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) == 0 {
		return part, r, ""
	}
	b, err := codec.DecodeRow(r.Rows, dirty{mem})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	if b.Column(0).DataType().ID() != arrow.STRING || b.ColumnName(0) != "model" || b.Column(1).(*array.Timestamp).Value(0) != arrow.Timestamp(r.At) {
		t.Fatalf("the row of %d is %v", r.At, b)
	}
	return part, r, b.Column(0).ValueStr(0)
}

// TestNewest proves, for random rows in random frames, that the row kept is that of the
// latest window, that one without a window never is, that the order of rows and the
// spelling of strings do not matter, and that no memory is left behind.
func TestNewest(t *testing.T) {
	rows := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) row {
		r := row{at: rapid.Int64Range(-2, 3).Draw(rt, "at"), none: rapid.IntRange(0, 3).Draw(rt, "none") == 0,
			model: rapid.SampledFrom([]string{"", "a", "b", "a long one"}).Draw(rt, "model"), null: rapid.IntRange(0, 3).Draw(rt, "null") == 0}
		if r.null {
			r.model = ""
		}
		return r
	}), 0, 5)
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		var batches []arrow.RecordBatch
		var all []row
		for range rapid.IntRange(0, 3).Draw(rt, "frames") {
			part := rows.Draw(rt, "rows")
			all = append(all, part...)
			b := batch(mem, rapid.Bool().Draw(rt, "dict"), part...)
			defer b.Release()
			batches = append(batches, b)
		}
		want, among := int64(math.MinInt64), map[string]bool{"": true}
		for _, r := range all {
			text := r.model
			if r.null {
				text = array.NullValueStr
			}
			switch {
			case r.none:
			case r.at > want:
				want, among = r.at, map[string]bool{text: true}
			case r.at == want:
				among[text] = true
			}
		}
		part, got, text := staged(t, mem, frames(batches...))
		if got.At != want || !among[text] || part.Rows != int64(len(all)) || part.Bytes != int64(len(part.Part)) {
			rt.Fatalf("%+v, %q of %v at %d", part, text, among, want)
		}
		mixed := rapid.Permutation(all).Draw(rt, "mixed")
		other := batch(mem, true, mixed...)
		defer other.Release()
		if _, again, _ := staged(t, mem, frames(other)); fmt.Sprint(again) != fmt.Sprint(got) {
			rt.Fatalf("%v in another order is %v", got, again)
		}
	})
}

// TestNothing proves that a stream without rows has a result that is older than any.
func TestNothing(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	empty := batch(mem, false)
	defer empty.Release()
	for name, in := range map[string]rdd.Stream{
		"nothing": frames(), "an empty frame": frames(empty),
		"no batch": func(yield func(*rdd.Frame, error) bool) { yield(&rdd.Frame{}, nil) },
	} {
		if part, r, text := staged(t, mem, in); r.At != math.MinInt64 || r.Rows != nil || text != "" || part.Rows != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestTooLarge proves that a row which is too large is the author's mistake, by name.
func TestTooLarge(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	for size, want := range map[int]string{codec.MaxRow - 8<<10: "", codec.MaxRow: "broadcast: server: a row is too large: it takes more than 16 MiB"} {
		b := batch(mem, true, row{at: 1, model: strings.Repeat("x", size)}, row{at: 0, model: "small"})
		_, err := open(t, mem).Stage(t.Context(), rdd.Block{}, frames(b))
		b.Release()
		if (err == nil) != (want == "") || err != nil && (err.Error() != want || fault.Of(err) != fault.Invalid) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// TestMisuse proves that what is no row of a window, no part or no name is refused.
func TestMisuse(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	s := open(t, mem)
	n, _, err := array.FromJSON(mem, arrow.PrimitiveTypes.Int64, strings.NewReader("[1]"))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Release()
	for name, text := range map[string]string{rdd.WindowStart: "is int64 and no instant", "other": "the rows have no column window_start"} {
		b := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: name, Type: n.DataType()}}, nil), []arrow.Array{n}, 1)
		if _, err := s.Stage(t.Context(), rdd.Block{}, frames(b)); fault.Of(err) != fault.Invalid || !strings.HasSuffix(err.Error(), text) {
			t.Errorf("%s: %v", name, err)
		}
		b.Release()
	}
	for _, part := range []string{"", "5", `{"at":"x"}`, `{"rows":"?"}`} {
		if err := s.Publish(t.Context(), rdd.Commit{}, []rdd.Staged{{Part: json.RawMessage(part)}}); fault.Of(err) != fault.Invalid {
			t.Errorf("part %q: %v", part, err)
		}
	}
	broken := errors.New("broken")
	if _, err := s.Stage(t.Context(), rdd.Block{}, func(yield func(*rdd.Frame, error) bool) { yield(nil, broken) }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := batch(mem, false, row{at: 1})
	defer b.Release()
	if _, err := s.Stage(ctx, rdd.Block{}, frames(b)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for text, o := range map[string]rdd.Options{`option "name" of broadcast: is required (string)`: nil, `option "name" of broadcast: expected a name`: {"name": ""}} {
		w := rdd.From("broadcast", nil).Write(rdd.Write{Connector: "broadcast", Options: o})
		if _, err := connectors.NewRegistry(broadcast.Kind()).Sink(t.Context(), w, connectors.Env{}); err == nil || !strings.HasSuffix(err.Error(), text) {
			t.Errorf("%v: %v", o, err)
		}
	}
}
