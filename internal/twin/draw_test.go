package twin

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// hashOf stands for the engine's hash.
func hashOf(_ []arrow.DataType, identity []any) uint64 {
	h := uint64(14695981039346656037)
	for _, v := range identity {
		for _, c := range []byte(text(v) + ",") {
			h = (h ^ uint64(c)) * 1099511628211
		}
	}
	return h
}

func run1(t *rapid.T, c *Case, batches []Batch) *Result {
	r, err := Run(c.Job, batches, hashOf)
	if err != nil {
		t.Fatalf("%v\n%v", err, c)
	}
	return r
}

// TestOrderDoesNotMatter proves that drawn jobs have one result: whichever way
// round the rows of a batch come, and run twice.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Draw(t, hashOf)
		want := run1(t, c, c.Batches())
		for seed := range uint64(3) {
			shuffled := c.Batches()
			random := rand.New(rand.NewPCG(seed, 0))
			for _, b := range shuffled {
				for _, rows := range b.Rows {
					random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
				}
			}
			if err := Compare(run1(t, c, shuffled), want); err != nil {
				t.Fatalf("%v\n%v", err, c)
			}
		}
	})
}

// TestCutsDoNotMatter proves that with nothing late and one time for now() the
// rows of jobs that do not read their own results do not depend on how the input is cut
// into batches.
func TestCutsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Draw(t, hashOf)
		if slices.ContainsFunc(c.Job.Datasets(), func(d *rdd.Dataset) bool { return d.Op().Kind() == "broadcast" }) {
			return // here several windows leave at once
		}
		batches := c.Batches()
		whole := Batch{Closed: noTime, Watermark: noTime, Final: true, Rows: map[int][]InRow{}}
		for i := range batches {
			b := &batches[i]
			b.Closed, b.Watermark, b.Now = noTime, noTime, 0
			for s, rows := range b.Rows {
				whole.Rows[s] = append(whole.Rows[s], rows...)
			}
		}
		if err := Compare(run1(t, c, batches), run1(t, c, []Batch{whole})); err != nil {
			t.Fatalf("%v\n%v", err, c)
		}
	})
}

// TestDrawnJobsCompile proves that the planner takes what is drawn as well-formed.
func TestDrawnJobsCompile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Draw(t, hashOf)
		for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
			if _, err := planner.Compile(c.Job, mode); err != nil {
				t.Fatalf("%s: %v\n%v", mode, err, c)
			}
		}
	})
}

// TestDrawIsDeterministic proves that one seed gives one case.
func TestDrawIsDeterministic(t *testing.T) {
	gen := rapid.Custom(func(t *rapid.T) *Case { return Draw(t, hashOf) })
	for seed := range 200 {
		if a, b := gen.Example(seed).String(), gen.Example(seed).String(); a != b {
			t.Fatalf("seed %d gave\n%s\nand\n%s", seed, a, b)
		}
	}
}

// TestLedgerIsWhole proves that the cuts of a case cover each row once and in
// sequence, that watermarks rise, and that the last batch is final.
func TestLedgerIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Draw(t, nil)
		next := map[[2]int]int64{}
		for i, cut := range c.Cuts {
			for _, s := range cut.Splits {
				at := [2]int{s.Source, int(s.Partition)}
				if s.First != next[at] {
					t.Fatalf("split %+v, want it at %d", s, next[at])
				}
				next[at] += s.Rows
			}
			if i > 0 && cut.Closed != c.Cuts[i-1].Watermark || cut.Watermark < cut.Closed || cut.Final != (i == len(c.Cuts)-1) {
				t.Fatalf("batch %d of %v", i, c)
			}
		}
		for s, in := range c.Inputs {
			for p, rows := range in.Partitions {
				if next[[2]int{s, p}] != int64(len(rows)) {
					t.Fatalf("source %d/%d is cut to %d of %d rows", s, p, next[[2]int{s, p}], len(rows))
				}
			}
		}
	})
}

// TestRecords proves that the Arrow records hold the rows of the input, in all
// types and encodings, and that their memory can be given back.
func TestRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		for _, in := range Draw(t, hashOf).Inputs {
			for p, records := range in.Records(mem) {
				var got []map[string]any
				for _, rec := range records {
					if !rec.Schema().Equal(in.Schema) {
						t.Fatalf("schema %v, want %v", rec.Schema(), in.Schema)
					}
					got = append(got, rowsOf(rec)...)
					rec.Release()
				}
				if !slices.EqualFunc(got, in.Partitions[p], func(a, b map[string]any) bool {
					return Row{Values: a}.String() == Row{Values: b}.String()
				}) {
					t.Fatalf("partition %d: got %v, want %v", p, got, in.Partitions[p])
				}
			}
		}
		mem.AssertSize(t, 0)
	})
}

func rowsOf(rec arrow.RecordBatch) []map[string]any {
	out := make([]map[string]any, rec.NumRows())
	for i := range out {
		out[i] = map[string]any{}
		for j, col := range rec.Columns() {
			out[i][rec.ColumnName(j)] = valueAt(col, i)
		}
	}
	return out
}

func valueAt(col arrow.Array, i int) any {
	if col.IsNull(i) {
		return nil
	}
	switch a := col.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int64:
		return a.Value(i)
	case *array.Float64:
		return a.Value(i)
	case *array.String:
		return a.Value(i)
	case *array.Timestamp:
		return a.Value(i)
	case *array.Date32:
		return a.Value(i)
	case *array.Dictionary:
		return valueAt(a.Dictionary(), a.GetValueIndex(i))
	case *array.Duration:
		return a.Value(i)
	case *array.Decimal128:
		return json.Number(a.Value(i).ToString(a.DataType().(*arrow.Decimal128Type).Scale))
	case *array.Binary:
		return a.Value(i)
	case *array.Struct:
		out := map[string]any{}
		for k, f := range a.DataType().(*arrow.StructType).Fields() {
			out[f.Name] = valueAt(a.Field(k), i)
		}
		return out
	case *array.Map:
		out := [][2]any{}
		for k, to := a.ValueOffsets(i); k < to; k++ {
			out = append(out, [2]any{valueAt(a.Keys(), int(k)), valueAt(a.Items(), int(k))})
		}
		return out
	case *array.List:
		out := []any{}
		for k, to := a.ValueOffsets(i); k < to; k++ {
			out = append(out, valueAt(a.ListValues(), int(k)))
		}
		return out
	}
	return col.DataType()
}

// TestEvaluatorsAgree compares the twin with the engine's expressions, which
// share no evaluation, on drawn expressions over drawn rows: the values, and
// which rows fail within strict().
func TestEvaluatorsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Input{}
		g := &drawer{t: t}
		names := g.names()
		in.schema(t, names)
		in.draw(t, hashOf)
		x := &sentences{t: t, cols: names, strict: true}
		src := x.draw(one(t, "trait", []byte("bifwstd")...), 1+even(t, 4, "depth"))
		node, err := expr.Parse(src)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		program, err := expr.Check(node, in.Schema)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		types := schema{}
		for _, f := range in.Schema.Fields() {
			types[f.Name] = typeID(f.Type)
		}
		for p, records := range in.Records(mem) {
			var got []string
			for _, rec := range records {
				got = append(got, evalAll(t, program, rec, mem)...)
				rec.Release()
			}
			for i, r := range in.Partitions[p] {
				s := &scope{types: types, row: r, now: arrow.Timestamp(base)}
				want := text(s.eval(node))
				if s.failed {
					want = "failed"
				}
				if s.err != nil || got[i] != want {
					t.Fatalf("%s = %s, want %s (%v)\n%v", src, got[i], want, s.err, Row{Values: r})
				}
			}
		}
	})
}

func evalAll(t *rapid.T, program *expr.Program, rec arrow.RecordBatch, mem memory.Allocator) []string {
	r, err := program.Eval(expr.Env{Mem: mem, Now: time.UnixMicro(base)}, rec.Columns(), int(rec.NumRows()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	out := make([]string, rec.NumRows())
	for i := range out {
		out[i] = text(valueAt(r.Values, i))
		if r.Failed != nil && r.Failed.Value(i) {
			out[i] = "failed"
		}
	}
	return out
}
