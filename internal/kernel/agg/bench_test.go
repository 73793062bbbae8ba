package agg

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/idag/idag/internal/kernel"
)

const (
	frame  = 16384
	frames = 64 // a million rows
)

// workload is frames of rows to group.
type workload struct {
	types []arrow.DataType
	keys  [][]arrow.Array
	arg   []arrow.Array
}

// meters groups by a text key of the given number of values, all frames over one
// dictionary, and by a window of two values if there is one.
func meters(groups int, spelling arrow.DataType, windows bool) workload {
	r := rand.New(rand.NewPCG(1, 2))
	pool := kernel.NewPool(0)
	var in kernel.Interner
	for i := range groups {
		in.Intern(fmt.Sprintf("meter-%07d", i))
	}
	dict := in.Values(pool)
	w := workload{types: []arrow.DataType{spelling}}
	if windows {
		w.types = append(w.types, eventTime())
	}
	for f := range frames {
		codes, done := kernel.NewFixed[int32](pool, arrow.PrimitiveTypes.Int32, frame)
		starts, doneStarts := kernel.NewFixed[int64](pool, eventTime(), frame)
		for i := range codes {
			codes[i] = int32(r.IntN(groups))
			starts[i] = 0
			if f > frames/2 != (r.IntN(20) == 0) {
				starts[i] = 86400e6
			}
		}
		var key arrow.Array = array.NewDictionaryArray(kernel.StringDict(), done(nil), dict)
		if spelling.ID() == arrow.STRING {
			key = kernel.Take(pool, dict, codes)
		}
		keys := []arrow.Array{key}
		if windows {
			keys = append(keys, doneStarts(nil))
		}
		w.keys, w.arg = append(w.keys, keys), append(w.arg, floatFrame(r, pool))
	}
	return w
}

func floatFrame(r *rand.Rand, pool *kernel.Pool) arrow.Array {
	vals, done := kernel.NewFixed[float64](pool, arrow.PrimitiveTypes.Float64, frame)
	for i := range vals {
		vals[i] = float64(r.IntN(100000)) / 100
	}
	return done(nil)
}

// integers groups by a random Int64 key.
func integers(groups int) workload {
	r := rand.New(rand.NewPCG(1, 2))
	pool := kernel.NewPool(0)
	w := workload{types: []arrow.DataType{arrow.PrimitiveTypes.Int64}}
	for range frames {
		keys, done := kernel.NewFixed[int64](pool, arrow.PrimitiveTypes.Int64, frame)
		for i := range keys {
			keys[i] = int64(r.IntN(groups)) * 1_000_003
		}
		w.keys, w.arg = append(w.keys, []arrow.Array{done(nil)}), append(w.arg, floatFrame(r, pool))
	}
	return w
}

func specsOf(names ...string) []Spec {
	out := make([]Spec, len(names))
	for i, name := range names {
		out[i] = Spec{Func: name, Arg: arrow.PrimitiveTypes.Float64}
		if name == "count" {
			out[i].Arg = nil
		}
	}
	return out
}

func benchUpdate(b *testing.B, w workload, specs []Spec) {
	table := NewTable(kernel.NewPool(1<<26), w.types, specs)
	args := make([]arrow.Array, len(specs))
	f := 0
	step := func() {
		for i, s := range specs {
			args[i] = nil
			if s.Arg != nil {
				args[i] = w.arg[f]
			}
		}
		if err := table.Update(w.keys[f], args, Order{}, frame); err != nil {
			b.Fatal(err)
		}
		f = (f + 1) % frames
	}
	for range frames {
		step()
	}
	for b.Loop() {
		step()
	}
	b.ReportMetric(frame*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrow/s")
	table.Release()
}

func BenchmarkUpdate(b *testing.B) {
	dict := kernel.StringDict()
	five := []string{"count", "sum", "avg", "min", "max"}
	for _, c := range []struct {
		name string
		w    func() workload
	}{
		{"nokey", func() workload { w := integers(1); w.types = nil; w.keys = make([][]arrow.Array, frames); return w }},
		{"dict3", func() workload { return meters(3, dict, false) }},
		{"dict100", func() workload { return meters(100, dict, false) }},
		{"dict10k", func() workload { return meters(10000, dict, false) }},
		{"dict10k*2windows", func() workload { return meters(10000, dict, true) }},
		{"string10k", func() workload { return meters(10000, arrow.BinaryTypes.String, false) }},
		{"int3", func() workload { return integers(3) }},
		{"int10k", func() workload { return integers(10000) }},
		{"int1M", func() workload { return integers(1000000) }},
	} {
		for _, aggs := range [][]string{{"count", "sum"}, five} {
			b.Run(fmt.Sprintf("%s/%daggs", c.name, len(aggs)), func(b *testing.B) { benchUpdate(b, c.w(), specsOf(aggs...)) })
		}
	}
}

// BenchmarkFeeders is four aggregates of two columns over 600 groups: feeders by
// tariff and day.
func BenchmarkFeeders(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	pool := kernel.NewPool(0)
	dict := kernel.StringDict()
	w := meters(100, dict, true)
	tariffs := buildWhole(pool, arrow.BinaryTypes.String, []any{"night", "peak", "day"})
	power, factor := floatFrame(r, pool), floatFrame(r, pool)
	table := NewTable(kernel.NewPool(1<<26), []arrow.DataType{dict, eventTime(), dict}, specsOf("avg", "max", "avg", "count"))
	defer table.Release()
	for f := range frames {
		codes, done := kernel.NewFixed[int32](pool, arrow.PrimitiveTypes.Int32, frame)
		for i := range codes {
			codes[i] = int32((f*frame + i) / 20000 % 3)
		}
		w.keys[f] = append(w.keys[f], array.NewDictionaryArray(dict, done(nil), tariffs))
	}
	f := 0
	for b.Loop() {
		if err := table.Update(w.keys[f], []arrow.Array{power, power, factor, nil}, Order{}, frame); err != nil {
			b.Fatal(err)
		}
		f = (f + 1) % frames
	}
	b.ReportMetric(frame*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrow/s")
}

// BenchmarkFunction is one aggregate each over 10,000 groups of a dictionary.
func BenchmarkFunction(b *testing.B) {
	w := meters(10000, kernel.StringDict(), false)
	for _, f := range []string{"count", "sum", "avg", "min", "max", "stddev", "first", "last", "count_distinct"} {
		b.Run(f, func(b *testing.B) { benchUpdate(b, w, specsOf(f)) })
	}
}

// BenchmarkMerge is the other end of a shuffle: states of 20,000 groups into a
// table that has them; per group.
func BenchmarkMerge(b *testing.B) {
	w := meters(10000, kernel.StringDict(), true)
	specs := specsOf("count", "sum", "avg", "min", "max")
	pool := kernel.NewPool(1 << 26)
	table := NewTable(pool, w.types, specs)
	for f := range frames {
		args := []arrow.Array{nil, w.arg[f], w.arg[f], w.arg[f], w.arg[f]}
		if err := table.Update(w.keys[f], args, Order{}, frame); err != nil {
			b.Fatal(err)
		}
	}
	to := NewTable(pool, w.types, specs)
	b.Run("states+merge", func(b *testing.B) {
		for b.Loop() {
			keys, states := table.Keys(nil), table.States(nil)
			if err := to.Merge(keys, states, table.Len()); err != nil {
				b.Fatal(err)
			}
			release(keys)
			release(states)
		}
		b.ReportMetric(float64(table.Len())*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mgroup/s")
	})
}
