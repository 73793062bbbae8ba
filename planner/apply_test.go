package planner_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// program is a function that reads code and writes risk, and an aggregate of two
// arguments.
func program(change func(*fn.Func, *fn.Aggregate)) fn.Set {
	integer := func(name string) fn.Column { return fn.Column{Name: name, Type: arrow.PrimitiveTypes.Int64} }
	f := fn.Func{Name: "risky", Version: "1", Rows: fn.Keeps, Reads: []fn.Column{integer("code")}, Writes: []fn.Column{{Name: "risk", Type: arrow.PrimitiveTypes.Float64}},
		Run: func(context.Context, fn.Input) (fn.Output, error) { return fn.Output{}, errors.New("not called") }}
	a := fn.Aggregate{Name: "model", Version: "1", Args: []fn.Column{integer("x"), {Name: "any"}}, Result: arrow.BinaryTypes.Binary, Init: func() fn.State { return none{} }}
	if change != nil {
		change(&f, &a)
	}
	return fn.NewSet(f, a)
}

type none struct{}

func (none) Update([]arrow.Array, []int32) error { return nil }
func (none) Merge([]byte) error                  { return nil }
func (none) AppendState(b []byte) []byte         { return b }
func (none) Result(b array.Builder)              { b.AppendNull() }
func (none) Size() int64                         { return 0 }

// TestMistakesWithFunctions: what is wrong with the call of a function, or with its
// declaration, is told at the call.
func TestMistakesWithFunctions(t *testing.T) {
	ev := read().Tag(byKind())
	apply := func(a rdd.Apply) *rdd.Dataset { return ev.Apply(a) }
	reduce := func(e string) *rdd.Dataset {
		return ev.Reduce(rdd.Reduce{From: Err, As: Sums, By: []string{"meter"}, Get: []rdd.Assign{{Column: "m", Expr: e}}})
	}
	with := func(columns ...string) rdd.Apply {
		return rdd.Apply{Func: "risky", For: Err, Columns: map[string]string{columns[0]: columns[1]}}
	}
	for _, c := range []struct {
		name string
		set  *rdd.Dataset
		with func(*fn.Func, *fn.Aggregate)
		want string
	}{
		{"no such function", apply(rdd.Apply{Func: "risk"}), nil, `apply: no function is called "risk"; there are risky`},
		{"no such label", apply(rdd.Apply{Func: "risky", For: 1 << 9}), nil, "apply: no row here has the label ?; there are error|info|sums"},
		{"nothing to read", apply(with("code", "cdoe")), nil, `apply: the function risky reads the column "cdoe", and there is none (label error)`},
		{"another type", apply(with("code", "meter")), nil, `apply: the function risky reads the column "meter" as bigint, and it is string (label error)`},
		{"no such column", apply(with("cod", "code")), nil, `apply: the function risky has no column "cod"; it has ["code" "risk"]`},
		{"a system column", apply(with("risk", "_seq")), nil, `apply: cannot set the column "_seq", or sets it twice`},
		{"one name, two types", apply(with("risk", "code")), nil, `apply: column "code" is double for label error and bigint for label info: one name has one type`},
		{"no version", apply(rdd.Apply{Func: "risky"}), func(f *fn.Func, _ *fn.Aggregate) { f.Version = "" },
			"apply: the function risky is not declared as it should be: it has no version"},
		{"no type of the engine", apply(rdd.Apply{Func: "risky"}), func(f *fn.Func, _ *fn.Aggregate) { f.Writes[0].Type = arrow.PrimitiveTypes.Int8 },
			`apply: the function risky declares the column "risk" as int8, which is no type of the engine`},
		{"a dictionary", apply(rdd.Apply{Func: "risky"}), func(f *fn.Func, _ *fn.Aggregate) {
			f.Writes[0].Type = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
		}, `apply: the function risky declares the column "risk" as dictionary<values=utf8, indices=int32, ordered=false>, which is no type of the engine`},
		{"no such aggregate", reduce("modle(code, wh)"), nil, `reduce: "modle(code, wh)" is not an aggregate; there are count, count_distinct, sum, avg, min, max, stddev, first, last, ` +
			`approx_distinct, approx_count, approx_top, approx_moment2, sample, model`},
		{"too few arguments", reduce("model(code)"), nil, "reduce: model takes 2 arguments, here are 1"},
		{"an argument of another type", reduce("model(wh, code)"), nil, `reduce: in "model(wh, code)" at 1:7: model takes bigint as its argument x, "wh" is double (label error)`},
		{"an argument that is wrong", reduce("model(cdoe, 1)"), nil, `reduce: in "model(cdoe, 1)" at 1:7: unknown column "cdoe"; did you mean "code"? (label error)`},
		{"an aggregate badly declared", reduce("model(code, 1)"), func(_ *fn.Func, a *fn.Aggregate) { a.Init = nil },
			"reduce: the aggregate model is not declared as it should be: it is not carried out by anything"},
		{"an aggregate of a strange type", reduce("model(code, 1)"), func(_ *fn.Func, a *fn.Aggregate) { a.Result = arrow.PrimitiveTypes.Float32 },
			"reduce: the result of model is float32, which is no type of the engine"},
		{"a name that is taken", reduce("count()"), func(_ *fn.Func, a *fn.Aggregate) { a.Name = "sum" },
			"the program's aggregate sum is called like one that ships; give it another name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := mistakes(t, jobOf(c.set).Using(program(c.with)))
			first, _, _ := strings.Cut(got, "\n")
			_, text, _ := strings.Cut(first, ": ")
			if strings.TrimSpace(text) != c.want || !strings.HasPrefix(got, "apply_test.go:") && !strings.HasPrefix(got, "build_test.go:") {
				t.Errorf("the message is\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// actions are the Applies of a plan.
func actions(p *planner.Plan) []physical.Apply {
	var out []physical.Apply
	var walk func(*physical.Node)
	walk = func(n *physical.Node) {
		if a, ok := n.Action.(physical.Apply); ok {
			out = append(out, a)
		}
		for _, next := range n.Next {
			walk(next)
		}
	}
	for _, s := range p.Stages {
		walk(s.Root)
	}
	return out
}

// TestFunctionsNobodyNeeds: a function that keeps all rows is unscheduled where nobody
// reads what it writes, and its columns are not read; one that drops or multiplies them
// is carried out all the same.
func TestFunctionsNobodyNeeds(t *testing.T) {
	for _, c := range []struct {
		rows    fn.Rows
		columns []string
		applied int
	}{
		{fn.Keeps, []string{"meter"}, 0}, {fn.Keeps, []string{"risk"}, 1}, {fn.Drops, []string{"meter"}, 1}, {fn.Multiplies, []string{"meter"}, 1},
	} {
		job := rdd.NewJob("j", labels(), read().Tag(byKind()).Apply(rdd.Apply{For: Err, Func: "risky"}).Write(rdd.Write{From: Err, Connector: "console", Columns: c.columns})).
			Using(program(func(f *fn.Func, _ *fn.Aggregate) { f.Rows = c.rows }))
		for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
			p := compile(t, job, mode)
			if got := len(actions(p)); got != c.applied {
				t.Errorf("%s plan: a function that %s rows is applied %d times where %v is written, want %d", mode, c.rows, got, c.columns, c.applied)
			}
			scan, _ := p.Stages[0].Root.Action.(physical.Scan)
			if reads := strings.Contains(strings.Join(scan.Columns, " "), "code"); reads != (c.applied > 0) {
				t.Errorf("%s plan: columns %v are read for a function that is applied %d times", mode, scan.Columns, c.applied)
			}
			skipped := false
			for _, s := range p.Skipped {
				skipped = skipped || s.Reason == bypass.Unscheduled && s.Label == 0
			}
			if mode == planner.IDAG && skipped != (c.applied == 0) {
				t.Errorf("a function that %s rows, where %v is written: skipped %v", c.rows, c.columns, p.Skipped)
			}
		}
	}
}

// TestDigestsOfFunctions: all that a function is told by its declaration, and what the
// job calls its columns, decides the digest; its documentation does not.
func TestDigestsOfFunctions(t *testing.T) {
	digest := func(a rdd.Apply, with func(*fn.Func, *fn.Aggregate)) string {
		a.Func = "risky"
		d := read().Tag(byKind()).Apply(a).Reduce(rdd.Reduce{From: Err, As: Sums, By: []string{"meter"}, Get: []rdd.Assign{{Column: "m", Expr: "model(code, wh)"}}})
		return compile(t, rdd.NewJob("j", labels(), d.Write(rdd.Write{From: Sums, Connector: "console"})).Using(program(with)), planner.IDAG).JobDigest()
	}
	seen := map[string]string{}
	for name, with := range map[string]func(*fn.Func, *fn.Aggregate){
		"as it is": nil, "version": func(f *fn.Func, _ *fn.Aggregate) { f.Version = "2" }, "rows": func(f *fn.Func, _ *fn.Aggregate) { f.Rows = fn.Drops },
		"reads":        func(f *fn.Func, _ *fn.Aggregate) { f.Reads = nil },
		"any type":     func(f *fn.Func, _ *fn.Aggregate) { f.Reads[0].Type = nil },
		"writes":       func(f *fn.Func, _ *fn.Aggregate) { f.Writes[0].Name = "r" },
		"its type":     func(f *fn.Func, _ *fn.Aggregate) { f.Writes[0].Type = arrow.BinaryTypes.String },
		"the model":    func(_ *fn.Func, a *fn.Aggregate) { a.Version = "2" },
		"its argument": func(_ *fn.Func, a *fn.Aggregate) { a.Args[1].Type = arrow.PrimitiveTypes.Float64 },
		"its result":   func(_ *fn.Func, a *fn.Aggregate) { a.Result = arrow.BinaryTypes.String },
	} {
		d := digest(rdd.Apply{For: Err}, with)
		if other, ok := seen[d]; ok {
			t.Errorf("%q and %q have one digest", name, other)
		}
		seen[d] = name
	}
	if d := digest(rdd.Apply{For: Err, Columns: map[string]string{"risk": "r"}}, nil); seen[d] != "" {
		t.Errorf("other names of columns have the digest of %q", seen[d])
	}
	if d := digest(rdd.Apply{For: Err}, func(f *fn.Func, a *fn.Aggregate) { f.Doc, a.Doc = "What is risky.", "A model." }); seen[d] != "as it is" {
		t.Error("the documentation decides the digest")
	}
}
