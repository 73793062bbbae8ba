package executor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// shout is a function over meter and code that writes their text in upper case, once for
// each hundred of the code, or as often as rows has it.
func shout(rows fn.Rows, run func(in fn.Input, meters *array.String, codes *array.Int64) (fn.Output, error)) fn.Func {
	return fn.Func{Name: "shout", Version: "7", Rows: rows, Reads: []fn.Column{{Name: "meter", Type: arrow.BinaryTypes.String}, {Name: "code"}},
		Writes: []fn.Column{{Name: "loud", Type: arrow.BinaryTypes.String}, {Name: "code", Type: arrow.PrimitiveTypes.Int64}},
		Run: func(_ context.Context, in fn.Input) (fn.Output, error) {
			meters, ok := in.Columns[0].(*array.String)
			codes, is := in.Columns[1].(*array.Int64)
			if !ok || !is || in.Rows == 0 || meters.Len() != in.Rows || codes.Len() != in.Rows {
				return fn.Output{}, fmt.Errorf("%d rows of %v", in.Rows, in.Columns)
			}
			return run(in, meters, codes)
		}}
}

// often makes of every row as many as its code says, of a null one.
func often(most int64) func(in fn.Input, meters *array.String, codes *array.Int64) (fn.Output, error) {
	return func(in fn.Input, meters *array.String, codes *array.Int64) (fn.Output, error) {
		from, text, n := []int32{}, array.NewStringBuilder(in.Mem), array.NewInt64Builder(in.Mem)
		defer text.Release()
		defer n.Release()
		for i := range in.Rows {
			times := int64(1)
			if codes.IsValid(i) {
				times = min(codes.Value(i), most)
			}
			for k := range times {
				from = append(from, int32(i))
				if meters.IsNull(i) {
					text.AppendNull()
				} else {
					text.Append(strings.ToUpper(meters.Value(i)))
				}
				n.Append(k)
			}
		}
		out := fn.Output{Columns: []arrow.Array{text.NewArray(), n.NewArray()}, From: from}
		if most == 0 { // all rows
			out.From = nil
		}
		return out, nil
	}
}

// each is a row for each, in its place.
func each(in fn.Input, meters *array.String, _ *array.Int64) (fn.Output, error) {
	text, n := array.NewStringBuilder(in.Mem), array.NewInt64Builder(in.Mem)
	defer text.Release()
	defer n.Release()
	for i := range in.Rows {
		if n.Append(0); meters.IsNull(i) {
			text.AppendNull()
			continue
		}
		text.Append(strings.ToUpper(meters.Value(i)))
	}
	return fn.Output{Columns: []arrow.Array{text.NewArray(), n.NewArray()}}, nil
}

// applyRig is a rig whose job applies shout to some labels, in frames of two rows.
func applyRig(t *testing.T, mode planner.Mode, of rdd.LabelSet, f fn.Func, columns []string, rows ...string) *rig {
	t.Helper()
	return newRig(t, mode, "kind meter code wh", rdd.Tag{Column: "kind"}, func(ev *rdd.Dataset) *rdd.Job {
		d := ev.Apply(rdd.Apply{For: of, Func: "shout"})
		job := rdd.NewJob("j", labels(), d.Write(rdd.Write{Connector: "collect", Columns: columns}))
		return job.Using(fn.NewSet(f)).With(rdd.Settings{FrameRows: 2})
	}, rows)
}

// TestApply: the function sees the rows of its labels and no others, at offsets and with
// nulls, as plain text; the rows that come out are those that it names, other rows stay
// as they are, in every plan.
func TestApply(t *testing.T) {
	rows := []string{`"kind":"error","meter":"a","code":2,"wh":1`, `"kind":"info","meter":"b","code":9,"wh":2`, `"kind":"error","meter":null,"code":1,"wh":3`,
		`"kind":"error","meter":"c","code":0,"wh":4`, `"kind":"error","meter":"d","code":null,"wh":null`, `"kind":"info","meter":null,"code":null,"wh":6`}
	others := []string{"info code=9 wh=2", "info wh=6"}
	columns := []string{"loud", "code", "wh"}
	for _, c := range []struct {
		name string
		f    fn.Func
		of   rdd.LabelSet
		want []string
	}{
		{"keeps", shout(fn.Keeps, each), Err, append([]string{"error loud=A code=0 wh=1", "error code=0 wh=3", "error loud=C code=0 wh=4", "error loud=D code=0"}, others...)},
		{"keeps all labels", shout(fn.Keeps, each), 0, []string{"error loud=A code=0 wh=1", "error code=0 wh=3", "error loud=C code=0 wh=4", "error loud=D code=0",
			"info loud=B code=0 wh=2", "info code=0 wh=6"}},
		{"drops", shout(fn.Drops, often(1)), Err, append([]string{"error loud=A code=0 wh=1", "error code=0 wh=3", "error loud=D code=0"}, others...)},
		{"multiplies", shout(fn.Multiplies, often(5)), Err, append([]string{"error loud=A code=0 wh=1", "error loud=A code=1 wh=1", "error code=0 wh=3", "error loud=D code=0"}, others...)},
		{"drops all", shout(fn.Drops, func(in fn.Input, _ *array.String, _ *array.Int64) (fn.Output, error) {
			none := kernel.Nulls(in.Mem, arrow.BinaryTypes.String, 0)
			return fn.Output{Columns: []arrow.Array{none, kernel.Nulls(in.Mem, arrow.PrimitiveTypes.Int64, 0)}, From: []int32{}}, nil
		}), Err, others},
		{"drops none", shout(fn.Drops, each), Err, append([]string{"error loud=A code=0 wh=1", "error code=0 wh=3", "error loud=C code=0 wh=4", "error loud=D code=0"}, others...)},
	} {
		for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
			r := applyRig(t, mode, c.of, c.f, columns, rows...)
			first := r.run(r.scan(1, 0, 1))
			for s := 1; s < len(r.plan.Stages); s++ { // the staged form
				next := r.task(1, s, 0)
				next.Blocks = first.Blocks
				first = r.run(next)
			}
			slices.Sort(c.want)
			if got := r.out.take(); !slices.Equal(got, c.want) {
				t.Errorf("%s, %s plan:\n%q, want\n%q", c.name, mode, got, c.want)
			}
			r.free()
		}
	}
}

// TestMisbehavedFunctions: what a function returns that it has not declared is a bug of
// the program that names the function, and nothing is lost of its memory.
func TestMisbehavedFunctions(t *testing.T) {
	text := func(in fn.Input, n int) arrow.Array { return kernel.Nulls(in.Mem, arrow.BinaryTypes.String, n) }
	number := func(in fn.Input, n int) arrow.Array { return kernel.Nulls(in.Mem, arrow.PrimitiveTypes.Int64, n) }
	type shape func(in fn.Input) fn.Output
	two := func(n int, from ...int32) shape {
		return func(in fn.Input) fn.Output {
			return fn.Output{Columns: []arrow.Array{text(in, n), number(in, n)}, From: from}
		}
	}
	for want, c := range map[string]struct {
		rows fn.Rows
		make shape
	}{
		"has returned 1 columns and declares 2": {fn.Keeps, func(in fn.Input) fn.Output { return fn.Output{Columns: []arrow.Array{text(in, 2)}} }},
		`has returned no column "code"`:         {fn.Keeps, func(in fn.Input) fn.Output { return fn.Output{Columns: []arrow.Array{text(in, 2), nil}} }},
		`has returned the column "loud" as int64 and declares utf8`: {fn.Keeps, func(in fn.Input) fn.Output {
			return fn.Output{Columns: []arrow.Array{number(in, 2), number(in, 2)}}
		}},
		`has returned 1 values of the column "loud" for 2 rows`: {fn.Keeps, two(1)},
		`has returned 3 values of the column "loud" for 2 rows`: {fn.Multiplies, two(3, 0, 0)},
		"keeps all rows, and has returned From":                 {fn.Keeps, two(2, 0, 1)},
		"says that a row comes of row 2 of 2":                   {fn.Drops, two(1, 2)},
		"says that a row comes of row -1 of 2":                  {fn.Multiplies, two(1, -1)},
		"names row 0 behind row 1":                              {fn.Multiplies, two(2, 1, 0)},
		"names row 1 behind row 1":                              {fn.Drops, two(2, 1, 1)},
	} {
		for _, mode := range []planner.Mode{planner.IDAG, planner.Masked} {
			f := shout(c.rows, func(in fn.Input, _ *array.String, _ *array.Int64) (fn.Output, error) { return c.make(in), nil })
			r := applyRig(t, mode, Err, f, []string{"loud"}, `"kind":"error","meter":"a","code":2`, `"kind":"info"`, `"kind":"error"`)
			_, err := r.x.Run(t.Context(), r.scan(1, 0, 1))
			if fault.Of(err) != fault.Bug || err == nil || !strings.Contains(err.Error(), "the function shout 7 "+want) {
				t.Errorf("%s plan: want %q, got a %s: %v", mode, want, fault.Of(err), err)
			}
			r.free()
		}
	}
}

// TestFailedFunctions: an error is the author's, at the line of the call; what ends the
// task ends the function, and is no mistake; a panic is a bug with its stack.
func TestFailedFunctions(t *testing.T) {
	fails := func(run func() error) (*rig, context.Context, context.CancelFunc) {
		f := shout(fn.Keeps, func(fn.Input, *array.String, *array.Int64) (fn.Output, error) { return fn.Output{}, run() })
		ctx, cancel := context.WithCancel(t.Context())
		return applyRig(t, planner.IDAG, Err, f, []string{"loud"}, `"kind":"error","code":1`), ctx, cancel
	}
	r, ctx, cancel := fails(func() error { return errors.New("no model") })
	_, err := r.x.Run(ctx, r.scan(1, 0, 1))
	var e *rdd.Error
	if !errors.As(err, &e) || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "apply_test.go:") || !strings.Contains(err.Error(), "the function shout 7: no model") {
		t.Errorf("an error is a %s: %v", fault.Of(err), err)
	}
	cancel()

	var stop context.CancelFunc
	r, ctx, stop = fails(func() error { stop(); return context.Canceled })
	if _, err := r.x.Run(ctx, r.scan(1, 0, 1)); !errors.Is(err, context.Canceled) || errors.As(err, &e) {
		t.Errorf("the end of the task is %v", err)
	}
	r, ctx, cancel = fails(func() error { panic("no model") })
	defer cancel()
	if _, err := r.x.Run(ctx, r.scan(1, 0, 1)); fault.Of(err) != fault.Bug || !strings.Contains(fault.Stack(err), "apply_test.go") {
		t.Errorf("a panic is a %s: %v\n%s", fault.Of(err), err, fault.Stack(err))
	}
}

// TestPlain: a dictionary is spelled out by value, at its offset, and null where either
// the row or the entry is.
func TestPlain(t *testing.T) {
	mem := checked(t)
	values := array.NewStringBuilder(mem)
	defer values.Release()
	values.AppendValues([]string{"a", "", "a", "ü"}, []bool{true, false, true, true})
	dict := values.NewArray()
	defer dict.Release()
	codes := array.NewInt32Builder(mem)
	defer codes.Release()
	codes.AppendValues([]int32{3, 0, 1, 2, 0, 3}, []bool{true, true, true, true, false, true})
	index := codes.NewArray()
	defer index.Release()
	whole := array.NewDictionaryArray(kernel.StringDict(), index, dict)
	defer whole.Release()
	for from := range int64(whole.Len()) + 1 {
		part := array.NewSlice(whole, from, int64(whole.Len()))
		got := plain(mem, part)
		if want := []string{"ü", "a", "(null)", "a", "(null)", "ü"}[from:]; fmt.Sprint(spelled(got)) != fmt.Sprint(want) || got.DataType().ID() != arrow.STRING {
			t.Errorf("from %d: %v of %s, want %v", from, spelled(got), got.DataType(), want)
		}
		got.Release()
		part.Release()
	}
}

func spelled(a arrow.Array) []string {
	var out []string
	for i := range a.Len() {
		out = append(out, a.ValueStr(i))
	}
	return out
}

// TestChildrenOf: rows of one are numbered by their place among all of them, wherever
// frames are cut.
func TestChildrenOf(t *testing.T) {
	of := []int32{0, 0, 2, 3, 3, 3, 7}
	whole := childrenOf(of, 0, len(of), nil)
	if want := []int64{0, 1, 0, 0, 1, 2, 0}; !slices.Equal(whole, want) {
		t.Fatalf("%v, want %v", whole, want)
	}
	child := []int64{5, 5, 0, 1, 1, 1, math.MaxInt32}
	for from := range of {
		for to := from + 1; to <= len(of); to++ {
			got := childrenOf(of, from, to, child[from:to])
			for k, g := range got {
				if want := child[from+k]<<placeBits + whole[from+k]; g != want {
					t.Errorf("row %d of %d to %d is %d, want %d", k, from, to, g, want)
				}
			}
		}
	}
}
