package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// lengths is a function that writes how long strings are, which it takes as codes and
// values, and tells how many values there were at the most beside a long one.
func lengths(most *atomic.Int64) fn.Set {
	return fn.NewSet(fn.Func{Name: "length_of", Version: "1", Rows: fn.Keeps,
		Reads:  []fn.Column{{Name: "s", Type: kernel.StringDict()}},
		Writes: []fn.Column{{Name: "length", Type: arrow.PrimitiveTypes.Int64}},
		Run: func(_ context.Context, in fn.Input) (fn.Output, error) {
			d, ok := in.Columns[0].(*array.Dictionary)
			if !ok || d.Len() != in.Rows {
				return fn.Output{}, fmt.Errorf("given %s of %d rows, not codes of %d", in.Columns[0].DataType(), in.Columns[0].Len(), in.Rows)
			}
			values, ok := d.Dictionary().(*array.String)
			if !ok {
				return fn.Output{}, errors.New("the values are no strings")
			}
			b := array.NewInt64Builder(in.Mem)
			defer b.Release()
			long := false
			for i := range in.Rows {
				if d.IsNull(i) || values.IsNull(d.GetValueIndex(i)) {
					b.AppendNull()
					continue
				}
				s := values.Value(d.GetValueIndex(i))
				b.Append(int64(len(s)))
				long = long || len(s) > 1000
			}
			if long {
				for n := most.Load(); int64(values.Len()) > n && !most.CompareAndSwap(n, int64(values.Len())); n = most.Load() {
				}
			}
			return fn.Output{Columns: []arrow.Array{b.NewArray()}}, nil
		}})
}

// A function that asks for codes and values is given them, however the source spells its
// strings, in every plan, with nulls, and from arrays that are parts of longer ones.
func TestCodesAndValues(t *testing.T) {
	for _, dt := range []arrow.DataType{arrow.BinaryTypes.String, kernel.StringDict()} {
		for _, mode := range modes() {
			mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
			store := memory.NewStore(mem)
			ints, _, err := array.FromJSON(mem, arrow.PrimitiveTypes.Int64, strings.NewReader("[9,1,2,1,2,1,2,9]"))
			if err != nil {
				t.Fatal(err)
			}
			texts, _, err := array.FromJSON(mem, dt, strings.NewReader(`["cut","a","", null,"a","ccc","dddd","cut"]`))
			if err != nil {
				t.Fatal(err)
			}
			whole := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "kind", Type: ints.DataType(), Nullable: true}, {Name: "text", Type: dt, Nullable: true}}, nil),
				[]arrow.Array{ints, texts}, 8)
			part := whole.NewSlice(1, 7)
			if err := store.Put("events", []arrow.RecordBatch{part}); err != nil {
				t.Fatal(err)
			}
			for _, r := range []interface{ Release() }{ints, texts, whole, part} {
				r.Release()
			}
			job := rdd.NewJob("codes", []string{"odd", "even"}, rdd.From("memory", rdd.Options{"name": "events"}).
				Tag(rdd.Tag{Rules: []rdd.Rule{{Label: 1, When: "kind = 1"}, {Label: 2, When: "kind = 2"}}}).
				Filter(2, "text <> 'a'").
				Apply(rdd.Apply{For: 3, Func: "length_of", Columns: map[string]string{"s": "text"}}).
				Map(1, "text", "concat(text, text)").
				Apply(rdd.Apply{For: 1, Func: "length_of", Columns: map[string]string{"s": "text", "length": "twice"}}).
				Write(rdd.Write{Connector: "memory", Options: rdd.Options{"name": "out"}})).Using(lengths(new(atomic.Int64)))
			if _, err := engine.Run(t.Context(), job, engine.Config{Mode: mode, Mem: mem, Kinds: kinds().With(store.Kind())}); err != nil {
				t.Fatalf("%s plan, %s: %v", mode, dt, err)
			}
			var got []string
			for _, r := range store.Rows("out") {
				got = append(got, fmt.Sprint(r.Label, " ", r.Values["text"], " ", r.Values["length"], " ", r.Values["twice"]))
			}
			slices.Sort(got)
			want := []string{"even  0 <nil>", "even dddd 4 <nil>", "odd <nil> <nil> <nil>", "odd aa 1 2", "odd cccccc 3 6"}
			if !slices.Equal(got, want) {
				t.Errorf("%s plan, %s: %q, want %q", mode, dt, got, want)
			}
			store.Release()
			mem.AssertSize(t, 0)
		}
	}
}

// A long value that a Broadcast adds to all rows is one value beside their codes, and stays
// so on its way to a function that asks for codes, in every plan.
func TestOneValueForAllRows(t *testing.T) {
	for _, mode := range modes() {
		var most atomic.Int64
		state := []fn.Column{{Name: "state", Type: arrow.BinaryTypes.String}}
		events := rdd.From("generate", rdd.Options{"events": "meter", "rows": int64(20_000), "partitions": int64(1), "span": 24 * time.Hour}).
			Tag(rdd.Tag{Column: "kind", Time: "ts"}).
			Broadcast(rdd.Broadcast{For: bcError | bcBackup, Of: "states", Columns: state}).
			Filter(bcBackup, "wh > 0").
			Apply(rdd.Apply{For: bcError | bcBackup, Func: "length_of", Columns: map[string]string{"s": "state"}})
		hours := events.Window(rdd.Tumbling("ts", time.Hour)).
			Reduce(rdd.Reduce{From: bcInformation, As: bcHourly, By: []string{rdd.WindowStart}, Get: []rdd.Assign{{Column: "n", Expr: "count()"}}}).
			Map(bcHourly, "state", "concat(lpad('', 10000, 'x'), CAST(n AS string))")
		job := rdd.NewJob("states", []string{"error", "backup", "information", "hourly"},
			events.Write(rdd.Write{From: bcError | bcBackup, Connector: "memory", Options: rdd.Options{"name": "out"}, Columns: []string{"length"}}),
			hours.Write(rdd.Write{From: bcHourly, Connector: "broadcast", Options: rdd.Options{"name": "states"}})).Using(lengths(&most))
		job.Settings = rdd.Settings{BatchRows: 2000, InFlight: 1}
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		store := memory.NewStore(mem)
		if _, err := engine.Run(t.Context(), job, engine.Config{Mode: mode, Mem: mem, Kinds: kinds().With(store.Kind(), broadcast.Kind())}); err != nil {
			t.Fatalf("%s plan: %v", mode, err)
		}
		with, without := 0, 0
		for _, r := range store.Rows("out") {
			switch n, ok := r.Values["length"].(int64); {
			case !ok:
				without++
			case n > 10_000:
				with++
			default:
				t.Fatalf("%s plan: a length of %d", mode, n)
			}
		}
		if with == 0 || without == 0 || mode == planner.IDAG && most.Load() > 1 || most.Load() > 3 {
			t.Errorf("%s plan: %d rows with a state, %d without; %d values beside a long one", mode, with, without, most.Load())
		}
		store.Release()
		mem.AssertSize(t, 0)
	}
}
